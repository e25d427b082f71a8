import type { OpenReply } from './attributes.ts';
import { DirectoryFill } from './directory-writer.ts';
import { abandon, releaseArguments, unopened } from './file-requests.ts';
import type { Message } from './message.ts';
import type { FuseOperations } from './operations.ts';
import { opcode } from './protocol.ts';
import type { PendingRequest } from './request.ts';
import { type AnyKind, kind } from './request-kind.ts';

const dataOnly = 1;

const listing = (plus: boolean) =>
  kind<void>({
    operation: 'readdir',
    bodyBytes: 40,
    run(operations: FuseOperations, request: PendingRequest, message: Message) {
      request.fill = new DirectoryFill(Math.min(message.u32(16), message.maxWriteBytes), plus);
      const offset = message.u64(8);
      // seekdir(3) takes any number; none that large was given out.
      if (!Number.isSafeInteger(offset)) return undefined;
      return operations.readdir?.(request, message.node, message.u64(0), offset, request.fill);
    },
    encode(_reply, writer, request) {
      if (request.fill !== undefined) writer.data(request.fill.filled);
      return undefined;
    },
    undo(_reply, operations, request) {
      for (const node of request.fill?.lookedUp ?? []) operations.forget?.(node, 1);
    },
  });

export const directoryRequests: readonly (readonly [number, AnyKind])[] = [
  [
    opcode.opendir,
    kind<OpenReply>({
      operation: 'opendir',
      bodyBytes: 8,
      run: (operations, request, message) => operations.opendir?.(request, message.node, message.u32(0)),
      encode: (reply, writer): void => writer.open(reply),
      undo: (reply, operations, request, node) =>
        abandon(operations.releasedir?.(request, node, unopened(reply.handle))),
    }),
  ],
  [opcode.readdir, listing(false)],
  [opcode.readdirplus, listing(true)],
  [
    opcode.fsyncdir,
    kind<void>({
      operation: 'fsyncdir',
      bodyBytes: 16,
      run: (operations, request, message) =>
        operations.fsyncdir?.(request, message.node, message.u64(0), (message.u32(8) & dataOnly) !== 0),
    }),
  ],
  [
    opcode.releasedir,
    kind<void>({
      operation: 'releasedir',
      bodyBytes: 24,
      survivesExit: true,
      run: (operations, request, message) =>
        operations.releasedir?.(request, message.node, releaseArguments(message)),
    }),
  ],
];
