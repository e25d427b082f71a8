import type { DirectoryStriping } from './inode.ts';

/** How OSDs are chosen for a file. */
export type Placement =
  | { readonly kind: 'random' }
  /** Random, by the space that they have free. */
  | { readonly kind: 'free-space' }
  /** These alone, those with the most free space first. */
  | { readonly kind: 'uuid'; readonly uuids: readonly string[] };

export type AccessTimes = 'noatime' | 'relatime';

/** What a mount sees of what others did: at open(2) what was closed before, or at each call what was done before. */
export type Consistency = 'close-to-open' | 'strict';

/** Zero is no limit. */
export interface Quota {
  readonly bytes: number;
  readonly files: number;
}

/** What is kept of a volume beside its files; owner, group and mode are those of its root directory. */
export interface Volume {
  readonly id: string;
  /** In keys of the store; never used again. */
  readonly number: number;
  readonly name: string;
  /**
   * Hosts, as the VO registered them, whose clients may speak for users that are nobody's in the grid, by decimal ids, of whom 0 is the
   * superuser. `*` is every host of the VO; none: the volume is for users of the grid alone.
   */
  readonly foreignHosts: readonly string[];
  /** Only its users may enter; undefined: whoever the server admits. */
  readonly vo?: string;
  readonly striping: DirectoryStriping;
  readonly placement: Placement;
  /** Whether reads set the time of access, as mount(8) has these words; undefined: they do not. */
  readonly accessTimes?: AccessTimes;
  /** Undefined: close-to-open. */
  readonly consistency?: Consistency;
  readonly quota: Quota;
  /** For users without one of their own. */
  readonly userQuota: Quota;
  readonly userQuotas: Readonly<Record<string, Quota>>;
  /** What XtreemFS's tools set beside: kept and shown. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** @param hostname undefined in plain text, where everybody is believed */
export function takesForeignIdsFrom({ foreignHosts }: Volume, hostname: string | undefined): boolean {
  if (hostname === undefined) return foreignHosts.length > 0;
  return foreignHosts.includes('*') || foreignHosts.includes(hostname);
}

export const noQuota: Quota = { bytes: 0, files: 0 };
export const maximumVolumeNameBytes = 255;
