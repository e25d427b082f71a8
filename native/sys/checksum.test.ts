import assert from 'node:assert/strict';
import { closeSync, fstatSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { allocatedExtents, crc32c, crc32cBlocks, fallocate } from './index.ts';

/** The definition, bit by bit. */
function slowCrc32c(bytes: Uint8Array): number {
  let state = 0xffffffff;
  for (const byte of bytes) {
    state ^= byte;
    for (let bit = 0; bit < 8; bit++) state = (state >>> 1) ^ (state & 1 ? 0x82f63b78 : 0);
  }
  return ~state >>> 0;
}

describe('CRC-32C', () => {
  it('gives the checksums of RFC 3720 appendix B.4', () => {
    assert.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa);
    assert.equal(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43);
    assert.equal(crc32c(Buffer.from(Array.from({ length: 32 }, (_, index) => index))), 0x46dd794e);
    assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
    assert.equal(crc32c(Buffer.alloc(0)), 0);
  });

  it('agrees with the definition for every length and alignment, and goes on from a seed', () => {
    const bytes = Buffer.from(Array.from({ length: 300 }, (_, index) => (index * 167 + 13) & 0xff));
    for (let start = 0; start < 9; start++) {
      for (let end = start; end <= bytes.length; end += 1 + (end % 7)) {
        const part = bytes.subarray(start, end);
        const half = part.length >> 1;
        assert.equal(crc32c(part), slowCrc32c(part));
        assert.equal(crc32c(part.subarray(half), crc32c(part.subarray(0, half))), slowCrc32c(part));
      }
    }
  });

  it('agrees with it where parts of the bytes are computed side by side', () => {
    const bytes = Buffer.from(Array.from({ length: 13_000 }, (_, index) => ((index * index) >> 3) & 0xff));
    for (const start of [0, 1, 7])
      for (const length of [4031, 4032, 4033, 4096, 8063, 8064, 8071, 12_096, 12_990]) {
        const part = bytes.subarray(start, start + length);
        assert.equal(crc32c(part), slowCrc32c(part), `${length} bytes from ${start}`);
        assert.equal(crc32c(part.subarray(5000), crc32c(part.subarray(0, 5000))), slowCrc32c(part));
      }
  });

  it('gives each block and the whole in one pass', () => {
    const bytes = Buffer.from(Array.from({ length: 4096 * 3 + 100 }, (_, index) => (index * 31) & 0xff));
    const checksums = new Uint32Array(4);
    assert.equal(crc32cBlocks(bytes, 4096, checksums), slowCrc32c(bytes));
    assert.equal(crc32cBlocks(bytes.subarray(0, 0), 4096, checksums), 0);
    assert.equal(crc32cBlocks(bytes.subarray(0, 4100), 5000, checksums), slowCrc32c(bytes.subarray(0, 4100)));
    assert.equal(crc32cBlocks(bytes, 4096, checksums), crc32c(bytes));
    for (let block = 0; block < 4; block++)
      assert.equal(checksums[block], crc32c(bytes.subarray(block * 4096, (block + 1) * 4096)));
    assert.throws(() => crc32cBlocks(bytes, 4096, new Uint32Array(3)), RangeError);
    assert.throws(() => crc32cBlocks(bytes, 0, checksums), RangeError);
  });
});

describe('fallocate', () => {
  it('punches a hole and reserves space without changing the size', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'xos-fallocate-'));
    const descriptor = openSync(join(directory, 'file'), 'w+');
    try {
      writeSync(descriptor, Buffer.alloc(16384, 1));
      await fallocate(descriptor, 'punch', 4096, 4096);
      const read = Buffer.alloc(16384);
      readSync(descriptor, read, 0, 16384, 0);
      assert.equal(read.indexOf(0), 4096);
      assert.equal(read.lastIndexOf(0), 8191);
      await fallocate(descriptor, 'reserve', 16384, 1 << 20);
      assert.equal(fstatSync(descriptor).size, 16384);
      assert.ok(fstatSync(descriptor).blocks * 512 > 1 << 20);
      const bytesFrom = async (from: number) => {
        let bytes = 0;
        for (const { start, end } of await allocatedExtents(descriptor, from))
          bytes += end - Math.max(start, from);
        return bytes;
      };
      assert.equal(await bytesFrom(0), 3 * 4096 + (1 << 20));
      assert.equal(await bytesFrom(4096), 2 * 4096 + (1 << 20));
      assert.equal(await bytesFrom(2 ** 42), 0);
      await assert.rejects(fallocate(descriptor, 'punch', 0, -1), RangeError);
    } finally {
      closeSync(descriptor);
      rmSync(directory, { recursive: true });
    }
  });
});
