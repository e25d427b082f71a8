import type { AttributeChanges, AttributesReply, FileSystemStatistics, StatxReply } from './attributes.ts';
import { errno } from './errno.ts';
import type { Message } from './message.ts';
import { opcode, setattrValid } from './protocol.ts';
import type { ReplyWriter } from './reply-writer.ts';
import { type AnyKind, kind } from './request-kind.ts';

/** Of getattr and statx: the handle counts. */
const byHandle = 1;
/** STATX_BASIC_STATS and STATX_BTIME. */
const basicStatistics = 0x7ff;
const birthTime = 0x800;

const at = (message: Message, seconds: number, nanoseconds: number) => ({
  seconds: message.i64(seconds),
  nanoseconds: message.u32(nanoseconds),
});

function changes(message: Message): AttributeChanges {
  const valid = message.u32(0);
  const has = (bit: number) => (valid & bit) !== 0;
  return {
    ...(has(setattrValid.mode) && { mode: message.u32(68) }),
    ...(has(setattrValid.uid) && { uid: message.u32(76) }),
    ...(has(setattrValid.gid) && { gid: message.u32(80) }),
    ...(has(setattrValid.size) && { size: message.u64(16) }),
    ...(has(setattrValid.atime) && { atime: has(setattrValid.atimeNow) ? 'now' : at(message, 32, 56) }),
    ...(has(setattrValid.mtime) && { mtime: has(setattrValid.mtimeNow) ? 'now' : at(message, 40, 60) }),
    ...(has(setattrValid.ctime) && { ctime: at(message, 48, 64) }),
    ...(has(setattrValid.handle) && { handle: message.u64(8) }),
    ...(has(setattrValid.lockOwner) && { lockOwner: message.big(24) }),
    killSetIds: has(setattrValid.killSetIds),
  };
}

function encodeStatx({ attributes, attributesTimeoutNs, birth }: StatxReply, writer: ReplyWriter): void {
  const time = (seconds: number, nanoseconds: number) => {
    writer.u64(seconds);
    writer.u32(nanoseconds);
    writer.u32(0);
  };
  const seconds = Math.min(2 ** 31 - 1, Math.floor(attributesTimeoutNs / 1e9));
  writer.u64(seconds);
  writer.u32(Math.min(999_999_999, attributesTimeoutNs - seconds * 1e9));
  writer.zeros(5);
  writer.u32(basicStatistics | (birth === undefined ? 0 : birthTime));
  writer.u32(attributes.blockBytes);
  writer.zeros(2);
  writer.u32(attributes.nlink);
  writer.u32(attributes.uid);
  writer.u32(attributes.gid);
  writer.u32(attributes.mode);
  writer.u64(attributes.ino);
  writer.u64(attributes.size);
  writer.u64(attributes.blocks);
  writer.zeros(2);
  time(attributes.atimeSeconds, attributes.atimeNanoseconds);
  time(birth?.seconds ?? 0, birth?.nanoseconds ?? 0);
  time(attributes.ctimeSeconds, attributes.ctimeNanoseconds);
  time(attributes.mtimeSeconds, attributes.mtimeNanoseconds);
  // Device numbers apart, as the kernel's new_encode_dev() joins them.
  writer.u32((attributes.rdev >>> 8) & 0xfff);
  writer.u32((attributes.rdev & 0xff) | ((attributes.rdev >>> 12) & 0xfff00));
  writer.zeros(2 + 28);
}

const answersAttributes = {
  encode: (reply: AttributesReply, writer: ReplyWriter): void => writer.attributesReply(reply),
};

export const attributeRequests: readonly (readonly [number, AnyKind])[] = [
  [
    opcode.getattr,
    kind<AttributesReply>({
      operation: 'getattr',
      bodyBytes: 16,
      run: (operations, request, message) =>
        operations.getattr(
          request,
          message.node,
          (message.u32(0) & byHandle) !== 0 ? message.u64(8) : undefined,
        ),
      ...answersAttributes,
    }),
  ],
  [
    opcode.setattr,
    kind<AttributesReply>({
      operation: 'setattr',
      bodyBytes: 88,
      run: (operations, request, message) => {
        const changed = changes(message);
        return changed.size !== undefined && !Number.isSafeInteger(changed.size)
          ? errno.EFBIG
          : operations.setattr?.(request, message.node, changed);
      },
      ...answersAttributes,
    }),
  ],
  [
    opcode.statx,
    kind<StatxReply>({
      operation: 'statx',
      bodyBytes: 24,
      run: (operations, request, message) =>
        operations.statx?.(
          request,
          message.node,
          (message.u32(0) & byHandle) !== 0 ? message.u64(8) : undefined,
          message.u32(16),
          message.u32(20),
        ),
      encode: encodeStatx,
    }),
  ],
  [
    opcode.access,
    kind<void>({
      operation: 'access',
      bodyBytes: 8,
      run: (operations, request, message) => operations.access?.(request, message.node, message.u32(0)),
    }),
  ],
  [
    opcode.statfs,
    kind<FileSystemStatistics>({
      operation: 'statfs',
      bodyBytes: 0,
      run: (operations, request, message) => operations.statfs?.(request, message.node),
      encode(reply, writer) {
        writer.u64(reply.blocks);
        writer.u64(reply.freeBlocks);
        writer.u64(reply.availableBlocks);
        writer.u64(reply.files);
        writer.u64(reply.freeFiles);
        writer.u32(reply.blockBytes);
        writer.u32(reply.nameBytes);
        writer.u32(reply.fragmentBytes);
        writer.zeros(7);
        return;
      },
    }),
  ],
  [
    opcode.syncfs,
    kind<void>({
      operation: 'syncfs',
      bodyBytes: 0,
      run: (operations, request, message) => operations.syncfs?.(request, message.node),
    }),
  ],
];
