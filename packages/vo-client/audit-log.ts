/** One line of the service's append-only log. Entry `n` commits to all before it: hash = SHA-256(previousHash, canonical entry). */
export interface AuditEntry {
  readonly sequence: number;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  /** The VO concerned, null for the service as a whole. */
  readonly vo: string | null;
  /** Who did it: `local-admin`, `user:alice@physics.example`, `node:host1.example@physics.example`, `anonymous:192.0.2.1`, `service`. */
  readonly actor: string;
  /** What was done, e.g. `member.approve`, `certificate.issue`. */
  readonly action: string;
  /** To whom or what: user, serial, node, group. */
  readonly subject: string;
  /** Facts that differ per action. Never a secret. */
  readonly details: Readonly<Record<string, string | number | boolean | null>>;
  /** Hex SHA-256. */
  readonly previousHash: string;
  readonly hash: string;
}

export interface AuditQuery {
  /** Only entries after this sequence number (default 0: from the first). */
  readonly after?: number;
  /** At most so many (default 100, at most 1000). */
  readonly limit?: number;
}

export interface AuditVerification {
  readonly entries: number;
  /** Null when every hash holds; else the first sequence number at which the chain breaks. */
  readonly brokenAt: number | null;
  /** Hash of the last entry: note it elsewhere to detect a log cut short. */
  readonly head: string;
}
