import { XosError } from '@xtreemos/base';
import type { Certificate } from './certificate.ts';

/** The rule that a path broke: `details.rule` of the error. docs/path-validation.md explains each. */
export type PathRule =
  | 'chain-length'
  | 'order'
  | 'untrusted'
  | 'signature'
  | 'algorithm'
  | 'key'
  | 'expired'
  | 'not-yet-valid'
  | 'revoked'
  | 'crl'
  | 'not-a-ca'
  | 'key-usage'
  | 'path-length'
  | 'name-constraint'
  | 'critical-extension'
  | 'signing-policy'
  | 'end-entity'
  | 'vo'
  | 'vo-root'
  | 'authority'
  | 'user'
  | 'host'
  | 'proxy'
  | 'proxy-path-length'
  | 'proxy-policy'
  | 'host-binding';

/** The certificate at fault and where it stands in the path, 0 being the leaf. */
export interface Place {
  readonly certificate: Certificate;
  readonly position: number;
}

function placeDetails({ certificate, position }: Place, rule: PathRule) {
  return { rule, position, subject: certificate.subject.rfc4514, serial: certificate.serial };
}

/** Refuses a path: which certificate, which rule, why. */
export function refusePath(place: Place, rule: PathRule, reason: string): never {
  throw new XosError('XOS_CHAIN_INVALID', { ...placeDetails(place, rule), reason });
}

export function refuseExpired(place: Place): never {
  const notAfter = place.certificate.notAfter.toISOString();
  throw new XosError('XOS_CREDENTIAL_EXPIRED', { ...placeDetails(place, 'expired'), notAfter });
}

export function refuseNotYetValid(place: Place): never {
  const notBefore = place.certificate.notBefore.toISOString();
  throw new XosError('XOS_CREDENTIAL_NOT_YET_VALID', { ...placeDetails(place, 'not-yet-valid'), notBefore });
}

export function refuseRevoked(place: Place, revokedAt: Date, reason: string): never {
  const details = { ...placeDetails(place, 'revoked'), revokedAt: revokedAt.toISOString(), reason };
  throw new XosError('XOS_CREDENTIAL_REVOKED', details);
}

export function refuseUntrusted(place: Place): never {
  const issuer = place.certificate.issuer.rfc4514;
  throw new XosError('XOS_CHAIN_UNTRUSTED', { ...placeDetails(place, 'untrusted'), issuer });
}

export function refuseSigningPolicy(place: Place, issuer: string, reason: string): never {
  throw new XosError('XOS_CHAIN_SIGNING_POLICY', {
    ...placeDetails(place, 'signing-policy'),
    issuer,
    reason,
  });
}

export function refuseCrl(place: Place, issuer: string, reason: string): never {
  throw new XosError('XOS_CRL_UNUSABLE', { ...placeDetails(place, 'crl'), issuer, reason });
}
