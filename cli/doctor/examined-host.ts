import type { VoState } from '@xtreemos/accounts-client';
import type { FileSystemAnswer } from '../fs/server-examination.ts';
import type { HostPaths } from '../host-paths.ts';
import type { VoRecord } from '../vo-record.ts';
import type { InstalledParts } from './installed-parts.ts';

/** How a program ended. */
export interface CommandOutcome {
  /** Exit status; null when it was killed, did not end in time or is not installed. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** There is no such program here. */
  readonly isMissing: boolean;
}

export interface CommandOptions {
  /** Added to the environment, which otherwise holds PATH and a neutral locale only. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** What a VO service says of itself to anybody. */
export interface ServiceAnswer {
  readonly version: string;
  /** From the connection to the answer. */
  readonly tookMs: number;
  /** The service's clock minus ours, to within half of `tookMs`. */
  readonly skewMs: number;
}

export interface FileSystemSpace {
  readonly device: string;
  readonly totalBytes: number;
  readonly freeBytes: number;
  /** 0 where the file system has no fixed number of inodes. */
  readonly totalInodes: number;
  readonly freeInodes: number;
}

/**
 * The host as the checks see it: files below `root`, and everything else of the outside world as functions, so that tests
 * build hosts, good and broken ones, in a directory. Nothing in here changes anything.
 */
export interface ExaminedHost {
  readonly paths: HostPaths;
  readonly parts: InstalledParts;
  /** Joined VOs whose records can be read, and why others cannot. */
  readonly vos: readonly VoRecord[];
  readonly badRecords: readonly string[];
  readonly isRoot: boolean;
  /** As Node names it: x64, arm64. */
  readonly architecture: string;
  readonly version: string;
  readonly nowMs: () => number;
  /** An absolute path of the host, below `root`. */
  at(path: string): string;
  /** Never throws. Programs end with the check that started them. */
  run(program: string, args: readonly string[], options?: CommandOptions): Promise<CommandOutcome>;
  /** Addresses of a name as programs of this host see it; none where it has none of this family. */
  lookUp(name: string, family: 4 | 6): Promise<readonly string[]>;
  /** The fully qualified name of this host, as far as it has one. */
  hostname(): Promise<string>;
  /** Asks the VO service once, however many checks want to know. @throws XosError */
  askService(record: VoRecord): Promise<ServiceAnswer>;
  /** Asks the DIR of the VO at `HOST:PORT`, and the servers that it knows. @throws RpcError, XosError, system errors */
  askFileSystem(record: VoRecord, directory: string): Promise<FileSystemAnswer>;
  /** What xos-accounts says over the bus, and its version. @throws XosError */
  askAccounts(): Promise<{ readonly version: string; readonly vos: readonly VoState[] }>;
  /** @throws the system's error */
  space(path: string): Promise<FileSystemSpace>;
}
