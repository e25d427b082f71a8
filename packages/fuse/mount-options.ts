import type { FuseOperations } from './operations.ts';

export interface FuseMountOptions {
  /** An existing directory. */
  readonly mountPoint: string;
  /** First column of mount tables. */
  readonly source: string;
  /** The type shown is `fuse.` and this; default 'xtreemfs'. */
  readonly subtype?: string;
  readonly operations: FuseOperations;
  /** Users other than the mounting one may enter; default true. */
  readonly allowOther?: boolean;
  /** The kernel checks permissions by mode (and ACL); default true. */
  readonly defaultPermissions?: boolean;
  /** POSIX ACLs: the kernel checks them, the file system keeps system.posix_acl_*; default false. */
  readonly posixAcl?: boolean;
  /** Owner of the mount, for `allowOther: false`; default the process's. */
  readonly userId?: number;
  readonly groupId?: number;
  readonly readOnly?: boolean;
  /** Whether set-user-id bits and device files on it count; default neither. */
  readonly setuid?: boolean;
  readonly devices?: boolean;
  readonly noExec?: boolean;
  /** Of one write or read; default and at most 1 MiB. */
  readonly maxWriteBytes?: number;
  /** Default 1 MiB for what the kernel is answered, which offers 128 KiB; when given, the kernel is told it through /sys, up to 1 MiB. */
  readonly maxReadaheadBytes?: number;
  /** Requests in the background (readahead, asynchronous direct I/O) at once; default 64. */
  readonly maxBackground?: number;
  /** After this long a lookup is answered -ETIMEDOUT: one that hangs makes its directory unusable and its users unkillable. Default 30 s. */
  readonly lookupTimeoutMs?: number;
  /** The kernel may cache what symbolic links say; default true. */
  readonly cacheSymlinks?: boolean;
  /** Cached data is dropped when size or mtime are seen to have changed (default), or only when `notify` says so. */
  readonly dataInvalidation?: 'automatic' | 'explicit';
  /** readdirplus: when the kernel thinks that it pays (default), always or never. */
  readonly readdirplus?: 'auto' | 'always' | 'never';
  /** Handles of files (NFS, open_by_handle_at) outlive the kernel's memory of the node: `lookup` of "." and "..". Default true. */
  readonly exportSupport?: boolean;
  /** A process that frees everyone who waits on the mount should this one be killed; default true. */
  readonly guard?: boolean;
  /** What an operation threw that is no errno; its caller gets EIO. */
  readonly onError?: (error: unknown, operation: string) => void;
}

/** MS_* of mount(2). */
const flag = { readOnly: 1, noSuid: 2, noDev: 4, noExec: 8 } as const;

export function mountFlags(options: FuseMountOptions): number {
  return (
    (options.readOnly === true ? flag.readOnly : 0) |
    (options.setuid === true ? 0 : flag.noSuid) |
    (options.devices === true ? 0 : flag.noDev) |
    (options.noExec === true ? flag.noExec : 0)
  );
}

/** The data of mount(2). */
export function mountData(options: FuseMountOptions, device: number, maxReadBytes: number): string {
  const userId = options.userId ?? process.geteuid?.() ?? 0;
  const groupId = options.groupId ?? process.getegid?.() ?? 0;
  return [
    `fd=${device}`,
    'rootmode=40000',
    `user_id=${userId}`,
    `group_id=${groupId}`,
    `max_read=${maxReadBytes}`,
    ...((options.allowOther ?? true) ? ['allow_other'] : []),
    ...((options.defaultPermissions ?? true) ? ['default_permissions'] : []),
  ].join(',');
}
