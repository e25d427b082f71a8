import type {
  AttributeChanges,
  AttributesReply,
  EntryReply,
  FileSystemStatistics,
  NegativeEntry,
  OpenReply,
  StatxReply,
} from './attributes.ts';
import type { DirectoryWriter } from './directory-writer.ts';
import type { FuseRequest } from './request.ts';

/**
 * An answer now or later. A negative number is an errno (-2: ENOENT), as in the kernel. What is thrown may be an error with
 * `errno` (negative) or `code` as Node's own have; anything else is EIO and is reported.
 */
export type Reply<T> = T | number | Promise<T | number>;

export interface NegotiatedProtocol {
  /** The kernel's, 7.minor. */
  readonly kernelMinor: number;
  /** Init flags that the kernel offered and those that were taken, as FUSE numbers them (bits above 31 from flags2). */
  readonly offered: bigint;
  readonly taken: bigint;
  readonly maxWriteBytes: number;
  readonly maxReadaheadBytes: number;
}

/** Of mknod, mkdir, create and tmpfile. */
export interface CreateArguments {
  /** Type and permissions; the umask is taken off already unless POSIX ACLs are on. */
  readonly mode: number;
  readonly umask: number;
}

export interface DeviceArguments extends CreateArguments {
  readonly rdev: number;
}

export interface OpenArguments {
  /** Of open(2); O_TRUNC is the file system's to do. O_CREAT and O_EXCL come with `create` alone. */
  readonly flags: number;
  /** With O_TRUNC: setuid goes, and setgid where the group may execute. */
  readonly killSetIds: boolean;
}

export interface ReleaseArguments {
  readonly handle: number;
  readonly flags: number;
  /** The owner's flock on this opening ends with it. */
  readonly flockUnlock: boolean;
  readonly lockOwner: bigint;
}

export type LockType = 'read' | 'write' | 'unlock';

export interface FileLock {
  /** First and last byte; the last is 2^63-1 for "to the end". */
  readonly start: bigint;
  readonly end: bigint;
  readonly type: LockType;
  readonly pid: number;
}

export interface LockArguments {
  readonly handle: number;
  readonly owner: bigint;
  readonly lock: FileLock;
  /** flock(2) of the whole file instead of fcntl(2). */
  readonly flock: boolean;
  /** setlkw: wait until it can be had, or `request.interrupted`. */
  readonly wait: boolean;
}

export interface SetXattrArguments {
  /** XATTR_CREATE 1, XATTR_REPLACE 2. */
  readonly flags: number;
  /** Of system.posix_acl_access: the setgid bit goes. */
  readonly killSetGid: boolean;
}

export interface CopyRange {
  readonly handleIn: number;
  readonly offsetIn: number;
  readonly nodeOut: number;
  readonly handleOut: number;
  readonly offsetOut: number;
  readonly length: number;
  readonly flags: number;
}

/**
 * A file system: a method per request of the kernel, all but `lookup` and `getattr` optional (absent: ENOSYS, and the kernel
 * does without where it can). Names have 1 to 255 bytes of any encoding and are the method's to keep; data lies in the
 * receive buffer and is its own only until the method's promise settles.
 */
export interface FuseOperations {
  /** Before any other request. */
  init?(protocol: NegotiatedProtocol): void | Promise<void>;
  /** After the last one, once, however the mount ended. */
  destroy?(): void | Promise<void>;

  /** With `exportSupport` "." and ".." are asked for too, of nodes that the kernel may have forgotten (-ESTALE: so have we). */
  lookup(request: FuseRequest, parent: number, name: Buffer): Reply<EntryReply | NegativeEntry>;
  /** The kernel drops so many of the lookups it was told; at none left it knows the node no more. Has no answer. */
  forget?(node: number, lookups: number): void;
  /** `handle`: of the opened file by which it was asked. */
  getattr(request: FuseRequest, node: number, handle: number | undefined): Reply<AttributesReply>;
  setattr?(request: FuseRequest, node: number, changes: AttributeChanges): Reply<AttributesReply>;
  statx?(
    request: FuseRequest,
    node: number,
    handle: number | undefined,
    flags: number,
    mask: number,
  ): Reply<StatxReply>;
  /** Only without `defaultPermissions`, or for chdir(2) and access(2). */
  access?(request: FuseRequest, node: number, mask: number): Reply<void>;
  readlink?(request: FuseRequest, node: number): Reply<Buffer>;
  symlink?(request: FuseRequest, parent: number, name: Buffer, target: Buffer): Reply<EntryReply>;
  mknod?(request: FuseRequest, parent: number, name: Buffer, device: DeviceArguments): Reply<EntryReply>;
  mkdir?(request: FuseRequest, parent: number, name: Buffer, directory: CreateArguments): Reply<EntryReply>;
  unlink?(request: FuseRequest, parent: number, name: Buffer): Reply<void>;
  rmdir?(request: FuseRequest, parent: number, name: Buffer): Reply<void>;
  /** `flags`: RENAME_NOREPLACE 1, RENAME_EXCHANGE 2, RENAME_WHITEOUT 4; -EINVAL for what is not served. */
  rename?(
    request: FuseRequest,
    parent: number,
    name: Buffer,
    newParent: number,
    newName: Buffer,
    flags: number,
  ): Reply<void>;
  link?(request: FuseRequest, node: number, newParent: number, newName: Buffer): Reply<EntryReply>;

  open?(request: FuseRequest, node: number, open: OpenArguments): Reply<OpenReply>;
  create?(
    request: FuseRequest,
    parent: number,
    name: Buffer,
    file: CreateArguments & OpenArguments,
  ): Reply<{ readonly entry: EntryReply; readonly open: OpenReply }>;
  tmpfile?(
    request: FuseRequest,
    parent: number,
    file: CreateArguments & OpenArguments,
  ): Reply<{ readonly entry: EntryReply; readonly open: OpenReply }>;
  /** Less than `size` only at the end of the file (unless opened `directIo`). Buffers are written from where they lie. */
  read?(
    request: FuseRequest,
    node: number,
    handle: number,
    offset: number,
    size: number,
    flags: number,
  ): Reply<Buffer | readonly Buffer[]>;
  /** The kernel has what `read` gave, or will never: the memory may be put to another use. */
  readDone?(data: readonly Buffer[]): void;
  /**
   * @returns the number of bytes taken. `writeBack`: from a shared mapping, `handle` and `request` are any writer's.
   * `killSetIds`: setuid goes, and setgid where the group may execute.
   */
  write?(
    request: FuseRequest,
    node: number,
    handle: number,
    offset: number,
    data: Buffer,
    how: { readonly flags: number; readonly writeBack: boolean; readonly killSetIds: boolean },
  ): number | Promise<number>;
  /** At each close(2) of a descriptor; POSIX locks of `lockOwner` end. */
  flush?(request: FuseRequest, node: number, handle: number, lockOwner: bigint): Reply<void>;
  fsync?(request: FuseRequest, node: number, handle: number, dataOnly: boolean): Reply<void>;
  /** The last descriptor of an opening is closed; nobody waits for the answer. */
  release?(request: FuseRequest, node: number, release: ReleaseArguments): Reply<void>;
  fallocate?(
    request: FuseRequest,
    node: number,
    handle: number,
    mode: number,
    offset: number,
    length: number,
  ): Reply<void>;
  /** SEEK_DATA 3, SEEK_HOLE 4. @returns the offset, or a negative errno. */
  lseek?(
    request: FuseRequest,
    node: number,
    handle: number,
    offset: number,
    whence: number,
  ): number | Promise<number>;
  /** @returns the number of bytes copied, which may be less than asked. */
  copyFileRange?(request: FuseRequest, node: number, range: CopyRange): number | Promise<number>;

  opendir?(request: FuseRequest, node: number, flags: number): Reply<OpenReply>;
  /** Entries from `offset` on (0: the first), "." and ".." if the file system wants them shown. */
  readdir?(
    request: FuseRequest,
    node: number,
    handle: number,
    offset: number,
    writer: DirectoryWriter,
  ): Reply<void>;
  fsyncdir?(request: FuseRequest, node: number, handle: number, dataOnly: boolean): Reply<void>;
  releasedir?(request: FuseRequest, node: number, release: ReleaseArguments): Reply<void>;

  statfs?(request: FuseRequest, node: number): Reply<FileSystemStatistics>;
  /** syncfs(2) and sync(2). */
  syncfs?(request: FuseRequest, node: number): Reply<void>;

  setxattr?(
    request: FuseRequest,
    node: number,
    name: Buffer,
    value: Buffer,
    how: SetXattrArguments,
  ): Reply<void>;
  /** The whole value; the transport answers for its size, and ERANGE where it does not fit. -ENODATA: none. */
  getxattr?(request: FuseRequest, node: number, name: Buffer): Reply<Buffer>;
  listxattr?(request: FuseRequest, node: number): Reply<readonly Buffer[]>;
  removexattr?(request: FuseRequest, node: number, name: Buffer): Reply<void>;

  /** The lock that stands in the way, or none (`type: 'unlock'`). With getlk and setlk present, locks are the file system's. */
  getlk?(request: FuseRequest, node: number, lock: LockArguments): Reply<FileLock>;
  /** -EAGAIN where it cannot be had (without `wait`). */
  setlk?(request: FuseRequest, node: number, lock: LockArguments): Reply<void>;
}
