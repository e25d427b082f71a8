import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  checkedStriping,
  fileEndOf,
  fileOffsetOf,
  fileSizeOf,
  localBytesOf,
  localOffsetOf,
  objectsOfRange,
} from './striping.ts';

const stripings = fc.record({
  stripeBytes: fc.integer({ min: 1, max: 64 }).map((granules) => granules * 4096),
  width: fc.integer({ min: 1, max: 8 }),
});

describe('striping', () => {
  it('cuts a range into objects that cover it once and in order', () => {
    const range = [fc.nat(2 ** 40), fc.nat(3_000_000)] as const;
    fc.assert(
      fc.property(stripings, ...range, (striping, offset, length) => {
        let at = offset;
        for (const part of objectsOfRange(striping, offset, length)) {
          assert.equal(fileOffsetOf(striping, part.object, part.offset), at);
          assert.equal(part.position, at - offset);
          assert.equal(part.osd, part.object % striping.width);
          assert.ok(part.length > 0 && part.offset + part.length <= striping.stripeBytes);
          at += part.length;
        }
        assert.equal(at, offset + length);
      }),
    );
  });

  it('lays the objects of an OSD side by side, and finds the end of the file again', () => {
    fc.assert(
      fc.property(stripings, fc.nat(5_000_000), (striping, fileBytes) => {
        const local = Array.from({ length: striping.width }, () => 0);
        for (const { object, osd, offset, length } of objectsOfRange(striping, 0, fileBytes)) {
          assert.equal(localOffsetOf(striping, object, offset), local[osd]);
          local[osd] = (local[osd] ?? 0) + length;
        }
        local.forEach((bytes, osd) => {
          assert.equal(localBytesOf(striping, osd, fileBytes), bytes);
        });
        assert.equal(fileSizeOf(local.map((bytes, osd) => fileEndOf(striping, osd, bytes))), fileBytes);
      }),
    );
  });

  it('refuses what cannot be served', () => {
    assert.deepEqual(checkedStriping(131072, 4), { stripeBytes: 131072, width: 4 });
    for (const [bytes, width] of [
      [0, 1],
      [4095, 1],
      [5000, 1],
      [131072, 0],
      [131072, 1e9],
      [2 ** 40, 1],
      [Number.NaN, 1],
      [131072, 1.5],
    ] as const)
      assert.equal(checkedStriping(bytes, width), undefined, `${bytes} ${width}`);
    const striping = { stripeBytes: 131072, width: 2 };
    assert.throws(() => objectsOfRange(striping, -1, 1), RangeError);
    assert.throws(() => objectsOfRange(striping, 2 ** 53, 1), RangeError);
    assert.throws(() => objectsOfRange(striping, 0.5, 1), RangeError);
  });
});
