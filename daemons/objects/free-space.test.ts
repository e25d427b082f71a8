import assert from 'node:assert/strict';
import test from 'node:test';
import { createFreeSpace } from './free-space.ts';
import type { Storage } from './storage.ts';

function diskOf(freeBytes: number) {
  const disk = { freeBytes, looks: 0, nowMs: 0 };
  const storage = {
    async space() {
      disk.looks += 1;
      const seen = disk.freeBytes;
      await new Promise(setImmediate);
      return { freeBytes: seen, totalBytes: 1000 };
    },
  } as unknown as Storage;
  const space = createFreeSpace(storage, {
    reserveBytes: 100,
    pendingBytes: () => 0,
    monotonicMs: () => disk.nowMs,
  });
  return { disk, space };
}

test('writes that wait share a look at the disk, and what they take is counted', async () => {
  const { disk, space } = diskOf(1000);
  await Promise.all(Array.from({ length: 9 }, () => space.require(100)));
  assert.equal(disk.looks, 1);
  // All that is left is taken by them, as far as is known; the disk is asked again before anybody is refused.
  await space.require(100);
  assert.equal(disk.looks, 2);
  disk.nowMs += 1000;
  await Promise.all([space.require(100), space.require(100)]);
  assert.equal(disk.looks, 3);
});

test('who would be refused sees what was removed after others had begun to look', async () => {
  const { disk, space } = diskOf(100);
  const before = space.require(1);
  disk.freeBytes = 1000;
  await Promise.all([before, space.require(500)]);
  disk.freeBytes = 200;
  disk.nowMs += 1000;
  await assert.rejects(space.require(101), { code: 'ENOSPC' });
});
