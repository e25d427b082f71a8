/** What is read back from a disk may be anything. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { blockBytes, decodeHeader, encodeHeader } from './file-layout.ts';
import { decodeRecord, encodeRecord, type LogRecord, recordBytes } from './log-record.ts';

const striping = { stripeBytes: 131072, width: 3 };
const records: fc.Arbitrary<LogRecord> = fc
  .record({
    kind: fc.constantFrom('write', 'placed', 'synced', 'truncate', 'punch', 'unlink'),
    node: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    localBytes: fc.nat(2 ** 43),
    truncateEpoch: fc.nat(2 ** 32),
    isStriped: fc.boolean(),
    firstBlock: fc.nat(2 ** 31),
    blockCount: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ kind, node, isStriped, blockCount, ...rest }) => ({
    ...rest,
    kind,
    fileId: `v:${node}`,
    striping: isStriped ? striping : undefined,
    blockCount,
    checksums:
      kind === 'truncate' || kind === 'punch' || kind === 'unlink'
        ? new Uint32Array(0)
        : new Uint32Array(blockCount).fill(7),
    blocks: kind === 'write' ? [Buffer.alloc(blockCount * blockBytes, 5)] : [],
  }));
const place = { sequence: 9, generation: 2, durableSequence: 8 };

describe('log records', () => {
  it('are read back, and no byte can change without being noticed', () => {
    fc.assert(
      fc.property(records, fc.nat(), fc.integer({ min: 1, max: 255 }), (record, at, change) => {
        const bytes = Buffer.concat(encodeRecord(record, place));
        const found = decodeRecord(bytes, 0);
        assert.equal(
          bytes.length,
          recordBytes(record.fileId, record.checksums.length, record.blocks.length * record.blockCount),
        );
        assert.deepEqual(found, { ...place, bytes: bytes.length, record });
        const index = at % bytes.length;
        bytes[index] = (bytes[index] ?? 0) ^ change;
        assert.equal(decodeRecord(bytes, 0), undefined);
      }),
    );
  });

  it('are not found in what is none', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), fc.boolean(), (noise, hasMagic) => {
        const bytes = Buffer.from(noise);
        if (hasMagic && bytes.length >= 16) bytes.writeUInt32LE(0x314c_5258, 0);
        assert.equal(decodeRecord(bytes, 0), undefined);
      }),
    );
  });
});

describe('headers of stored files', () => {
  it('are read back, and no bit of them can change without being noticed', () => {
    const header = {
      fileId: 'v:18446744073709551615',
      appliedSequence: 77,
      localBytes: 12345,
      truncateEpoch: 4,
      striping,
    };
    const page = encodeHeader(header);
    assert.deepEqual(decodeHeader(page), header);
    for (let at = 0; at < 131 * 8; at++) {
      const changed = Buffer.from(page);
      changed[at >> 3] = (changed[at >> 3] ?? 0) ^ (1 << (at & 7));
      assert.equal(decodeHeader(changed), 'damaged', `bit ${at}`);
    }
    assert.equal(decodeHeader(Buffer.alloc(blockBytes)), 'blank');
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 0, maxLength: 4096 }), (noise) => {
        const found = decodeHeader(noise);
        assert.ok(found === 'damaged' || found === 'blank');
      }),
    );
  });
});
