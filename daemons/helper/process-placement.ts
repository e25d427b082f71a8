import { readFile, writeFile } from 'node:fs/promises';
import { XosError } from '@xtreemos/base';
import type { PlaceProcessReply, PlaceProcessRequest } from '@xtreemos/helper-client';
import { type CgroupTree, cgroupError } from './cgroup-tree.ts';

/** What the kernel says of a process. */
export interface ProcessState {
  /** Clock ticks since boot; with the pid it names a process for good. */
  readonly startTime: number;
  readonly realUid: number;
  readonly isKernelThread: boolean;
  /** It has ended and only its status waits for its parent. */
  readonly isZombie: boolean;
}

/** undefined when there is no such process. */
export async function readProcess(pid: number): Promise<ProcessState | undefined> {
  try {
    const [stat, status] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'latin1'),
      readFile(`/proc/${pid}/status`, 'latin1'),
    ]);
    // The name, in parentheses, may hold anything; the fields after its last ')' begin with field 3.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const realUid = /^Uid:\s+(\d+)/m.exec(status)?.[1];
    const [startTime, flags] = [fields[19], fields[6]];
    if (realUid === undefined || startTime === undefined || flags === undefined) return undefined;
    return {
      startTime: Number(startTime),
      realUid: Number(realUid),
      isKernelThread: (Number(flags) & 0x00200000) !== 0,
      isZombie: fields[0] === 'Z' || fields[0] === 'X',
    };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}

/**
 * Moves a session leader into its session's cgroup. At that time it is login or sshd, still root, or the user's own.
 * @throws XosError XOS_NOT_FOUND when the process is another by now, XOS_PERMISSION when it is neither root's nor the
 * user's, XOS_NOT_SUPPORTED without cgroup2
 */
export async function placeProcess(
  request: PlaceProcessRequest,
  tree: CgroupTree | undefined,
  ownPid: number,
): Promise<PlaceProcessReply> {
  if (tree === undefined) {
    throw new XosError('XOS_NOT_SUPPORTED', { what: 'Placing sessions', reason: 'no cgroup2 is mounted' });
  }
  await requireProcess(request, ownPid);
  try {
    const cgroup = await tree.make(request.uid, request.sessionId);
    await writeFile(`${cgroup}/cgroup.procs`, String(request.pid));
    const after = await readProcess(request.pid);
    if (after !== undefined && after.startTime !== request.startTime) {
      // The pid went to another process in between, which does not belong here: back to the top it goes.
      await writeFile(`${tree.directory}/../cgroup.procs`, String(request.pid)).catch(() => undefined);
      throw gone(request);
    }
    return { placedBy: 'helper', cgroup };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') throw gone(request);
    throw cgroupError(error, `place process ${request.pid}`, tree.directory);
  }
}

async function requireProcess(request: PlaceProcessRequest, ownPid: number): Promise<void> {
  const process = await readProcess(request.pid);
  if (process === undefined || process.startTime !== request.startTime) throw gone(request);
  const isForeign = process.realUid !== 0 && process.realUid !== request.uid;
  if (isForeign || process.isKernelThread || request.pid === ownPid) {
    throw new XosError('XOS_PERMISSION', {
      who: 'The caller',
      attempt: `place process ${request.pid}`,
      reason: isForeign ? `it belongs to uid ${process.realUid}` : 'it is no session leader',
    });
  }
}

function gone(request: PlaceProcessRequest): XosError {
  return new XosError('XOS_NOT_FOUND', { what: 'process', name: `${request.pid} of that start time` });
}
