import type { RootKey } from './trust.ts';

export interface VoCreation {
  /** `[a-z0-9][a-z0-9.-]{0,62}`. */
  readonly id: string;
  readonly description?: string;
  /** Give the VO a trust domain (named as the VO) and a root of its own. */
  readonly ownRoot?: boolean;
  /** Put it into this trust domain; default: the service's default one. */
  readonly domain?: string;
  /** Needed when that domain's root is offline. */
  readonly rootKey?: RootKey;
}

export interface Vo {
  readonly id: string;
  readonly description: string;
  readonly domain: string;
  readonly rootFingerprint: string;
  readonly membershipVersion: number;
  readonly crlVersion: number;
  readonly activeMembers: number;
  readonly activeNodes: number;
  readonly createdAtMs: number;
}

export interface Group {
  /** Path without the VO, e.g. `atlas/muons`. Components `[a-z0-9][a-z0-9_-]*`. */
  readonly path: string;
  readonly description: string;
  readonly members: number;
}
