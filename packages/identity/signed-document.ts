import type { Credential } from './credential.ts';
import type { ValidatedPath, ValidationOptions } from './path-validation.ts';
import { unbuilt } from './unbuilt.ts';
import type { HostRole } from './xos-extension.ts';

/** Header of a signed document. */
export interface DocumentHeader {
  /** What the payload is: `[a-z0-9.-]{1,64}`, such as `membership`. */
  readonly type: string;
  readonly vo: string;
  /** Only grows; a reader refuses what is older than what it has. */
  readonly version: number;
  readonly issuedAt: Date;
  readonly notAfter: Date;
}

export interface SignedDocument {
  readonly header: DocumentHeader;
  /** A view into the bytes given, not a copy. */
  readonly payload: Buffer;
  readonly signer: ValidatedPath;
}

/** Largest document accepted: 64 MiB. */
export const maximumDocumentBytes = 67108864;

/** Header, payload, signature and the signer's chain in one buffer. */
export function signDocument(
  payload: Buffer,
  credential: Credential,
  header: {
    readonly type: string;
    readonly vo: string;
    readonly version: number;
    readonly notAfter: Date;
    readonly now?: Date;
  },
): Buffer {
  return unbuilt(`signDocument ${payload.length} ${credential.certificate.serial} ${header.type}`);
}

/**
 * Reads and verifies: chain (as `validatePath` with these options), signer's host role and VO, signature, type, VO,
 * version >= minimumVersion, notAfter (no skew on it). Errors: XOS_IDENTITY_DOCUMENT_REFUSED or the path's.
 */
export function verifyDocument(
  bytes: Buffer,
  expected: ValidationOptions & {
    readonly type: string;
    readonly vo: string;
    readonly role: HostRole;
    readonly minimumVersion?: number;
  },
): SignedDocument {
  return unbuilt(`verifyDocument ${bytes.length} ${expected.type}`);
}
