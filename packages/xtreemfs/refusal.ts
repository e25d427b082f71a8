import { RpcError } from '@xtreemos/rpc';
import { type ErrnoName, errnoNumber } from './errno.ts';

/** What a server answers a call with that it refuses, as a system call would fail. */
export function refusal(errno: ErrnoName, reason: string): RpcError {
  return new RpcError('errno', reason, { errno: errnoNumber(errno) });
}
