import { errno } from './errno.ts';
import { opcode } from './protocol.ts';
import type { ReplyWriter } from './reply-writer.ts';
import type { PendingRequest } from './request.ts';
import { type AnyKind, kind } from './request-kind.ts';

const killsSetGid = 1;
const nul = Buffer.alloc(1);

/** With a limit of 0 the size alone is asked for. */
function encodeSized(parts: readonly Buffer[], writer: ReplyWriter, request: PendingRequest) {
  const bytes = parts.reduce((sum, part) => sum + part.length, 0);
  if (request.limit === 0) {
    writer.u32(bytes);
    writer.u32(0);
    return undefined;
  }
  if (bytes > request.limit) return errno.ERANGE;
  writer.data(parts);
  return undefined;
}

export const xattrRequests: readonly (readonly [number, AnyKind])[] = [
  [
    opcode.setxattr,
    kind<void>({
      operation: 'setxattr',
      bodyBytes: 9,
      run(operations, request, message) {
        const nameAt = message.setxattrExtended ? 16 : 8;
        const name = message.name(nameAt);
        const value = Buffer.from(message.data(message.after(nameAt), message.u32(0)));
        return operations.setxattr?.(request, message.node, name, value, {
          flags: message.u32(4),
          killSetGid: message.setxattrExtended && (message.u32(8) & killsSetGid) !== 0,
        });
      },
    }),
  ],
  [
    opcode.getxattr,
    kind<Buffer>({
      operation: 'getxattr',
      bodyBytes: 9,
      run(operations, request, message) {
        request.limit = message.u32(0);
        return operations.getxattr?.(request, message.node, message.name(8));
      },
      encode: (value, writer, request) => encodeSized([value], writer, request),
    }),
  ],
  [
    opcode.listxattr,
    kind<readonly Buffer[]>({
      operation: 'listxattr',
      bodyBytes: 8,
      run(operations, request, message) {
        request.limit = message.u32(0);
        return operations.listxattr?.(request, message.node);
      },
      encode: (names, writer, request) =>
        encodeSized(
          names.flatMap((name) => [name, nul]),
          writer,
          request,
        ),
    }),
  ],
  [
    opcode.removexattr,
    kind<void>({
      operation: 'removexattr',
      bodyBytes: 1,
      run: (operations, request, message) => operations.removexattr?.(request, message.node, message.name(0)),
    }),
  ],
];
