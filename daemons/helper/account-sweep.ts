import { readdir } from 'node:fs/promises';
import { reasonOf, XosError } from '@xtreemos/base';
import type { SweepReply, SweepRequest } from '@xtreemos/helper-client';
import type { CgroupTree } from './cgroup-tree.ts';
import {
  type HeldDirectory,
  holdBeneathIfThere,
  holdDirectoryIfThere,
  unlinkEntry,
} from './held-directory.ts';
import type { Launcher } from './launcher.ts';
import { emptyReport, type RemovalReport, removeEntries, removeEntry } from './owned-tree.ts';
import { readProcess } from './process-placement.ts';
import { removeSessions } from './session-directory.ts';

export interface AccountSweepOptions {
  /** `/tmp`, `/var/tmp`, `/dev/shm`, `/dev/mqueue`; those that are not there are passed over. */
  readonly directories: readonly string[];
  /** Spools of cron and at. */
  readonly spoolDirectories: readonly string[];
  readonly lingerDirectory: string;
  /** `/run/user` */
  readonly runtimeDirectory: string;
  readonly sessionDirectory: string;
  readonly timeoutMs: number;
  readonly launcher: Launcher;
  readonly tree: CgroupTree | undefined;
  /** False for static accounts, of which only the sessions' files are removed: the rest is a local person's. */
  readonly isLeased: (uid: number) => boolean;
}

const maximumLines = 64;

/** @throws XosError XOS_STATE_WRONG while processes of the account run: they would undo it. */
export async function sweepAccount(request: SweepRequest, options: AccountSweepOptions): Promise<SweepReply> {
  const { uid, loginName } = request;
  if (!options.isLeased(uid)) return await sweepStatic(uid, options);
  await requireNoProcesses(uid);
  const total = emptyReport();
  const signal = AbortSignal.timeout(options.timeoutMs);
  const owned = { ownerUid: uid, signal };
  // First what would start something new.
  const spools = emptyReport();
  for (const directory of options.spoolDirectories) {
    add(spools, await inDirectory(directory, total, (held) => removeEntries(held, directory, owned)));
    // Some distributions keep a crontab as root's, named by its user.
    add(spools, await inDirectory(directory, total, (held) => removeNamed(held, loginName)));
  }
  const linger = await inDirectory(options.lingerDirectory, total, (held) => removeNamed(held, loginName));
  for (const directory of options.directories) {
    add(total, await inDirectory(directory, total, (held) => removeEntries(held, directory, owned)));
  }
  add(total, { ...spools, removed: 0 });
  add(
    total,
    await inDirectory(options.runtimeDirectory, total, (held) => removeRuntime(held, options, uid, signal)),
  );
  const attempt = async <Value>(
    what: string,
    action: () => Promise<Value>,
    fallback: Value,
  ): Promise<Value> => {
    try {
      return await action();
    } catch (error) {
      note(total, `${what}: ${reasonOf(error)}`);
      return fallback;
    }
  };
  const nothing = { memory: 0, semaphores: 0, queues: 0, keyrings: 0 };
  const leftovers = await attempt('IPC and keyrings', () => options.launcher.removeLeftovers(uid), nothing);
  const sessions = await attempt('session files', () => removeSessions(uid, options.sessionDirectory), 0);
  await attempt('cgroups', async () => options.tree?.prune(uid), undefined);
  // A job that cron or at had begun before its entry was gone may have run beside all of this.
  await requireNoProcesses(uid);
  return {
    filesRemoved: total.removed,
    directoriesKept: total.kept,
    sharedMemoryRemoved: leftovers.memory,
    semaphoresRemoved: leftovers.semaphores,
    messageQueuesRemoved: leftovers.queues,
    cronEntriesRemoved: spools.removed,
    lingerRemoved: linger.removed > 0,
    keyringsCleared: leftovers.keyrings,
    sessionsRemoved: sessions,
    problems: total.problems,
    complete: total.complete,
  };
}

async function requireNoProcesses(uid: number): Promise<void> {
  const running = await processesOf(uid);
  if (running.length === 0) return;
  throw new XosError('XOS_STATE_WRONG', {
    attempt: `sweep after uid ${uid}`,
    what: 'the account',
    state: `running processes (${running.slice(0, 8).join(', ')})`,
    wanted: 'ended',
  });
}

async function sweepStatic(uid: number, options: AccountSweepOptions): Promise<SweepReply> {
  const sessionsRemoved = await removeSessions(uid, options.sessionDirectory);
  await options.tree?.prune(uid);
  return {
    filesRemoved: 0,
    directoriesKept: [],
    sharedMemoryRemoved: 0,
    semaphoresRemoved: 0,
    messageQueuesRemoved: 0,
    cronEntriesRemoved: 0,
    lingerRemoved: false,
    keyringsCleared: 0,
    sessionsRemoved,
    problems: [],
    complete: true,
  };
}

async function inDirectory(
  path: string,
  total: RemovalReport,
  action: (held: HeldDirectory) => Promise<RemovalReport>,
): Promise<RemovalReport> {
  try {
    await using held = await holdDirectoryIfThere(path);
    return held === undefined ? emptyReport() : await action(held);
  } catch (error) {
    note(total, `${path}: ${reasonOf(error)}`);
    return emptyReport();
  }
}

async function removeNamed(held: HeldDirectory, name: string): Promise<RemovalReport> {
  const report = emptyReport();
  if (await unlinkEntry(held, name)) report.removed++;
  return report;
}

/** Where logind mounted a file system there, it is emptied, and logind unmounts it with the user's last session. */
async function removeRuntime(
  held: HeldDirectory,
  options: AccountSweepOptions,
  uid: number,
  signal: AbortSignal,
): Promise<RemovalReport> {
  const path = `${options.runtimeDirectory}/${uid}`;
  const everything = { ownerUid: undefined, signal };
  await using own = await holdBeneathIfThere(held, String(uid));
  if (own === undefined) return emptyReport();
  const report = await removeEntries(own, path, everything);
  add(report, await removeEntry(held, options.runtimeDirectory, String(uid), everything));
  return report;
}

function add(total: RemovalReport, part: RemovalReport): void {
  total.removed += part.removed;
  total.complete &&= part.complete;
  for (const line of part.kept) if (total.kept.length < maximumLines) total.kept.push(line);
  for (const line of part.problems) note(total, line);
}

function note(report: RemovalReport, line: string): void {
  if (report.problems.length < maximumLines) report.problems.push(line);
}

/** Pids of living processes whose real uid it is. */
async function processesOf(uid: number): Promise<readonly number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^[1-9]\d*$/.test(name)) continue;
    const process = await readProcess(Number(name));
    if (process?.realUid === uid && !process.isZombie) found.push(Number(name));
  }
  return found;
}
