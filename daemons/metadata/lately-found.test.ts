import assert from 'node:assert/strict';
import test from 'node:test';
import { LatelyFound } from './lately-found.ts';

const file = { volume: 1, node: 17 };

test('what another client found stays for one to two turns, what one found itself does not', () => {
  const found = new LatelyFound();
  found.note(file, 'one');
  assert.equal(found.keepsFrom(file, 'one'), false);
  assert.equal(found.keepsFrom({ ...file, node: 18 }, 'other'), false);
  assert.equal(found.keepsFrom(file, 'other'), true);
  found.turn();
  assert.equal(found.keepsFrom(file, 'other'), true);
  found.turn();
  assert.equal(found.keepsFrom(file, 'other'), false);
});

test('found by several: kept from each of them', () => {
  const found = new LatelyFound();
  for (const client of ['one', 'other']) found.note(file, client);
  assert.equal(found.keepsFrom(file, 'one'), true);
});

test('what was kept is told when its time is over, once', () => {
  const found = new LatelyFound();
  found.note(file, 'one');
  found.keepsFrom(file, 'other');
  assert.deepEqual([found.turn(), found.turn(), found.turn()], [[], [file], []]);
});
