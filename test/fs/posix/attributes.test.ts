/** chmod, chown, utimensat, truncate, access: POSIX.1-2024, and the man pages of Linux. */
import assert from 'node:assert/strict';
import { type Caller, open, type } from '../calls/caller.ts';
import { gives, makeFile, marks, posixTest, statusAt } from '../posix-test.ts';

/** Everybody may write it. */
async function makeOpenFile(caller: Caller, name: string): Promise<void> {
  await makeFile(caller, name);
  await caller.done('chmod', name, 0o666);
}

posixTest('chmod sets all twelve bits, and marks ctime alone', async ({ alice }) => {
  await makeFile(alice, 'f');
  await alice.done('mkdir', 'd', 0o755);
  for (const name of ['f', 'd'])
    for (const mode of [0, 0o7777, 0o4755, 0o2755, 0o1777, 0o444]) {
      await marks(alice, name, { ctime: true }, () => gives('ok', alice, 'chmod', name, mode));
      assert.equal((await statusAt(alice, name)).mode, mode);
    }
  await alice.done('chmod', 'd', 0o755);
});

posixTest('chmod is the owner’s and the superuser’s', async ({ alice, bob, carol, root }) => {
  await makeOpenFile(alice, 'f');
  await gives('EPERM', bob, 'chmod', 'f', 0o600);
  await gives('EPERM', carol, 'chmod', 'f', 0o600);
  const file = await bob.done('open', 'f', open.both);
  await gives('EPERM', bob, 'fchmod', file, 0o600);
  await gives('ok', root, 'chmod', 'f', 0o600);
});

posixTest(
  'setgid is not kept by chmod of one who is not in the group; sticky of files does no harm',
  async ({ alice, root }) => {
    await makeFile(alice, 'f');
    await root.done('chown', 'f', alice.user.uid, 4242);
    await gives('ok', alice, 'chmod', 'f', 0o2755);
    assert.equal((await statusAt(alice, 'f')).mode, 0o755);
    await gives('ok', root, 'chmod', 'f', 0o2755);
    assert.equal((await statusAt(alice, 'f')).mode, 0o2755);
  },
);

posixTest(
  'chown: owners are the superuser’s to give, groups the owner’s own',
  async ({ alice, bob, carol, root }) => {
    await makeFile(carol, 'f');
    await gives('EPERM', carol, 'chown', 'f', bob.user.uid, -1);
    await gives('EPERM', carol, 'chown', 'f', -1, 4242);
    await marks(carol, 'f', { ctime: true }, () => gives('ok', carol, 'chown', 'f', -1, alice.user.gid));
    assert.equal((await statusAt(carol, 'f')).gid, alice.user.gid);
    await gives('ok', carol, 'chown', 'f', carol.user.uid, bob.user.gid);
    await gives('EPERM', alice, 'chown', 'f', -1, alice.user.gid);
    await gives('ok', root, 'chown', 'f', bob.user.uid, 4242);
    const after = await statusAt(carol, 'f');
    assert.deepEqual([after.uid, after.gid], [bob.user.uid, 4242]);
  },
);

posixTest('chown follows links, lchown does not', async ({ alice, bob, root }) => {
  await makeFile(alice, 'f');
  await alice.done('symlink', 'f', 'link');
  await root.done('lchown', 'link', bob.user.uid, bob.user.gid);
  assert.equal((await statusAt(alice, 'f')).uid, alice.user.uid);
  assert.equal((await statusAt(alice, 'link')).uid, bob.user.uid);
  await root.done('chown', 'link', bob.user.uid, bob.user.gid);
  assert.equal((await statusAt(alice, 'f')).uid, bob.user.uid);
});

posixTest(
  'setuid and setgid go with chown, write and truncate by others than the superuser',
  async ({ alice, bob, root }) => {
    const changes: [string, (file: string) => Promise<unknown>][] = [
      ['chown', () => alice.done('chown', 'f', -1, alice.user.gid)],
      ['write', (file) => bob.done('pwrite', file, 0, 'y')],
      ['ftruncate', (file) => bob.done('ftruncate', file, 3)],
      ['O_TRUNC', () => bob.done('open', 'f', open.write | open.truncate)],
    ];
    for (const [what, change] of changes) {
      await makeOpenFile(alice, 'f');
      const file = await bob.done('open', 'f', open.both);
      await alice.done('chmod', 'f', 0o6777);
      await change(file);
      assert.equal((await statusAt(alice, 'f')).mode, 0o777, what);
      await alice.done('chmod', 'f', 0o6766); // setgid without execution is no set-group-ID
      await change(file);
      assert.equal((await statusAt(alice, 'f')).mode & 0o4000, 0, what);
      await alice.done('unlink', 'f');
    }
    await makeFile(alice, 'f', 'x', 0o666);
    await alice.done('chmod', 'f', 0o6777);
    const file = await root.done('open', 'f', open.both);
    await root.done('pwrite', file, 0, 'y');
    assert.equal((await statusAt(alice, 'f')).mode, 0o6777);
    await alice.done('mkdir', 'd', 0o755);
    await alice.done('chmod', 'd', 0o6755);
    await alice.done('chown', 'd', -1, alice.user.gid);
    assert.equal((await statusAt(alice, 'd')).mode, 0o6755);
  },
);

posixTest('times are kept to the nanosecond, before 1970 and after 2038', async ({ alice }) => {
  await makeFile(alice, 'f');
  for (const [atime, mtime] of [
    ['1.000000001', '2.999999999'],
    ['0.0', '4294967296.123456789'],
    ['2147483648.000000007', '-1.500000000'],
  ] as const) {
    await alice.done('utimens', 'f', atime, mtime);
    const [, , , , , , , shownAtime, shownMtime] = await alice.values('lstat', 'f');
    assert.equal(Number(shownAtime), Number(atime));
    assert.deepEqual(shownMtime?.split('.')[0], mtime.split('.')[0]);
    assert.equal(Number(shownMtime?.split('.')[1]), Number(mtime.split('.')[1]));
  }
});

posixTest('utimensat: now and omit, and who may', async ({ alice, bob, root }) => {
  await makeOpenFile(alice, 'f');
  await alice.done('utimens', 'f', '5.0', '6.0');
  await gives('EPERM', bob, 'utimens', 'f', '7.0', '7.0');
  await gives('EPERM', bob, 'utimens', 'f', 'now', 'omit');
  await gives('ok', bob, 'utimens', 'f', 'now', 'now');
  await alice.done('chmod', 'f', 0o644);
  await gives('EACCES', bob, 'utimens', 'f', 'now', 'now');
  await gives('ok', bob, 'utimens', 'f', 'omit', 'omit');
  await gives('ok', root, 'utimens', 'f', '8.0', '9.0');
  await alice.done('utimens', 'f', 'omit', '10.000000003');
  const { atimeNs, mtimeNs } = await statusAt(alice, 'f');
  assert.deepEqual([atimeNs, mtimeNs], [8_000_000_000n, 10_000_000_003n]);
  await alice.done('symlink', 'f', 'link');
  await alice.done('utimens', 'link', '11.0', '12.0', 0x100);
  assert.equal((await statusAt(alice, 'link')).mtimeNs, 12_000_000_000n);
  assert.equal((await statusAt(alice, 'f')).mtimeNs, 10_000_000_003n);
});

posixTest('truncate: shorter, longer, and what is refused', async ({ alice, bob }) => {
  await makeFile(alice, 'f', 'content');
  await marks(alice, 'f', { mtime: true, ctime: true }, () => alice.done('truncate', 'f', 3));
  await alice.done('truncate', 'f', 10);
  const file = await alice.done('open', 'f', open.both);
  assert.equal((await alice.values('pread', file, 0, 20))[1], 'con%00%00%00%00%00%00%00');
  await gives('EINVAL', alice, 'truncate', 'f', -1);
  await gives('EINVAL', alice, 'ftruncate', file, -1);
  await gives('EINVAL', alice, 'ftruncate', await alice.done('open', 'f', open.read), 1);
  await gives('EACCES', bob, 'truncate', 'f', 0);
  await alice.done('mkdir', 'd', 0o755);
  await gives('EISDIR', alice, 'truncate', 'd', 0);
  await alice.done('mknod', 'pipe', type.fifo | 0o644, 0, 0);
  await gives('EINVAL', alice, 'truncate', 'pipe', 0);
  await gives(['EFBIG', 'EINVAL'], alice, 'truncate', 'f', '9223372036854775807');
});

posixTest('access asks for whom it is called', async ({ alice, bob, carol, root }) => {
  await makeFile(alice, 'f', 'x', 0o751);
  for (const mode of [0, 1, 2, 4, 7]) await gives('ok', alice, 'access', 'f', mode);
  await gives('ok', carol, 'access', 'f', 5);
  await gives('EACCES', carol, 'access', 'f', 2);
  await gives('ok', bob, 'access', 'f', 1);
  await gives('EACCES', bob, 'access', 'f', 4);
  await makeFile(alice, 'g', 'x', 0o600);
  await gives('ok', root, 'access', 'g', 6);
  await gives('EACCES', root, 'access', 'g', 1); // nobody may execute it
});

posixTest(
  'a file is read: atime grows by the policy of relatime, mtime and ctime stay',
  async ({ alice }) => {
    await makeFile(alice, 'f', 'content');
    await alice.done('utimens', 'f', '1.0', '2.0');
    const file = await alice.done('open', 'f', open.read);
    await alice.done('pread', file, 0, 10);
    await alice.done('close', file);
    const after = await statusAt(alice, 'f');
    assert.equal(after.mtimeNs, 2_000_000_000n);
  },
);

posixTest('statvfs says what there is', async ({ alice }) => {
  const [blockBytes, nameMax, blocks, available] = (await alice.values('statvfs', '.')).map(Number);
  assert.ok((blockBytes ?? 0) >= 512);
  assert.equal(nameMax, 255);
  assert.ok((blocks ?? 0) > 0 && (available ?? 0) > 0 && (available ?? 0) <= (blocks ?? 0));
});
