import type { Certificate } from './certificate.ts';
import { type Place, refuseSigningPolicy } from './path-refusal.ts';
import { policyPermits, type SigningPolicy } from './signing-policy.ts';
import type { TrustStore } from './trust-store.ts';

/**
 * Judges what each CA signed (end entity first, root last) by the signing policy and the namespaces installed with it. Where
 * both stand, both must permit. Proxies are not judged: users sign them, not CAs.
 */
export function judgeSigningPolicies(
  places: readonly Place[],
  options: { readonly store: TrustStore; readonly signingPolicy?: 'required' | 'when-present' },
): void {
  for (const [index, place] of places.entries()) {
    const issuer = places[index + 1];
    if (issuer === undefined) return;
    judge(place, issuer.certificate, options);
  }
}

function judge(
  place: Place,
  issuer: Certificate,
  options: { readonly store: TrustStore; readonly signingPolicy?: 'required' | 'when-present' },
): void {
  const name = issuer.subject.rfc4514;
  const anchor = options.store
    .findBySubject(issuer.subject)
    .find(({ certificate }) => certificate.fingerprint === issuer.fingerprint);
  const policies = [anchor?.signingPolicy, anchor?.namespaces].filter((policy) => policy !== undefined);
  if (policies.length === 0) {
    if (options.signingPolicy === 'when-present') return;
    refuseSigningPolicy(
      place,
      name,
      anchor === undefined ? 'it is not installed here' : 'no signing policy is installed with it',
    );
  }
  demandUnambiguous(place, name);
  for (const policy of policies) demandPermission(policy, place, issuer);
}

function demandPermission(policy: SigningPolicy, place: Place, issuer: Certificate): void {
  const permitted = policyPermits(policy, issuer.subject.oneline, place.certificate.subject.oneline);
  if (permitted === true) return;
  const reason =
    permitted === undefined
      ? 'the policy installed with it does not name it'
      : `no pattern of its policy matches ${place.certificate.subject.oneline}`;
  refuseSigningPolicy(place, issuer.subject.rfc4514, reason);
}

/**
 * Policies are written without escaping `/`: O="X/CN=alice" reads as O=X, CN=alice. A name that could be read as another is refused;
 * `CN=host/name`, which grids use, cannot.
 */
function demandUnambiguous(place: Place, issuerName: string): void {
  const ambiguous = place.certificate.subject.attributes.find(({ value }) =>
    /\/[A-Za-z][A-Za-z0-9]*=|\/[0-9.]+=/.test(value),
  );
  if (ambiguous !== undefined) {
    const reason = `its ${ambiguous.type} holds ${JSON.stringify(ambiguous.value)}, which could be read as several attributes`;
    refuseSigningPolicy(place, issuerName, reason);
  }
}
