import { isXosError } from '@xtreemos/base';
import { RpcError } from '@xtreemos/rpc';
import { refusal } from '@xtreemos/xtreemfs';
import { ErrnoError } from './errno-error.ts';

/** What work on files fails with becomes what the caller is told. What nobody foresaw is thrown on. */
export async function answered<Result>(work: () => Promise<Result> | Result): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ErrnoError) throw refusal(error.errno, error.message);
    if (isXosError(error) && error.code === 'XOS_STORAGE_FULL')
      throw refusal('ENOSPC', 'the metadata server is full');
    throw error;
  }
}

/** Numbers of files, handles and cookies as they travel. @throws RpcError EINVAL */
export function safeNumber(value: bigint, what: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw refusal('EINVAL', `${what} ${value} is out of range`);
  return Number(value);
}

/** @throws RpcError 'arguments' */
export function required<Value>(value: Value | undefined, what: string): Value {
  if (value === undefined) throw new RpcError('arguments', `${what} is missing`);
  return value;
}
