import { type Place, refuseCrl, refuseRevoked } from './path-refusal.ts';
import type { RevocationList } from './revocation-list.ts';
import { whyAlgorithmRefused } from './signature-algorithm.ts';
import type { TrustStore } from './trust-store.ts';
import { isCrlSignedBy } from './verified-signatures.ts';

/**
 * Judges each certificate (end entity first, root last) by the newest list of its issuer, the root by its own. Lists that do
 * not verify are passed over, so that a forged file cannot displace the real one. Answers the earliest nextUpdate.
 */
export function judgeRevocation(
  places: readonly Place[],
  options: { readonly store: TrustStore; readonly revocation?: 'required' | 'when-present' },
  now: Date,
  skewMs: number,
): Date | undefined {
  let validUntil: Date | undefined;
  for (const [index, place] of places.entries()) {
    const issuer = places[index + 1] ?? place;
    const crl = usableCrl(place, issuer, options, now, skewMs);
    if (crl === undefined) continue;
    const entry = crl.revoked.get(place.certificate.serial);
    if (entry !== undefined) refuseRevoked(place, entry.revokedAt, entry.reason ?? 'no reason was given');
    const { nextUpdate } = crl;
    if (nextUpdate !== undefined && (validUntil === undefined || nextUpdate < validUntil))
      validUntil = nextUpdate;
  }
  return validUntil;
}

function usableCrl(
  place: Place,
  issuer: Place,
  options: { readonly store: TrustStore; readonly revocation?: 'required' | 'when-present' },
  now: Date,
  skewMs: number,
): RevocationList | undefined {
  const name = issuer.certificate.subject.rfc4514;
  const candidates = options.store.findCrls(issuer.certificate.subject);
  if (candidates.length === 0) {
    if (options.revocation === 'when-present') return undefined;
    refuseCrl(place, name, 'no CRL of it is installed');
  }
  const { keyUsage } = issuer.certificate;
  if (keyUsage !== undefined && !keyUsage.has('cRLSign'))
    refuseCrl(place, name, 'its key usage does not include cRLSign');
  const weak = candidates.find((crl) => whyAlgorithmRefused(crl.signatureAlgorithm) !== undefined);
  const verified = candidates.filter((crl) => isCrlSignedBy(crl, issuer.certificate));
  if (verified.length === 0) {
    const why = weak === undefined ? undefined : whyAlgorithmRefused(weak.signatureAlgorithm);
    refuseCrl(
      place,
      name,
      why === undefined ? 'no CRL installed for it is signed by its key' : `of its CRL the ${why}`,
    );
  }
  const crl = verified.find(({ thisUpdate }) => thisUpdate.getTime() <= now.getTime() + skewMs);
  if (crl === undefined)
    refuseCrl(place, name, 'its CRL is dated in the future; check the clock of this host');
  if (crl.nextUpdate === undefined) refuseCrl(place, name, 'its CRL does not say when the next one is due');
  if (now.getTime() > crl.nextUpdate.getTime() + skewMs) {
    refuseCrl(place, name, `its CRL was due for renewal at ${crl.nextUpdate.toISOString()}`);
  }
  const [unknown] = crl.unknownCriticalExtensions;
  if (unknown !== undefined)
    refuseCrl(place, name, `its CRL has the extension ${unknown}, which is not understood`);
  return crl;
}
