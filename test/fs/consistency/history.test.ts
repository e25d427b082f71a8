import assert from 'node:assert/strict';
import test from 'node:test';
import { violations } from './history.ts';

const write = (value: string, startMs: number, endMs: number) => ({ value, startMs, endMs });
const read = (value: string, startMs: number, endMs: number) => ({ value, startMs, endMs, client: 1 });
const writes = [write('a', 0, 1), write('b', 10, 20), write('c', 15, 30)];

test('the last write that was closed, and those that overlap, may be seen', () => {
  assert.deepEqual(violations(writes, [read('a', 2, 3), read('a', 12, 13), read('b', 12, 13)]), []);
  assert.deepEqual(violations(writes, [read('b', 40, 41), read('c', 40, 41)]), []);
});

test('what was overwritten before, comes later or from nowhere is wrong', () => {
  assert.match(violations(writes, [read('a', 21, 22)])[0] ?? '', /overwritten by b/);
  assert.match(violations(writes, [read('c', 2, 3)])[0] ?? '', /written later/);
  assert.match(violations(writes, [read('x', 2, 3)])[0] ?? '', /nobody wrote/);
});

test('something older may be seen within the latency, not beyond', () => {
  assert.deepEqual(violations(writes, [read('a', 21, 22)], 5), []);
  assert.match(violations(writes, [read('a', 26, 27)], 5)[0] ?? '', /overwritten by b/);
});
