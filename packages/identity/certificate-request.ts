import type { KeyObject } from 'node:crypto';
import type { KeyDescription } from './certificate.ts';
import type { DistinguishedName } from './distinguished-name.ts';
import { unbuilt } from './unbuilt.ts';

/** A PKCS#10 request whose own signature was verified: whoever made it held the key. */
export interface CertificateRequest {
  readonly der: Buffer;
  readonly subject: DistinguishedName;
  readonly publicKey: KeyObject;
  readonly keyDescription: KeyDescription;
  /** SHA-256 of the SubjectPublicKeyInfo, lower-case hex. */
  readonly keyFingerprint: string;
}

/** DER of a request. The subject is a wish: the authority names subjects itself from the VO's record. */
export function makeCertificateRequest(request: {
  readonly key: KeyObject;
  readonly commonName: string;
}): Buffer {
  return unbuilt(`makeCertificateRequest ${request.commonName}`);
}

/** DER as PEM (`CERTIFICATE REQUEST`). */
export function certificateRequestPem(der: Buffer): string {
  return unbuilt(`certificateRequestPem ${der.length}`);
}

/**
 * Reads PEM or DER (<= 16 KiB), verifies its signature and judges the key.
 * Errors: XOS_IDENTITY_MALFORMED, XOS_IDENTITY_SIGNATURE_INVALID, XOS_IDENTITY_KEY_WEAK.
 */
export function parseCertificateRequest(bytes: Buffer | string): CertificateRequest {
  return unbuilt(`parseCertificateRequest ${bytes.length}`);
}
