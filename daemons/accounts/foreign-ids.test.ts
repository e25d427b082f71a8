import assert from 'node:assert/strict';
import test from 'node:test';
import { foreignIdsOf } from './foreign-ids.ts';

test('ids that a name service knows are found, users and groups apart', async () => {
  const query = foreignIdsOf(
    { getpwuid: async (uid) => (uid === 2 ? {} : null), getgrgid: async (gid) => (gid === 3 ? {} : null) },
    () => 0,
    () => assert.fail('in time'),
  );
  const found = await query([1, 2, 3], [1, 2, 3]);
  assert.deepEqual([[...found.uids], [...found.gids]], [[2], [3]]);
});

test('a directory that hangs delays a list, and does not stop it', async () => {
  let now = 0;
  let unasked = 0;
  const query = foreignIdsOf(
    {
      getpwuid: async () => {
        now += 1000;
        return null;
      },
      getgrgid: async () => null,
    },
    () => now,
    (count) => {
      unasked = count;
    },
  );
  await query(
    Array.from({ length: 1000 }, (_, index) => index),
    [],
  );
  assert.ok(unasked > 900, `${unasked} ids were not asked for`);
});

test('a name service that fails is said, so that no id is given in the dark', async () => {
  const query = foreignIdsOf(
    { getpwuid: () => Promise.reject(new Error('EIO')), getgrgid: async () => null },
    () => 0,
    () => undefined,
  );
  await assert.rejects(query([1], []), /EIO/);
});
