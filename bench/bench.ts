/** The face of a benchmark: each file bench/NAME.ts exports `bench`, and bench/run calls it by that name. */

export interface Measurement {
  /** What was measured, e.g. `getpwnam hit, 10,000 accounts`. */
  readonly case: string;
  readonly ours: number;
  /** The peer's figure from the same call; undefined where the issue names no peer (a bare figure). */
  readonly peer?: number;
  readonly peerName?: string;
  /** e.g. `us p50`, `certificates/s`, `bytes/account`. */
  readonly unit: string;
  readonly better: 'lower' | 'higher';
}

export interface Report {
  /** Adds a row; printed at once, so that a long benchmark shows its progress. */
  add(measurement: Measurement): void;
  /** A line of explanation beside the table (versions, breakdowns, what a figure leaves out). */
  note(text: string): void;
}

export interface Bench {
  readonly name: string;
  readonly what: string;
  /** True when it must run inside test/sandbox/enter --installed (PAM, NSS, daemons as installed). */
  readonly sandbox: boolean;
  /** The sandbox, whose files are in memory, gets an empty folder on disk, /srv/disk. */
  readonly disk?: boolean;
  /** Debian packages of the peers; downloaded and unpacked inside the sandbox only. */
  readonly peers?: readonly string[];
  run(report: Report): Promise<void>;
}

/** The q-quantile (0..1) of samples, nearest rank; sorts a copy. */
export function quantile(samples: ArrayLike<number>, q: number): number {
  const sorted = Float64Array.from(samples).sort();
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))] ?? Number.NaN;
}
