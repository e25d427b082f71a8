import type { ExaminedHost } from './examined-host.ts';
import type { Finding } from './finding.ts';

/** One thing that is looked at: `xos doctor NAME`. */
export interface Check {
  readonly name: string;
  /** What it looks at, for `--help` and the man page: lower case, no full stop. */
  readonly about: string;
  /** Only looks, never changes anything. What it throws is a finding of its own: the check could not be done. */
  examine(host: ExaminedHost): Promise<readonly Finding[]>;
}
