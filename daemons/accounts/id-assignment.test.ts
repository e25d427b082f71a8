import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import test from 'node:test';
import fc from 'fast-check';
import { firstFreeId, preferredGid, preferredUid } from './id-assignment.ts';

const USERS = { first: 2030043136, last: 2147352575 };

test('the first choice follows the published formula', () => {
  const hash = createHash('sha256').update('uid\0physics.example\0alice').digest();
  const expected = USERS.first + (hash.readUInt32BE(0) % (USERS.last - USERS.first + 1));
  assert.equal(preferredUid(USERS, 'physics.example', 'alice'), expected);
});

test('names that only concatenate alike differ, and so do a user and a group of one name', () => {
  assert.notEqual(preferredUid(USERS, 'ab', 'c'), preferredUid(USERS, 'a', 'bc'));
  assert.notEqual(preferredUid(USERS, 'vo', 'atlas'), preferredGid(USERS, 'vo', 'atlas'));
});

test('whatever is taken, an answer is free and within the range, and a full range has none', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 40 }),
      fc.uniqueArray(fc.integer({ min: 100, max: 140 })),
      (start, used) => {
        const range = { first: 100, last: 140 };
        const id = firstFreeId(range, 100 + start, (candidate) => used.includes(candidate));
        if (used.length === 41) return id === undefined;
        return id !== undefined && id >= 100 && id <= 140 && !used.includes(id);
      },
    ),
  );
});

test('probing goes upwards and wraps', () => {
  const taken = new Set([12, 10]);
  assert.equal(
    firstFreeId({ first: 10, last: 12 }, 12, (id) => taken.has(id)),
    11,
  );
});
