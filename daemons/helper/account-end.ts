import type { EndAccountReply } from '@xtreemos/helper-client';
import { type CgroupTree, cgroupError } from './cgroup-tree.ts';
import type { Launcher } from './launcher.ts';
import type { ServiceManager } from './service-manager.ts';

export interface AccountEndOptions {
  readonly tree: CgroupTree | undefined;
  /** Where PID 1 is systemd. */
  readonly manager: ServiceManager | undefined;
  readonly launcher: Launcher;
  /** False for static accounts: the uid's other processes are a local person's. */
  readonly isLeased: (uid: number) => boolean;
}

const killSeconds = 10;

/**
 * Ends all that an account runs. The cgroup and the slice go first because they end everything in one stroke; then every
 * process of the uid wherever it is: no process of the account outlives this by having left its cgroup.
 * Of a static account only the grid sessions' cgroups are killed.
 */
export async function endAccount(uid: number, options: AccountEndOptions): Promise<EndAccountReply> {
  const { tree, manager, launcher, isLeased } = options;
  const problems: unknown[] = [];
  // One way that fails must not keep the others from being tried; the last one decides.
  const attempt = async <Value>(action: () => Promise<Value>, fallback: Value): Promise<Value> => {
    try {
      return await action();
    } catch (error) {
      problems.push(error);
      return fallback;
    }
  };
  const cgroupsKilled = await attempt(async () => (await tree?.kill(uid)) ?? 0, 0);
  const sliceStopped = await attempt(async () => {
    if (manager === undefined || !isLeased(uid)) return false;
    const slice = `user-${uid}.slice`;
    await manager.killUnit(slice);
    const stopped = await manager.stopUnit(slice);
    // The person's own manager was killed, which is no failure of the host's.
    await manager.resetFailedUnit(`user@${uid}.service`);
    return stopped;
  }, false);
  const processesLeft = isLeased(uid) ? await launcher.killUid(uid, killSeconds) : 0;
  await attempt(async () => tree?.prune(uid), undefined);
  if (problems.length > 0 && (processesLeft > 0 || !isLeased(uid))) {
    throw cgroupError(problems[0], `end the account of uid ${uid}`, tree?.directory ?? 'PID 1');
  }
  return { cgroupsKilled, sliceStopped, processesLeft };
}
