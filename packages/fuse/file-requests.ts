import type { EntryReply, OpenReply } from './attributes.ts';
import { errno } from './errno.ts';
import type { Message } from './message.ts';
import type { CreateArguments, FuseOperations, OpenArguments, ReleaseArguments } from './operations.ts';
import { opcode } from './protocol.ts';
import type { ReplyWriter } from './reply-writer.ts';
import type { PendingRequest } from './request.ts';
import { type AnyKind, kind } from './request-kind.ts';

interface Created {
  readonly entry: EntryReply;
  readonly open: OpenReply;
}

const openKillsSetIds = 1;
const writeFromCache = 1;
const writeKillsSetIds = 4;
const releaseFlockUnlock = 2;
const dataOnly = 1;

const createArguments = (message: Message): CreateArguments & OpenArguments => ({
  flags: message.u32(0),
  mode: message.u32(4),
  umask: message.u32(8),
  killSetIds: (message.u32(12) & openKillsSetIds) !== 0,
});

export const releaseArguments = (message: Message): ReleaseArguments => ({
  handle: message.u64(0),
  flags: message.u32(8),
  flockUnlock: (message.u32(12) & releaseFlockUnlock) !== 0,
  lockOwner: message.big(16),
});

/** An opening that its process never got. */
export const unopened = (handle: number): ReleaseArguments => ({
  handle,
  flags: 0,
  flockUnlock: false,
  lockOwner: 0n,
});

/** What the kernel never took is released; nobody waits for how that went. */
export function abandon(result: unknown): void {
  if (result instanceof Promise) result.catch(() => undefined);
}

const answersCreated = {
  encode(reply: Created, writer: ReplyWriter): void {
    writer.entry(reply.entry);
    writer.open(reply.open);
  },
  undo(reply: Created, operations: FuseOperations, request: PendingRequest): void {
    abandon(operations.release?.(request, reply.entry.node, unopened(reply.open.handle)));
    operations.forget?.(reply.entry.node, 1);
  },
};

const encodeCount = (count: number, writer: ReplyWriter): void => {
  writer.u32(count);
  writer.u32(0);
};

const copyRange = (operations: FuseOperations, request: PendingRequest, message: Message) => {
  const offsetIn = message.u64(8);
  const offsetOut = message.u64(32);
  if (!Number.isSafeInteger(offsetIn) || !Number.isSafeInteger(offsetOut)) return errno.EFBIG;
  return operations.copyFileRange?.(request, message.node, {
    handleIn: message.u64(0),
    offsetIn,
    nodeOut: message.u64(16),
    handleOut: message.u64(24),
    offsetOut,
    length: message.u64(40),
    flags: message.u64(48),
  });
};

export const fileRequests: readonly (readonly [number, AnyKind])[] = [
  [
    opcode.open,
    kind<OpenReply>({
      operation: 'open',
      bodyBytes: 8,
      run: (operations, request, message) =>
        operations.open?.(request, message.node, {
          flags: message.u32(0),
          killSetIds: (message.u32(4) & openKillsSetIds) !== 0,
        }),
      encode: (reply, writer): void => writer.open(reply),
      undo: (reply, operations, request, node) =>
        abandon(operations.release?.(request, node, unopened(reply.handle))),
    }),
  ],
  [
    opcode.create,
    kind<Created>({
      operation: 'create',
      bodyBytes: 17,
      run: (operations, request, message) =>
        operations.create?.(request, message.node, message.name(16), createArguments(message)),
      ...answersCreated,
    }),
  ],
  [
    opcode.tmpfile,
    kind<Created>({
      operation: 'tmpfile',
      bodyBytes: 16,
      run: (operations, request, message) =>
        operations.tmpfile?.(request, message.node, createArguments(message)),
      ...answersCreated,
    }),
  ],
  [
    opcode.read,
    kind<Buffer | readonly Buffer[]>({
      operation: 'read',
      bodyBytes: 40,
      run(operations, request, message) {
        const offset = message.u64(8);
        const size = message.u32(16);
        request.limit = size;
        // No file is that long.
        if (!Number.isSafeInteger(offset)) return [];
        return operations.read?.(request, message.node, message.u64(0), offset, size, message.u32(32));
      },
      encode(data, writer, request) {
        if (writer.data(data) <= request.limit) return undefined;
        throw new RangeError(`read: more than the ${request.limit} bytes asked for`);
      },
      done: (data, operations) => operations.readDone?.(Buffer.isBuffer(data) ? [data] : data),
    }),
  ],
  [
    opcode.write,
    kind<number>({
      operation: 'write',
      bodyBytes: 40,
      keepsBuffer: true,
      run(operations, request, message) {
        const offset = message.u64(8);
        const size = message.u32(16);
        const how = message.u32(20);
        const data = message.data(40, size);
        if (!Number.isSafeInteger(offset + size)) return errno.EFBIG;
        return operations.write?.(request, message.node, message.u64(0), offset, data, {
          flags: message.u32(32),
          writeBack: (how & writeFromCache) !== 0,
          killSetIds: (how & writeKillsSetIds) !== 0,
        });
      },
      encode: encodeCount,
    }),
  ],
  [
    opcode.flush,
    kind<void>({
      operation: 'flush',
      bodyBytes: 24,
      survivesExit: true,
      run: (operations, request, message) =>
        operations.flush?.(request, message.node, message.u64(0), message.big(16)),
    }),
  ],
  [
    opcode.release,
    kind<void>({
      operation: 'release',
      bodyBytes: 24,
      survivesExit: true,
      run: (operations, request, message) =>
        operations.release?.(request, message.node, releaseArguments(message)),
    }),
  ],
  [
    opcode.fsync,
    kind<void>({
      operation: 'fsync',
      bodyBytes: 16,
      run: (operations, request, message) =>
        operations.fsync?.(request, message.node, message.u64(0), (message.u32(8) & dataOnly) !== 0),
    }),
  ],
  [
    opcode.fallocate,
    kind<void>({
      operation: 'fallocate',
      bodyBytes: 32,
      run(operations, request, message) {
        const offset = message.u64(8);
        const length = message.u64(16);
        if (!Number.isSafeInteger(offset + length)) return errno.EFBIG;
        return operations.fallocate?.(request, message.node, message.u64(0), message.u32(24), offset, length);
      },
    }),
  ],
  [
    opcode.lseek,
    kind<number>({
      operation: 'lseek',
      bodyBytes: 24,
      run(operations, request, message) {
        const offset = message.u64(8);
        if (!Number.isSafeInteger(offset)) return errno.ENXIO;
        return operations.lseek?.(request, message.node, message.u64(0), offset, message.u32(16));
      },
      encode: (offset, writer): void => writer.u64(offset),
    }),
  ],
  [
    opcode.copyFileRange,
    kind<number>({ operation: 'copyFileRange', bodyBytes: 56, run: copyRange, encode: encodeCount }),
  ],
  [
    opcode.copyFileRange64,
    kind<number>({
      operation: 'copyFileRange',
      bodyBytes: 56,
      run: copyRange,
      encode: (count, writer): void => writer.u64(count),
    }),
  ],
];
