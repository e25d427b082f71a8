import type { Certificate } from './certificate.ts';
import type { TrustAnchor, TrustStore } from './trust-store.ts';
import { unbuilt } from './unbuilt.ts';
import type { HostRole, VoMembership } from './xos-extension.ts';

/** The person a path speaks for. */
export interface ValidatedUser {
  readonly guid: string;
  /** Login name within the VO. */
  readonly user: string;
  /** The first VO of the certificate, the one its subject names. */
  readonly vo: string;
  readonly fqans: readonly string[];
  readonly primaryFqan: string;
  /** Every VO of the certificate, `vo` first. */
  readonly memberships: readonly VoMembership[];
}

/** The host a path speaks for; role `vo` (the VO service) belongs to no VO. */
export interface ValidatedHost {
  readonly role: HostRole;
  readonly vo: string | undefined;
  readonly hostname: string;
  readonly hostGuid: string | undefined;
}

export interface ValidatedPath {
  readonly user: ValidatedUser | undefined;
  readonly host: ValidatedHost | undefined;
  /** True when a limited proxy stands anywhere in the path: no new programs may be started with it. */
  readonly limited: boolean;
  /** Proxies below the end-entity certificate. */
  readonly proxyDepth: number;
  /** GUID of the host that the session certificate or proxy is limited to. */
  readonly boundToHost: string | undefined;
  /** First certificate of the chain presented: its key is the one whose possession is to be proven. */
  readonly leaf: Certificate;
  readonly endEntity: Certificate;
  /** Leaf to root, the root included. */
  readonly path: readonly Certificate[];
  readonly root: TrustAnchor;
  /** Earliest notAfter of the path. */
  readonly notAfter: Date;
  /** Earliest nextUpdate of the CRLs used: until then the answer holds without news. */
  readonly revocationValidUntil: Date | undefined;
}

export interface ValidationOptions {
  readonly store: TrustStore;
  /** Default: the clock. */
  readonly now?: Date;
  /** Allowed difference of clocks on both ends of every validity. Default 300. */
  readonly skewSeconds?: number;
  /** VO id -> SHA-256 fingerprint of the root it hangs under (`CaFingerprint=`). Given: no other root may speak for it. */
  readonly voRoots?: ReadonlyMap<string, string>;
  /** Accept RFC 3820 proxies. Default true. */
  readonly allowProxies?: boolean;
  /**
   * GUID of the host that presents the path (from its own TLS certificate), or of the host we are. A path bound to a
   * host is refused without this or with another; a path bound to none passes.
   */
  readonly presentedBy?: string;
  /** `required` (default): every CA of the path has a fresh CRL. `when-present`: one that exists must be good. */
  readonly revocation?: 'required' | 'when-present';
  /** The same for signing policies of the CAs. */
  readonly signingPolicy?: 'required' | 'when-present';
}

/**
 * Judges a chain as presented: leaf first, each certificate followed by its issuer, the root may be left out.
 * Missing CAs are taken from the store; the path must end in a self-signed certificate of the store.
 * Synchronous; signatures verified before are remembered (bounded). Errors: XOS_IDENTITY_PATH_* naming certificate and reason.
 */
export function validatePath(chain: readonly Certificate[], options: ValidationOptions): ValidatedPath {
  return unbuilt(`validatePath ${chain.length} ${options.skewSeconds}`);
}
