/** Numbers of the kernel's FUSE protocol 7.31 to 7.45 (linux/fuse.h). */

export const protocolMajor = 7;
/** Linux 5.4, the first with what is used here. */
export const leastMinor = 31;
/** Linux 6.18. */
export const mostMinor = 45;

export const inHeaderBytes = 40;
export const outHeaderBytes = 16;
export const entryBytes = 128;
export const nameMostBytes = 255;
/** What a request may have beside its data: headers, names and their ends. */
export const requestOverheadBytes = 16_384;

export const opcode = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  setattr: 4,
  readlink: 5,
  symlink: 6,
  mknod: 8,
  mkdir: 9,
  unlink: 10,
  rmdir: 11,
  rename: 12,
  link: 13,
  open: 14,
  read: 15,
  write: 16,
  statfs: 17,
  release: 18,
  fsync: 20,
  setxattr: 21,
  getxattr: 22,
  listxattr: 23,
  removexattr: 24,
  flush: 25,
  init: 26,
  opendir: 27,
  readdir: 28,
  releasedir: 29,
  fsyncdir: 30,
  getlk: 31,
  setlk: 32,
  setlkw: 33,
  access: 34,
  create: 35,
  interrupt: 36,
  destroy: 38,
  ioctl: 39,
  notifyReply: 41,
  batchForget: 42,
  fallocate: 43,
  readdirplus: 44,
  rename2: 45,
  lseek: 46,
  copyFileRange: 47,
  syncfs: 50,
  tmpfile: 51,
  statx: 52,
  copyFileRange64: 53,
} as const;

/** Bits of init; from 32 on they travel in flags2. */
export const initFlag = {
  asyncRead: 1n << 0n,
  posixLocks: 1n << 1n,
  atomicTruncate: 1n << 3n,
  exportSupport: 1n << 4n,
  bigWrites: 1n << 5n,
  dontMask: 1n << 6n,
  flockLocks: 1n << 10n,
  autoInvalidateData: 1n << 12n,
  readdirplus: 1n << 13n,
  readdirplusAuto: 1n << 14n,
  asyncDirectIo: 1n << 15n,
  parallelDirectoryOperations: 1n << 18n,
  posixAcl: 1n << 20n,
  abortError: 1n << 21n,
  maxPages: 1n << 22n,
  cacheSymlinks: 1n << 23n,
  explicitInvalidateData: 1n << 25n,
  handleKillPrivilegesV2: 1n << 28n,
  setxattrExtended: 1n << 29n,
  initExtended: 1n << 30n,
  directIoAllowMmap: 1n << 36n,
} as const;

export const openReplyFlag = {
  directIo: 1,
  keepCache: 2,
  nonseekable: 4,
  cacheDirectory: 8,
  stream: 16,
  noFlush: 32,
  parallelDirectWrites: 64,
} as const;

export const setattrValid = {
  mode: 1 << 0,
  uid: 1 << 1,
  gid: 1 << 2,
  size: 1 << 3,
  atime: 1 << 4,
  mtime: 1 << 5,
  handle: 1 << 6,
  atimeNow: 1 << 7,
  mtimeNow: 1 << 8,
  lockOwner: 1 << 9,
  ctime: 1 << 10,
  killSetIds: 1 << 11,
} as const;

export const notifyCode = { invalidateNode: 2, invalidateEntry: 3, store: 4, delete: 6 } as const;
