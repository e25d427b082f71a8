import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { LockArguments } from '@xtreemos/fuse';
import { objectCalls } from '@xtreemos/rpc';
import { createFileLocks } from '../objects/file-locks.ts';
import type { FileData } from './file-data.ts';
import { FileLocks } from './file-locks.ts';
import type { ObjectServers } from './object-servers.ts';

const data = {
  layout: { osdUuids: ['osd'] },
  capabilities: { use: (_: string, work: (credentials: object) => unknown) => work({}) },
} as unknown as FileData;

const never = new AbortController().signal;

const lockOf = (type: 'read' | 'write' | 'unlock', start: bigint): LockArguments => ({
  handle: 1,
  owner: 7n,
  lock: { start, end: start + 9n, type, pid: 42 },
  flock: false,
  wait: false,
});

interface LockRequest {
  readonly clientUuid: string;
  readonly clientPid: number;
  readonly offset: bigint;
  readonly length: bigint;
  readonly exclusive: boolean;
}

/** The lock table of the OSD, behind calls that arrive when `delays` says: a promise per call, in their order. */
function startLocks(delays: Promise<void>[]) {
  const table = createFileLocks({
    leaseMs: 1000,
    mostOfClient: 100,
    mostLocks: 100,
    monotonicMs: () => 0,
  });
  const call = async (
    _: string,
    what: unknown,
    { lockRequest }: { lockRequest: LockRequest },
  ): Promise<object> => {
    await delays.shift();
    const { clientUuid, clientPid, offset, length, exclusive } = lockRequest;
    const range = { clientUuid, clientPid, offset, length, isExclusive: exclusive };
    if (what === objectCalls.lockRelease) table.release('file', 'posix', range);
    else assert.equal(table.acquire('file', 'posix', range), undefined);
    return { response: {} };
  };
  const servers = { onReconnect: () => undefined, call } as unknown as ObjectServers;
  return { table, locks: new FileLocks({ clientId: 'client', servers }) };
}

test('a sign of life does not bring back a lock that is released while it is under way', async () => {
  const delays: Promise<void>[] = [];
  const { table, locks } = startLocks(delays);
  await locks.set(5, data, lockOf('write', 0n), () => never);
  await locks.set(5, data, lockOf('write', 100n), () => never);
  assert.equal(table.size, 2);
  const late = Promise.withResolvers<void>();
  delays.push(late.promise);
  const alive = locks.keepAlive();
  const released = Promise.all(
    [0n, 100n].map((start) => locks.set(5, data, lockOf('unlock', start), () => never)),
  );
  await turn();
  late.resolve();
  await Promise.all([alive, released]);
  assert.equal(table.size, 0);
});

test('a sign of life does not make a lock again what it was before', async () => {
  const delays: Promise<void>[] = [];
  const { table, locks } = startLocks(delays);
  await locks.set(5, data, lockOf('write', 0n), () => never);
  const late = Promise.withResolvers<void>();
  delays.push(late.promise);
  const alive = locks.keepAlive();
  const changed = locks.set(5, data, lockOf('read', 0n), () => never);
  await turn();
  late.resolve();
  await Promise.all([alive, changed]);
  const other = { clientUuid: 'other', clientPid: 1, offset: 0n, length: 1n, isExclusive: false };
  assert.equal(table.check('file', 'posix', other), undefined);
});
