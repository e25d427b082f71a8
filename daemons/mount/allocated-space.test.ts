import assert from 'node:assert/strict';
import test from 'node:test';
import { create } from '@bufbuild/protobuf';
import { type FileCredentials, FileCredentialsSchema, RpcError } from '@xtreemos/rpc';
import { AllocatedSpace } from './allocated-space.ts';
import { blocksOf } from './kernel-attributes.ts';
import type { ObjectServers } from './object-servers.ts';

type Answer = bigint | 'away' | 'silent';

class World {
  nowMs = 1000;
  readonly asked: string[] = [];
  answers: Readonly<Record<string, Answer>> = {};
  readonly space = new AllocatedSpace({
    servers: {
      call: ((...call: Parameters<ObjectServers['call']>) => this.#call(...call)) as ObjectServers['call'],
    },
    monotonicMs: () => this.nowMs,
    waitMs: 30,
  });

  async #call(...[uuid, , , options]: Parameters<ObjectServers['call']>): Promise<unknown> {
    this.asked.push(uuid);
    const answer = this.answers[uuid] ?? 0n;
    if (answer === 'away') throw new RpcError('unreachable', 'away');
    if (answer === 'silent')
      await new Promise((_, reject) => {
        options?.signal?.addEventListener('abort', () => reject(options.signal?.reason));
      });
    return { response: { allocatedBytes: answer } };
  }

  bytesOf(osdUuids: string[], signal = new AbortController().signal): Promise<number | undefined> {
    const credentials = { xcap: { fileId: 'space:v:1' }, xlocs: { replicas: [{ osdUuids }] } };
    return this.space.bytesOf(create(FileCredentialsSchema, credentials) as FileCredentials, signal);
  }
}

test('the space of a file is that at all of its OSDs', async () => {
  const world = new World();
  world.answers = { a: 4096n, b: 8192n };
  assert.equal(await world.bytesOf(['a', 'b']), 12_288);
});

test('an OSD that tells what cannot be is not believed', async () => {
  const world = new World();
  for (const bytes of [2n ** 52n + 1n, 2n ** 63n, 2n ** 64n - 1n]) {
    world.answers = { a: 4096n, b: bytes };
    assert.equal(await world.bytesOf(['a', 'b']), undefined);
  }
  world.answers = { a: 2n ** 52n, b: 1n };
  assert.equal(await world.bytesOf(['a', 'b']), undefined);
});

test('an OSD that does not answer is waited for once, and left alone for a while', async () => {
  const world = new World();
  world.answers = { a: 4096n, b: 'silent' };
  assert.equal(await world.bytesOf(['a', 'b']), undefined);
  assert.equal(await world.bytesOf(['b']), undefined);
  assert.equal(await world.bytesOf(['a']), 4096);
  assert.deepEqual(world.asked, ['a', 'b', 'a']);
  world.answers = { b: 4096n };
  world.nowMs += 10_001;
  assert.equal(await world.bytesOf(['b']), 4096);
  world.answers = { b: 'away' };
  assert.equal(await world.bytesOf(['b']), undefined);
});

test('who is interrupted hears of it, and the OSD is asked again', async () => {
  const world = new World();
  world.answers = { a: 'silent' };
  const abort = new AbortController();
  const asking = world.bytesOf(['a'], abort.signal);
  abort.abort();
  await assert.rejects(asking, { name: 'AbortError' });
  world.answers = { a: 4096n };
  assert.equal(await world.bytesOf(['a']), 4096);
});

test('blocks: what is allocated, and what is on its way there, up to the whole file', () => {
  assert.equal(blocksOf(1), 1);
  assert.equal(blocksOf(1 << 20), 2048);
  assert.equal(blocksOf(1 << 20, 0), 0);
  assert.equal(blocksOf(1 << 20, 4096, 5), 9);
  assert.equal(blocksOf(5000, 4096, 5000), 16);
  assert.equal(blocksOf(5000, 1 << 20, 5000), 2048);
});
