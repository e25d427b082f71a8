import assert from 'node:assert/strict';
import test from 'node:test';
import { BufferPool } from './buffer-pool.ts';

test('a buffer that was given back is taken again, once, and parts or strangers never are', () => {
  const pool = new BufferPool(1000);
  const first = pool.take(100);
  assert.equal(first.length, 100);
  pool.give(first.subarray(0));
  pool.give(Buffer.alloc(100));
  assert.notEqual(pool.take(100), first);
  pool.give(first);
  pool.give(first);
  assert.equal(pool.take(100), first);
  assert.notEqual(pool.take(100), first);
});

test('no more is kept than said, and what nobody asks for makes room', () => {
  const pool = new BufferPool(250);
  const [one, two, three] = [pool.take(100), pool.take(100), pool.take(100)];
  for (const buffer of [one, two, three]) pool.give(buffer);
  assert.deepEqual(new Set([pool.take(100), pool.take(100)]), new Set([one, two]));
  assert.notEqual(pool.take(100), three);
  pool.give(one);
  const large = pool.take(200);
  pool.give(large);
  assert.notEqual(pool.take(100), one);
  assert.equal(pool.take(200), large);
});
