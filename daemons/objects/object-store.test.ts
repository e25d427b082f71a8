import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { silentLogger } from '@xtreemos/base';
import { createDiskStorage } from './disk-storage.ts';
import { blockPosition, nameOf } from './file-layout.ts';
import type { ObjectStore } from './object-store.ts';
import { openTestStore } from './object-store-fixture.ts';
import { scrub } from './scrub.ts';
import { createSimulatedStorage, seededRandom } from './simulated-storage.ts';
import type { Storage } from './storage.ts';

const striping = { stripeBytes: 131072, width: 1 };
const directories: string[] = [];
after(async () => {
  for (const directory of directories) await rm(directory, { recursive: true, force: true });
});

async function diskStore(): Promise<{ readonly store: ObjectStore; readonly storage: Storage }> {
  const directory = await mkdtemp(join(tmpdir(), 'xos-objects-'));
  directories.push(directory);
  const storage = createDiskStorage(directory);
  return { store: await openTestStore(storage), storage };
}

const simulated = (seed = 1) => createSimulatedStorage(seededRandom(seed));
const pattern = (length: number, seed = 1) =>
  Uint8Array.from({ length }, (_, index) => (index * 7 + seed * 13 + (index >> 8)) & 0xff);

describe('the engine on a disk', () => {
  it('reads back what was written, in parts and over groups, before and after a restart', async () => {
    const { store, storage } = await diskStore();
    const expected = Buffer.alloc(6_000_000);
    const write = async (offset: number, length: number, durable = false) => {
      const bytes = pattern(length, offset);
      expected.set(bytes, offset);
      await store.write('v:1', offset, bytes, { striping, durable });
    };
    await write(0, 1 << 20);
    await write(4_190_000, 300_000, true);
    await write(100, 5);
    await write(1_048_570, 20_000);
    const size = 4_490_000;
    assert.equal((await store.state('v:1')).localBytes, size);
    assert.deepEqual(await store.read('v:1', 0, 1e8), expected.subarray(0, size));
    assert.deepEqual(await store.read('v:1', 4_194_000, 1000), expected.subarray(4_194_000, 4_195_000));
    assert.equal((await store.read('v:1', size, 10)).length, 0);
    await store.close();
    const again = await openTestStore(storage);
    assert.equal(again.recovery.records, 0);
    assert.deepEqual(await again.read('v:1', 0, 1e8), expected.subarray(0, size));
    assert.deepEqual(await again.state('v:1'), {
      exists: true,
      localBytes: size,
      truncateEpoch: 0,
      striping,
    });
    await again.close();
  });

  it('knows holes and data, punches and reserves', async () => {
    const { store } = await diskStore();
    await store.write('v:1', 0, pattern(8192), { striping });
    await store.write('v:1', 10_000_000, pattern(100), { striping });
    assert.equal(await store.seek('v:1', 0, 2e7, 'hole'), 8192);
    assert.equal(await store.seek('v:1', 8192, 2e7, 'data'), 9_998_336);
    assert.equal(await store.seek('v:1', 9_999_000, 2e7, 'hole'), 10_000_100);
    assert.equal(await store.seek('v:1', 10_000_100, 2e7, 'data'), undefined);
    assert.equal(await store.seek('v:1', 8192, 9_000_000, 'data'), undefined);
    await store.zero('v:1', 100, 8000, striping);
    const read = await store.read('v:1', 0, 8192);
    const expected = pattern(8192);
    expected.fill(0, 100, 8100);
    assert.deepEqual(read, Buffer.from(expected));
    await store.zero('v:1', 0, 8192, striping);
    assert.equal(await store.seek('v:1', 0, 2e7, 'data'), 9_998_336);
    await store.reserve('v:1', 0, 5 << 20);
    assert.equal((await store.state('v:1')).localBytes, 10_000_100);
    await store.close();
  });

  it('truncates, and what was cut off does not come back when the file grows', async () => {
    const { store } = await diskStore();
    await store.write('v:1', 0, pattern(300_000), { striping });
    await store.truncate('v:1', 5000, 1, striping);
    await store.truncate('v:1', 300_000, 2, striping);
    const expected = Buffer.alloc(300_000);
    expected.set(pattern(300_000).subarray(0, 5000));
    assert.deepEqual(await store.read('v:1', 0, 300_000), expected);
    assert.equal((await store.state('v:1')).truncateEpoch, 2);
    await store.write('v:1', 8192, pattern(131072, 9), { striping });
    expected.set(pattern(131072, 9), 8192);
    assert.deepEqual(await store.read('v:1', 0, 300_000), expected);
    await store.close();
  });

  it('removes files and lists the others', async () => {
    const { store } = await diskStore();
    const ids = ['v:1', 'v:2', 'v:3'];
    for (const fileId of ids) await store.write(fileId, 0, pattern(200_000), { striping });
    await store.write('v:4', 0, pattern(10), { striping });
    await store.unlink('v:2');
    await store.unlink('v:9');
    assert.deepEqual((await Array.fromAsync(store.fileIds())).sort(), ['v:1', 'v:3', 'v:4']);
    assert.equal((await store.state('v:2')).exists, false);
    assert.equal((await store.read('v:2', 0, 10)).length, 0);
    await store.close();
  });

  it('serves more files than it keeps open', async () => {
    const { store, storage } = await diskStore();
    await store.close();
    const few = await openTestStore(storage, { openFiles: 4 });
    const ids = Array.from({ length: 40 }, (_, index) => `v:${index}`);
    for (const [index, fileId] of ids.entries()) {
      await few.write(fileId, 0, pattern(70_000, index), { striping });
      await few.sync(fileId);
    }
    for (const [index, fileId] of ids.entries())
      assert.deepEqual(await few.read(fileId, 0, 1e6), Buffer.from(pattern(70_000, index)));
    await few.close();
    const again = await openTestStore(storage, { openFiles: 4 });
    for (const fileId of ids) await again.read(fileId, 0, 1);
    assert.ok(again.figures.openFiles <= 5, `${again.figures.openFiles} files`);
    await again.close();
  });

  it('refuses ranges that no file has', async () => {
    const { store } = await diskStore();
    const write = (offset: number) => store.write('v:1', offset, pattern(10), { striping });
    await assert.rejects(write(2 ** 52), { code: 'EFBIG' });
    await assert.rejects(write(2 ** 62), { code: 'EINVAL' });
    await assert.rejects(write(-1), { code: 'EINVAL' });
    await assert.rejects(store.truncate('v:1', 2 ** 50, 1, striping), { code: 'EFBIG' });
    assert.equal((await store.state('v:1')).exists, false);
    await store.close();
  });
});

describe('damage', () => {
  it('of a block is told and never read, wherever the bit was flipped, and other blocks are served', async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = seededRandom(seed);
      const storage = simulated(seed);
      const store = await openTestStore(storage);
      const bytes = pattern(200_000, seed);
      await store.write('v:1', 0, bytes, { striping });
      await store.write('v:1', 150_000, pattern(50_000, 77), { striping });
      bytes.set(pattern(50_000, 77), 150_000);
      await store.close();
      const block = Math.floor(random() * 48);
      const position = blockPosition(block) + Math.floor(random() * 4096);
      storage.flip(nameOf('v:1'), position, Math.floor(random() * 8));
      const again = await openTestStore(storage);
      await assert.rejects(again.read('v:1', 0, 200_000), { code: 'EIO' });
      await assert.rejects(again.read('v:1', block * 4096 + 17, 1), { code: 'EIO' });
      await assert.rejects(again.write('v:1', block * 4096 + 5, pattern(3), { striping }), { code: 'EIO' });
      const other = ((block + 1) % 48) * 4096;
      assert.deepEqual(
        await again.read('v:1', other, 4096),
        Buffer.from(bytes.subarray(other, other + 4096)),
      );
      const signal = AbortSignal.timeout(10_000);
      const report = await scrub({ store: again, logger: silentLogger, bytesPerSecond: 1e12, signal });
      assert.deepEqual(report.damaged, [{ fileId: 'v:1', block }]);
      // Written anew as a whole, it is good again.
      await again.write('v:1', block * 4096, pattern(4096, 3), { striping });
      assert.deepEqual(await again.read('v:1', block * 4096, 4096), Buffer.from(pattern(4096, 3)));
      await again.close();
    }
  });

  it('of checksums, header or log is told as well', async () => {
    const storage = simulated();
    const store = await openTestStore(storage);
    await store.write('v:1', 0, pattern(8192), { striping });
    await store.write('v:2', 0, pattern(8192), { striping });
    await store.close();
    storage.flip(nameOf('v:1'), 4096 + 2, 3);
    storage.flip(nameOf('v:2'), 21, 3);
    const again = await openTestStore(storage);
    await assert.rejects(again.read('v:1', 0, 10), { code: 'EIO' });
    await assert.rejects(again.read('v:2', 0, 10), { code: 'EIO' });
    await again.write('v:3', 0, pattern(8192, 1), { striping, durable: true });
    await again.write('v:3', 0, pattern(8192, 2), { striping, durable: true });
    const log = storage.names().filter((name) => name.startsWith('log/'));
    const dead = storage.crash('killed');
    // In the first record: the second knows that it had been durable.
    for (const name of log) dead.flip(name, 4096 + 200, 1);
    await assert.rejects(openTestStore(dead), { code: 'XOS_DATA_CORRUPT' });
  });
});

describe('a full disk', () => {
  it('refuses writes and damages nothing; when there is space again, they succeed', async () => {
    const storage = simulated(5);
    const store = await openTestStore(storage, { reserveBytes: 1 << 20 });
    storage.faults.capacityBytes = 20 << 20;
    const written: number[] = [];
    let refusals = 0;
    for (let index = 0; index < 400; index++) {
      try {
        const large = index % 2 === 0;
        await store.write(`v:${index}`, 0, pattern(large ? 131072 : 5000, index), {
          striping,
          durable: true,
        });
        written.push(index);
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
        refusals += 1;
      }
    }
    assert.ok(refusals > 100 && written.length > 5, `${refusals} refusals, ${written.length} written`);
    const check = async (from: ObjectStore) => {
      for (const index of written) {
        const expected = pattern(index % 2 === 0 ? 131072 : 5000, index);
        assert.deepEqual(await from.read(`v:${index}`, 0, 1e6), Buffer.from(expected));
      }
    };
    await check(store);
    storage.faults.capacityBytes = 1 << 30;
    await new Promise((resolve) => setTimeout(resolve, 250));
    await store.write('v:1000', 0, pattern(200_000), { striping, durable: true });
    await store.close();
    const again = await openTestStore(storage);
    await check(again);
    await again.close();
  });

  it('and a disk that refuses to sync what the log holds: the log keeps it, and the next start repeats it', async () => {
    const storage = simulated();
    const store = await openTestStore(storage);
    const bytes = pattern(20_000);
    await store.write('v:1', 0, bytes, { striping, durable: true });
    let refused = 0;
    storage.faults.refusesSync = (name) => name === nameOf('v:1') && refused++ === 0;
    // Until the segment is full and flushed.
    for (let round = 0; store.failure === undefined; round++) {
      assert.ok(round < 5000, 'the second sync was believed');
      await store.write('v:2', 0, pattern(8000, round), { striping });
      await new Promise(setImmediate);
    }
    assert.equal(refused, 1);
    assert.deepEqual(await store.read('v:1', 0, 20_000), Buffer.from(bytes));
    await assert.rejects(store.sync('v:1'), { code: 'EIO' });
    // The process is ended, its successor flushes, and the power goes.
    const killed = storage.crash('killed');
    const next = await openTestStore(killed);
    assert.deepEqual(await next.read('v:1', 0, 20_000), Buffer.from(bytes));
    await next.close();
    const last = await openTestStore(killed.crash('power-cut'));
    assert.deepEqual(await last.read('v:1', 0, 20_000), Buffer.from(bytes));
    await last.close();
  });

  it('and a disk that fails: a sync is never acknowledged by a second try', async () => {
    const storage = simulated(6);
    const store = await openTestStore(storage);
    await store.write('v:1', 0, pattern(131072), { striping });
    storage.faults.before = (call, name) => {
      if (call === 'sync' && name.startsWith('objects/'))
        throw Object.assign(new Error('the disk failed'), { code: 'EIO' });
    };
    await assert.rejects(store.sync('v:1'), { code: 'EIO' });
    delete storage.faults.before;
    await assert.rejects(store.sync('v:1'), { code: 'EIO' });
    storage.faults.before = (call, name) => {
      if (call === 'sync' && name.startsWith('log/'))
        throw Object.assign(new Error('the disk failed'), { code: 'EIO' });
    };
    await assert.rejects(store.write('v:2', 0, pattern(10), { striping, durable: true }), { code: 'EIO' });
    delete storage.faults.before;
    await assert.rejects(store.write('v:2', 0, pattern(10), { striping, durable: true }), { code: 'EIO' });
    assert.ok(store.failure !== undefined);
  });
});
