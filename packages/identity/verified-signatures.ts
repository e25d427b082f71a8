import type { Certificate } from './certificate.ts';
import type { RevocationList } from './revocation-list.ts';
import { verifySignature } from './signature-algorithm.ts';
import type { TrustStore } from './trust-store.ts';

/** Pairs of (issuer, certificate) whose signature was good, oldest first. A Map keeps the order of insertion. */
const verifiedPairs = new Map<string, true>();
const maximumPairs = 8192;

/**
 * Whether `issuer`'s key signed `certificate`. A good answer is remembered under both fingerprints, so that a chain seen
 * before costs no public-key operation; bad ones are not, so that nobody can fill the memory with them.
 */
export function isSignedBy(certificate: Certificate, issuer: Certificate): boolean {
  const pair = `${issuer.fingerprint}${certificate.fingerprint}`;
  if (verifiedPairs.delete(pair)) {
    verifiedPairs.set(pair, true);
    return true;
  }
  if (issuer.keyDescription.kind === 'unsupported') return false;
  const algorithm = { oid: certificate.signatureAlgorithm, der: certificate.signatureAlgorithmDer };
  if (!verifySignature(algorithm, certificate.tbs, certificate.signature, issuer.publicKey)) return false;
  verifiedPairs.set(pair, true);
  if (verifiedPairs.size > maximumPairs) {
    const [oldest] = verifiedPairs.keys();
    if (oldest !== undefined) verifiedPairs.delete(oldest);
  }
  return true;
}

const verifiedLists = new WeakMap<RevocationList, string>();

/** Whether `issuer`'s key signed the list; remembered for as long as the list lives. */
export function isCrlSignedBy(crl: RevocationList, issuer: Certificate): boolean {
  if (verifiedLists.get(crl) === issuer.fingerprint) return true;
  if (issuer.keyDescription.kind === 'unsupported') return false;
  const algorithm = { oid: crl.signatureAlgorithm, der: crl.signatureAlgorithmDer };
  if (!verifySignature(algorithm, crl.tbs, crl.signature, issuer.publicKey)) return false;
  verifiedLists.set(crl, issuer.fingerprint);
  return true;
}

/** Whether a CA of the store, of the list's issuer name, signed it: to be asked before a list from elsewhere is kept. */
export function isCrlOfAnchor(crl: RevocationList, store: TrustStore): boolean {
  return store.findBySubject(crl.issuer).some(({ certificate }) => isCrlSignedBy(crl, certificate));
}
