import type { EntryReply, NegativeEntry } from './attributes.ts';
import type { Message } from './message.ts';
import type { FuseOperations } from './operations.ts';
import { opcode } from './protocol.ts';
import type { ReplyWriter } from './reply-writer.ts';
import type { PendingRequest } from './request.ts';
import { type AnyKind, kind } from './request-kind.ts';

const encodeEntry = (reply: EntryReply | NegativeEntry, writer: ReplyWriter): void => writer.entry(reply);

const forgetEntry = (reply: EntryReply | NegativeEntry, operations: FuseOperations): void => {
  if (reply.node !== 0) operations.forget?.(reply.node, 1);
};

const answersEntry = { encode: encodeEntry, undo: forgetEntry } as const;

const rename = (
  operations: FuseOperations,
  request: PendingRequest,
  message: Message,
  namesAt: number,
  flags: number,
) =>
  operations.rename?.(
    request,
    message.node,
    message.name(namesAt),
    message.u64(0),
    message.name(message.after(namesAt)),
    flags,
  );

export const nameRequests: readonly (readonly [number, AnyKind])[] = [
  [
    opcode.lookup,
    kind<EntryReply | NegativeEntry>({
      operation: 'lookup',
      bodyBytes: 1,
      timed: true,
      run: (operations, request, message) => operations.lookup(request, message.node, message.name(0)),
      ...answersEntry,
    }),
  ],
  [
    opcode.readlink,
    kind<Buffer>({
      operation: 'readlink',
      bodyBytes: 0,
      run: (operations, request, message) => operations.readlink?.(request, message.node),
      encode: (target, writer) => writer.data(target),
    }),
  ],
  [
    opcode.symlink,
    kind<EntryReply>({
      operation: 'symlink',
      bodyBytes: 2,
      run: (operations, request, message) =>
        operations.symlink?.(request, message.node, message.name(0), message.text(message.after(0))),
      ...answersEntry,
    }),
  ],
  [
    opcode.mknod,
    kind<EntryReply>({
      operation: 'mknod',
      bodyBytes: 17,
      run: (operations, request, message) =>
        operations.mknod?.(request, message.node, message.name(16), {
          mode: message.u32(0),
          rdev: message.u32(4),
          umask: message.u32(8),
        }),
      ...answersEntry,
    }),
  ],
  [
    opcode.mkdir,
    kind<EntryReply>({
      operation: 'mkdir',
      bodyBytes: 9,
      run: (operations, request, message) =>
        operations.mkdir?.(request, message.node, message.name(8), {
          mode: message.u32(0),
          umask: message.u32(4),
        }),
      ...answersEntry,
    }),
  ],
  [
    opcode.unlink,
    kind<void>({
      operation: 'unlink',
      bodyBytes: 1,
      run: (operations, request, message) => operations.unlink?.(request, message.node, message.name(0)),
    }),
  ],
  [
    opcode.rmdir,
    kind<void>({
      operation: 'rmdir',
      bodyBytes: 1,
      run: (operations, request, message) => operations.rmdir?.(request, message.node, message.name(0)),
    }),
  ],
  [
    opcode.rename,
    kind<void>({
      operation: 'rename',
      bodyBytes: 10,
      run: (operations, request, message) => rename(operations, request, message, 8, 0),
    }),
  ],
  [
    opcode.rename2,
    kind<void>({
      operation: 'rename',
      bodyBytes: 18,
      run: (operations, request, message) => rename(operations, request, message, 16, message.u32(8)),
    }),
  ],
  [
    opcode.link,
    kind<EntryReply>({
      operation: 'link',
      bodyBytes: 9,
      run: (operations, request, message) =>
        operations.link?.(request, message.u64(0), message.node, message.name(8)),
      ...answersEntry,
    }),
  ],
];
