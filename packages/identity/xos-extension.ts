/** Kinds of intermediate authority: extension .1.8. `CDA` may issue users, `RCA` host roles, `SERVICE` only role `vo`. */
export type AuthorityKind = 'CDA' | 'RCA' | 'SERVICE';

/** Roles a host certificate may carry (extension .1.5). */
export const hostRoles = ['accounts', 'dir', 'mrc', 'osd', 'srds', 'exec', 'vops', 'vo'] as const;
export type HostRole = (typeof hostRoles)[number];

/** What a certificate says of one VO. FQANs start with `/<VO id>`; the primary one is among them. */
export interface VoMembership {
  readonly vo: string;
  readonly fqans: readonly string[];
  readonly primaryFqan: string;
}

/** The host a session certificate or proxy is limited to (extension .1.7). */
export interface HostBinding {
  readonly hostGuid: string;
  readonly hostname: string;
}

/** The XtreemOS extensions of a certificate (docs/certificate-profile.md), as far as present. */
export interface XosExtensions {
  readonly guid?: string;
  /** Users: the VOs asserted; intermediates: the only VOs anything below may name; hosts: the VO they serve. */
  readonly vos?: readonly string[];
  readonly fqans?: readonly string[];
  readonly primaryFqans?: readonly string[];
  readonly hostRole?: HostRole;
  readonly hostGuid?: string;
  readonly session?: HostBinding;
  readonly authority?: AuthorityKind;
}
