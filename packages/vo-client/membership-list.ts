/** `type` of the signed document that `GET /v1/vos/:vo/membership` answers. */
export const membershipDocumentType = 'xtreemos-membership';

export interface MembershipEntry {
  readonly user: string;
  readonly guid: string;
  /** The primary FQAN first. */
  readonly fqans: readonly string[];
  /** The membership's end, null when open. */
  readonly expiresAtMs: number | null;
}

/** The verified payload: active members only. A serial in `revokedSshSerials` refuses that SSH certificate. */
export interface MembershipList {
  readonly vo: string;
  /** Only grows; a node refuses a list older than the one it holds. */
  readonly version: number;
  readonly members: readonly MembershipEntry[];
  /** Decimal serials of SSH certificates revoked and not yet expired. */
  readonly revokedSshSerials: readonly string[];
}

/** Shape check of a payload whose signature was verified. Throws XosError XOS_VO_BAD_MEMBERSHIP naming what is wrong. */
export declare function parseMembershipList(payload: unknown): MembershipList;
