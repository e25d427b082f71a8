import assert from 'node:assert/strict';
import test from 'node:test';
import { UnfinishedFrames } from './unfinished-frames.ts';

test('where the memory of unfinished frames is taken, those that began first are cut off, and no others', () => {
  const cut: string[] = [];
  const frames = new UnfinishedFrames(100);
  const holder = (name: string) => ({ cut: () => void cut.push(name) });
  const [slow, busy, late, large] = ['slow', 'busy', 'late', 'large'].map(holder);
  assert.ok(slow && busy && late && large);
  frames.hold(busy, 40, false);
  frames.hold(slow, 10, false);
  frames.hold(slow, 40, false);
  // Its frame is whole and the next one has begun.
  frames.hold(busy, 40, true);
  assert.deepEqual(cut, []);
  frames.hold(late, 40, false);
  assert.deepEqual(cut, ['slow']);
  frames.hold(busy, 0, true);
  frames.hold(busy, 50, false);
  assert.deepEqual(cut, ['slow']);
  frames.hold(large, 1000, false);
  assert.deepEqual(cut, ['slow', 'late', 'busy', 'large']);
});
