import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { contradictions, type Operation } from './linearizable.ts';

const write = (value: string, startMs: number, endMs: number): Operation => ({
  kind: 'write',
  value,
  startMs,
  endMs,
});
const read = (value: string, startMs: number, endMs: number): Operation => ({
  kind: 'read',
  value,
  startMs,
  endMs,
});
const first = write('a', 0, 1);

test('a write is seen once it has returned, and by nobody else before than by those who read later', () => {
  assert.deepEqual(contradictions([first, write('b', 10, 20), read('a', 11, 12), read('b', 13, 14)]), []);
  assert.equal(contradictions([first, write('b', 10, 20), read('b', 11, 12), read('a', 13, 14)]).length, 1);
  assert.equal(contradictions([first, write('b', 10, 20), read('a', 21, 22)]).length, 1);
});

test('what comes from nowhere, or from later, is wrong', () => {
  assert.match(contradictions([first, read('x', 2, 3)])[0] ?? '', /nobody/);
  assert.match(contradictions([first, write('b', 10, 20), read('b', 5, 6)])[0] ?? '', /later/);
});

test('what was overwritten does not come back; a write that nobody knows of may come at any time, once', () => {
  const lost = write('b', 10, Number.POSITIVE_INFINITY);
  assert.deepEqual(contradictions([first, lost, read('a', 20, 21)]), []);
  assert.deepEqual(contradictions([first, lost, write('c', 30, 31), read('b', 40, 41)]), []);
  assert.equal(
    contradictions([first, lost, read('b', 20, 21), write('c', 30, 31), read('b', 40, 41)]).length,
    1,
  );
});

/** By trying all orders. */
function hasOrder(left: readonly Operation[], value: string | undefined): boolean {
  if (left.length === 0) return true;
  return left.some((next) => {
    if (left.some((other) => other.endMs < next.startMs)) return false;
    if (next.kind === 'read' && next.value !== value) return false;
    return hasOrder(
      left.filter((other) => other !== next),
      next.value,
    );
  });
}

test('it says the same as a search through all orders', () => {
  const times = fc.tuple(fc.integer({ min: 2, max: 20 }), fc.integer({ min: 0, max: 8 }));
  const histories = fc
    .tuple(
      fc.array(times, { maxLength: 3 }),
      fc.array(fc.tuple(times, fc.integer({ min: 0, max: 3 })), { maxLength: 4 }),
    )
    .map(([writes, reads]) => [
      write('0', 0, 1),
      ...writes.map(([at, length], index) => write(`${index + 1}`, at, at + length)),
      ...reads.map(([[at, length], value]) => read(`${value % (writes.length + 1)}`, at, at + length)),
    ]);
  let wrong = 0;
  fc.assert(
    fc.property(histories, (history) => {
      const isGood = hasOrder(history, undefined);
      if (!isGood) wrong += 1;
      assert.equal(contradictions(history).length === 0, isGood);
    }),
    { numRuns: 2000 },
  );
  assert.ok(wrong > 100);
});
