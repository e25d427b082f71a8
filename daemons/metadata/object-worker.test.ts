import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { silentLogger } from '@xtreemos/base';
import { type RpcConnection, RpcError } from '@xtreemos/rpc';
import { openStore } from '@xtreemos/store';
import { errnoNumber } from '@xtreemos/xtreemfs';
import { CapabilityIssuer } from './capability-issuer.ts';
import { addObjectWork, type ObjectWork, objectWork } from './object-work.ts';
import { ObjectWorker } from './object-worker.ts';

async function world(context: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'xos-object-work-'));
  const store = await openStore(folder);
  context.after(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });
  const state = {
    nowMs: 0,
    calls: [] as string[],
    /** What an OSD answers a call with. */
    failure: new Map<string, RpcError>(),
    /** Files that OSDs cannot remove. */
    left: new Set<string>(),
  };
  const connected = async (uuid: string) =>
    ({
      call: async (
        { name }: { readonly name: string },
        { fileId, fileIds = [] }: { readonly fileId?: string; readonly fileIds?: readonly string[] },
      ) => {
        state.calls.push(`${uuid} ${name} ${fileId ?? fileIds.join(' ')}`);
        const failure = state.failure.get(uuid);
        if (failure !== undefined) throw failure;
        return { response: { left: fileIds.filter((id) => state.left.has(id)) } };
      },
    }) as unknown as RpcConnection;
  const key = generateKeyPairSync('ed25519').privateKey;
  const worker = new ObjectWorker({
    store,
    issuer: new CapabilityIssuer({ key, lifetimeS: 60, nowMs: () => 0 }),
    connected,
    monotonicMs: () => state.nowMs,
    logger: silentLogger,
  });
  const add = (work: Partial<ObjectWork>) =>
    store.write((writer) =>
      addObjectWork(writer, {
        kind: 'unlink',
        fileId: 'v:1',
        stripeBytes: 131_072,
        osdUuids: ['a'],
        truncateEpoch: 0,
        size: 0,
        ...work,
      }),
    );
  return { state, worker, add, left: () => [...objectWork(store)].length };
}

test('work on a file is done in its order, and forgotten when it is done', async (context) => {
  const { state, worker, add, left } = await world(context);
  await add({ kind: 'truncate', truncateEpoch: 1, osdUuids: ['a', 'b'] });
  await add({ kind: 'unlink', truncateEpoch: 1, osdUuids: ['a', 'b'] });
  await worker.run();
  assert.deepEqual(state.calls, ['a osd.truncate v:1', 'a osd.unlink v:1', 'b osd.unlink v:1']);
  assert.equal(left(), 0);
});

test('an OSD that is away is asked less and less often, and keeps nobody waiting', async (context) => {
  const { state, worker, add, left } = await world(context);
  state.failure.set('a', new RpcError('unreachable', 'gone'));
  await add({ fileId: 'v:1' });
  await add({ fileId: 'v:1', kind: 'truncate' });
  await add({ fileId: 'v:2', osdUuids: ['b'] });
  for (; state.nowMs < 600_000; state.nowMs += 1000) await worker.run();
  assert.equal(left(), 2);
  const asked = state.calls.filter((call) => call.startsWith('a')).length;
  assert.ok(asked > 5 && asked < 30, `${asked}`);
  state.failure.clear();
  for (; state.nowMs < 700_000; state.nowMs += 1000) await worker.run();
  assert.equal(left(), 0);
});

test('files are removed by one call to each OSD; what one has left, all are asked for again', async (context) => {
  const { state, worker, add, left } = await world(context);
  for (const node of [1, 2, 3]) await add({ fileId: `v:${node}`, osdUuids: node === 3 ? ['b'] : ['a', 'b'] });
  state.left.add('v:2');
  await worker.run();
  assert.deepEqual(state.calls, ['a osd.unlink_files v:1 v:2', 'b osd.unlink_files v:1 v:2 v:3']);
  assert.equal(left(), 1);
  state.left.clear();
  state.calls.length = 0;
  state.nowMs += 60_000;
  await worker.run();
  assert.deepEqual(state.calls, ['a osd.unlink_files v:2', 'b osd.unlink_files v:2']);
  assert.equal(left(), 0);
});

test('what is past is done: a cut that a later one overtook', async (context) => {
  const { state, worker, add, left } = await world(context);
  state.failure.set('a', new RpcError('errno', 'stale', { errno: errnoNumber('ESTALE') }));
  await add({ kind: 'truncate', truncateEpoch: 1 });
  await worker.run();
  assert.equal(left(), 0);
});
