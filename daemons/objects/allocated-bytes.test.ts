import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { createDiskStorage } from './disk-storage.ts';
import { blockBytes, blockPosition, blocksBefore, blocksPerGroup } from './file-layout.ts';
import type { ObjectStore } from './object-store.ts';
import { openTestStore } from './object-store-fixture.ts';

const striping = { stripeBytes: 131072, width: 1 };
const groupBytes = blocksPerGroup * blockBytes;

test('pages of checksums are told from blocks', () => {
  for (const block of [0, 1, 1023, 1024, 1025, 5000]) {
    const page = blockPosition(block) / blockBytes;
    assert.deepEqual([blocksBefore(page), blocksBefore(page + 1)], [block, block + 1]);
  }
  assert.deepEqual([0, 1, 2, 1026, 1027].map(blocksBefore), [0, 0, 0, 1024, 1024]);
});

test('a file takes what has content or is reserved, in the log or in the file', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'xos-allocated-'));
  context.after(() => rmSync(folder, { recursive: true }));
  let store: ObjectStore = await openTestStore(createDiskStorage(folder));
  const write = (offset: number, length: number) =>
    store.write('v:1', offset, Buffer.alloc(length, 7), { striping });
  const takes = async (blocks: number) =>
    assert.equal(await store.allocatedBytes('v:1'), blocks * blockBytes);
  await takes(0);
  // Of the log.
  await write(100 * blockBytes, blockBytes);
  await write(3 * groupBytes + 5, 10);
  await takes(2);
  // Over what is in the log, and over the border of a group.
  await write(groupBytes - 20 * blockBytes, 40 * blockBytes);
  await write(100 * blockBytes, 2 * blockBytes);
  await takes(43);
  await store.reserve('v:1', 2 * groupBytes, 50 * blockBytes);
  await store.reserve('v:1', 4 * groupBytes, 10 * blockBytes);
  await takes(103);
  await write(2 * groupBytes + 5 * blockBytes, 3 * blockBytes);
  await takes(103);
  await store.close();
  store = await openTestStore(createDiskStorage(folder));
  await takes(103);
  await write(2 * groupBytes + 45 * blockBytes, 10 * blockBytes);
  await takes(108);
  await store.zero('v:1', groupBytes - 20 * blockBytes, 40 * blockBytes, striping);
  await takes(68);
  await store.truncate('v:1', 2 * groupBytes, 1, striping);
  await takes(2);
  await store.close();
});

test('a truncation to nothing gives reserved space back', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'xos-allocated-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const store = await openTestStore(createDiskStorage(folder));
  await store.reserve('v:1', 0, 1 << 20);
  assert.equal(await store.allocatedBytes('v:1'), 1 << 20);
  await store.truncate('v:1', 0, 1, striping);
  assert.equal(await store.allocatedBytes('v:1'), 0);
  await store.close();
});
