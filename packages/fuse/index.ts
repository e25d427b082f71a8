/** A FUSE server without libfuse: mounts, speaks the kernel's protocol on /dev/fuse: docs/decisions/fuse-transport.md. */
export type {
  AttributeChanges,
  Attributes,
  AttributesReply,
  EntryReply,
  FileSystemStatistics,
  NegativeEntry,
  OpenReply,
  StatxReply,
} from './attributes.ts';
export type { DirectoryEntry, DirectoryWriter } from './directory-writer.ts';
export { type FuseSession, mountFuse, type UnmountManner } from './mount-fuse.ts';
export type { FuseMountOptions } from './mount-options.ts';
export type { FuseNotifier } from './notifier.ts';
export type {
  CopyRange,
  CreateArguments,
  DeviceArguments,
  FileLock,
  FuseOperations,
  LockArguments,
  LockType,
  NegotiatedProtocol,
  OpenArguments,
  ReleaseArguments,
  Reply,
  SetXattrArguments,
} from './operations.ts';
export type { FuseRequest } from './request.ts';
export type { SessionEnd } from './request-loop.ts';
