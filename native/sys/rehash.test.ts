import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { type RehashDigest, rehash } from './index.ts';

const digests: Readonly<Record<RehashDigest, number>> = { sha1: 20, sha256: 32, sha384: 48, sha512: 64 };

function expected(digest: RehashDigest, value: Uint8Array, rounds: number): Buffer {
  let result = Buffer.from(value);
  for (let round = 0; round < rounds; round++) result = createHash(digest).update(result).digest();
  return result;
}

for (const [name, bytes] of Object.entries(digests) as [RehashDigest, number][]) {
  test(`${name} agrees with OpenSSL on any value and number of rounds`, async () => {
    const value = fc.uint8Array({ minLength: bytes, maxLength: bytes });
    await fc.assert(
      fc.asyncProperty(value, fc.integer({ min: 0, max: 50 }), async (start, rounds) => {
        assert.deepEqual(await rehash(name, start, rounds), expected(name, start, rounds));
      }),
      { numRuns: 200 },
    );
    // More than the thread does between two looks at whether it is still wanted.
    const start = randomBytes(bytes);
    assert.deepEqual(await rehash(name, start, 70_000), expected(name, start, 70_000));
  });

  test(`${name} refuses a value of another length, and does not change the caller's`, async () => {
    await assert.rejects(rehash(name, Buffer.alloc(bytes - 1), 1), RangeError);
    await assert.rejects(rehash(name, Buffer.alloc(bytes + 1), 1), RangeError);
    const value = Buffer.alloc(bytes, 7);
    await rehash(name, value, 3);
    assert.deepEqual(value, Buffer.alloc(bytes, 7));
  });
}

test('another digest is refused', async () => {
  await assert.rejects(rehash('md5' as RehashDigest, Buffer.alloc(16), 1), RangeError);
});

test('the event loop goes on meanwhile', async () => {
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await rehash('sha256', Buffer.alloc(32), 1_000_000);
  clearInterval(timer);
  assert.ok(turns > 10, `the loop turned ${turns} times during a million rounds`);
});
