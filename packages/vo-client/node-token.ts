/** What a VO administrator hands to a node's administrator: one line of text, single use. */
export interface NodeToken {
  readonly url: string;
  readonly vo: string;
  /** Hex SHA-256 of the root of the service's TLS certificate. */
  readonly caFingerprint: string;
  readonly secret: string;
  readonly expiresAtMs: number;
}

/** `xos-node-1.<base64url JSON>.<8 hex digits checksum>`: safe on a command line and in a form field. */
export declare function formatNodeToken(token: NodeToken): string;

/** Throws XosError naming what is wrong (cut short, mistyped, not a token). Expiry is the caller's and the service's to judge. */
export declare function parseNodeToken(text: string): NodeToken;
