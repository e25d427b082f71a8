/** Why a volume was not mounted, for the person who asked, and the exit status of mount(8). */
import { reasonOf } from '@xtreemos/base';
import { RpcError } from '@xtreemos/rpc';
import { errnoName } from '@xtreemos/xtreemfs';
import { errnoOfFailure, isOutage } from './call-failure.ts';
import { type MountOptions, UsageError } from './mount-options.ts';

/** mount(8), EXIT STATUS. */
export const exitStatus = { done: 0, usage: 1, system: 2, failure: 32 } as const;

export function statusOf(error: unknown): number {
  return error instanceof UsageError ? exitStatus.usage : exitStatus.failure;
}

/** One sentence: what was attempted, why it failed, what to do. */
export function sentenceOfFailure(error: unknown, options: MountOptions | undefined): string {
  if (error instanceof UsageError || options === undefined) return reasonOf(error);
  const { source, directory, volume, mountPoint } = options;
  const what = `cannot mount ${source} on ${mountPoint}`;
  const { code, syscall } = (error ?? {}) as { readonly code?: string; readonly syscall?: string };
  const server = `${directory.address}:${directory.port}`;
  if (syscall === 'open' && code === 'ENOENT')
    return `${what}: there is no /dev/fuse; load the kernel module: modprobe fuse`;
  if (syscall === 'realpath')
    return `${what}: ${code === 'ENOENT' ? 'the mount point does not exist' : reasonOf(error)}`;
  if (syscall === 'mount')
    return code === 'EPERM'
      ? `${what}: only root may mount`
      : `${what}: mount(2) failed with ${code}: ${reasonOf(error)}`;
  if (error instanceof RpcError && error.kind === 'user')
    return `${what}: ${reasonOf(error)}; is this host a member of the VO, and its certificate good?`;
  if (error instanceof RpcError && error.kind === 'call')
    return `${what}: its MRC is none of ours; servers of XtreemFS 1.5 and 1.6 are mounted with -o plain,stock, where everybody on the network may be believed`;
  if (isOutage(error))
    return `${what}: a server does not answer (DIR ${server}): ${reasonOf(error)}; is it running, and the way to it open?`;
  const errno = errnoName(errnoOfFailure(error));
  if (errno === 'ENOENT')
    return `${what}: ${reasonOf(error)}; is ${volume} spelled right, and its MRC registered?`;
  return `${what}: ${reasonOf(error)}`;
}
