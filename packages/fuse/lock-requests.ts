import { errno } from './errno.ts';
import { MalformedRequest, type Message } from './message.ts';
import type { FileLock, FuseOperations, LockArguments, LockType } from './operations.ts';
import { opcode } from './protocol.ts';
import type { PendingRequest } from './request.ts';
import { type AnyKind, kind } from './request-kind.ts';

const isFlock = 1;
/** In the order of F_RDLCK, F_WRLCK, F_UNLCK. */
const types: readonly LockType[] = ['read', 'write', 'unlock'];

function lockArguments(message: Message, wait: boolean): LockArguments {
  const type = types[message.u32(32)];
  if (type === undefined) throw new MalformedRequest('a lock of no type', errno.EINVAL);
  return {
    handle: message.u64(0),
    owner: message.big(8),
    lock: { start: message.big(16), end: message.big(24), type, pid: message.u32(36) },
    flock: (message.u32(40) & isFlock) !== 0,
    wait,
  };
}

const setLock = (wait: boolean) =>
  kind<void>({
    operation: 'setlk',
    bodyBytes: 48,
    // The kernel turns EINTR of a lock into a restart where the signal's handler asks for it.
    anySignal: wait,
    run: (operations: FuseOperations, request: PendingRequest, message: Message) =>
      operations.setlk?.(request, message.node, lockArguments(message, wait)),
  });

export const lockRequests: readonly (readonly [number, AnyKind])[] = [
  [
    opcode.getlk,
    kind<FileLock>({
      operation: 'getlk',
      bodyBytes: 48,
      run: (operations, request, message) =>
        operations.getlk?.(request, message.node, lockArguments(message, false)),
      encode(lock, writer) {
        writer.u64(lock.start);
        writer.u64(lock.end);
        writer.u32(types.indexOf(lock.type));
        writer.u32(lock.pid);
        return;
      },
    }),
  ],
  [opcode.setlk, setLock(false)],
  [opcode.setlkw, setLock(true)],
];
