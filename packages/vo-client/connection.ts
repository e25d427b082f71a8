import type { KeyObject } from 'node:crypto';

/** Who presents the TLS client certificate: a user credential, a session proxy, or host role accounts. */
export interface ClientCredential {
  /** PEM, the end-entity (or proxy) certificate first, then its issuers without the root. */
  readonly certificateChain: string;
  readonly privateKey: KeyObject;
}

/** `unix:PATH`: HTTP over the local administrator's socket. */
export declare function adminSocketUrl(path: string): string;

/** How the server's certificate is judged; neither is needed for the admin socket. */
export type ServerTrust =
  | {
      /** PEM certificates, each trusted as an anchor (host role `vo` and the host name are checked too). */
      readonly kind: 'anchors';
      readonly certificates: readonly string[];
    }
  | {
      /** IGTF directory, e.g. /etc/grid-security/certificates: signing policies and CRLs are enforced. */
      readonly kind: 'directory';
      readonly path: string;
    }
  | {
      /** Hex SHA-256 of the root that the server must send in its chain: before anything is installed. */
      readonly kind: 'fingerprint';
      readonly rootFingerprint: string;
    };
