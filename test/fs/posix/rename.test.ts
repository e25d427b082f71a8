/** rename and renameat2: POSIX.1-2024 and rename(2). */
import assert from 'node:assert/strict';
import { type Caller, open, type } from '../calls/caller.ts';
import { gives, makeFile, marks, posixTest, statusAt } from '../posix-test.ts';

const noReplace = 1;
const exchange = 2;

const kinds: readonly {
  readonly what: string;
  readonly make: (caller: Caller, name: string) => Promise<unknown>;
}[] = [
  { what: 'a file', make: (caller, name) => makeFile(caller, name) },
  { what: 'a link', make: (caller, name) => caller.done('symlink', 'nowhere', name) },
  { what: 'a pipe', make: (caller, name) => caller.done('mknod', name, type.fifo | 0o644, 0, 0) },
  { what: 'a directory', make: (caller, name) => caller.done('mkdir', name, 0o755) },
];

for (const { what, make } of kinds) {
  posixTest(`rename of ${what} keeps it and marks both directories`, async ({ alice }) => {
    for (const name of ['d', 'e']) await alice.done('mkdir', name, 0o755);
    await make(alice, 'd/old');
    const before = await statusAt(alice, 'd/old');
    await marks(alice, 'd', { mtime: true, ctime: true }, () =>
      marks(alice, 'e', { mtime: true, ctime: true }, () => alice.done('rename', 'd/old', 'e/new')),
    );
    const after = await statusAt(alice, 'e/new');
    assert.deepEqual({ ...after, ctimeNs: 0n }, { ...before, ctimeNs: 0n });
    await gives('ENOENT', alice, 'lstat', 'd/old');
    const isDirectory = after.type === type.directory;
    assert.equal((await statusAt(alice, 'd')).links, 2);
    assert.equal((await statusAt(alice, 'e')).links, isDirectory ? 3 : 2);
  });

  posixTest(`rename of ${what} over each kind`, async ({ alice }) => {
    for (const other of kinds) {
      await make(alice, 'from');
      await other.make(alice, 'to');
      const { inode } = await statusAt(alice, 'from');
      const wanted =
        other.what === 'a directory'
          ? what === 'a directory'
            ? 'ok'
            : 'EISDIR'
          : what === 'a directory'
            ? 'ENOTDIR'
            : 'ok';
      await gives('EEXIST', alice, 'renameat2', 'from', 'to', noReplace);
      await gives(wanted, alice, 'rename', 'from', 'to');
      if (wanted === 'ok') {
        assert.equal((await statusAt(alice, 'to')).inode, inode);
        await gives('ENOENT', alice, 'lstat', 'from');
      }
      for (const name of ['from', 'to'])
        if ((await alice.call('unlink', name)).result !== 'ok') await alice.call('rmdir', name);
    }
  });

  posixTest(`RENAME_EXCHANGE of ${what} with each kind`, async ({ alice }) => {
    await alice.done('mkdir', 'd', 0o755);
    await alice.done('mkdir', 'e', 0o755);
    for (const other of kinds) {
      await make(alice, 'd/one');
      await other.make(alice, 'e/two');
      const [one, two] = [await statusAt(alice, 'd/one'), await statusAt(alice, 'e/two')];
      await gives('ok', alice, 'renameat2', 'd/one', 'e/two', exchange);
      assert.equal((await statusAt(alice, 'd/one')).inode, two.inode);
      assert.equal((await statusAt(alice, 'e/two')).inode, one.inode);
      assert.equal((await statusAt(alice, 'd')).links, two.type === type.directory ? 3 : 2);
      assert.equal((await statusAt(alice, 'e')).links, one.type === type.directory ? 3 : 2);
      for (const name of ['d/one', 'e/two'])
        if ((await alice.call('unlink', name)).result !== 'ok') await alice.done('rmdir', name);
    }
  });
}

posixTest('rename: what must be refused', async ({ alice }) => {
  await alice.done('mkdir', 'd', 0o755);
  await alice.done('mkdir', 'd/e', 0o755);
  await alice.done('mkdir', 'full', 0o755);
  await makeFile(alice, 'full/file');
  await gives('EINVAL', alice, 'rename', 'd', 'd/e/new');
  await gives('EINVAL', alice, 'rename', 'd', 'd/new');
  await gives(['ENOTEMPTY', 'EEXIST'], alice, 'rename', 'd', 'full');
  await gives(['ENOTEMPTY', 'EEXIST'], alice, 'rename', 'd/e', 'd');
  await gives(['EBUSY', 'EINVAL'], alice, 'rename', 'd/.', 'new');
  await gives(['EBUSY', 'EINVAL'], alice, 'rename', 'd/..', 'new');
  await gives('EINVAL', alice, 'renameat2', 'd', 'full', noReplace | exchange);
  await gives('EINVAL', alice, 'renameat2', 'd', 'full', 64);
  await gives('ENOENT', alice, 'renameat2', 'd', 'missing', exchange);
  await gives('EINVAL', alice, 'renameat2', 'd', 'd/e', exchange);
  await gives('ENOTDIR', alice, 'rename', 'd', 'full/file');
  await gives('EISDIR', alice, 'rename', 'full/file', 'd');
  await gives('ok', alice, 'renameat2', 'd', 'free', noReplace);
});

posixTest('rename of two names of one file does nothing', async ({ alice }) => {
  await makeFile(alice, 'one');
  await alice.done('link', 'one', 'two');
  await gives('ok', alice, 'rename', 'one', 'two');
  assert.equal((await statusAt(alice, 'one')).links, 2);
  await gives('ok', alice, 'rename', 'one', 'one');
});

posixTest('rename over a file that is open: its content stays for who has it', async ({ alice }) => {
  await makeFile(alice, 'old', 'old content');
  await makeFile(alice, 'new', 'new content');
  const file = await alice.done('open', 'old', open.read);
  await alice.done('rename', 'new', 'old');
  assert.equal((await alice.values('pread', file, 0, 3))[1], 'old');
  const other = await alice.done('open', 'old', open.read);
  assert.equal((await alice.values('pread', other, 0, 3))[1], 'new');
});

posixTest(
  'rename EACCES: both directories are written, and a directory that moves',
  async ({ alice, bob }) => {
    await alice.done('mkdir', 'closed', 0o755);
    await makeFile(alice, 'closed/file');
    await bob.done('mkdir', 'own', 0o755);
    await makeFile(bob, 'own/file');
    await gives('EACCES', bob, 'rename', 'closed/file', 'own/new');
    await gives('EACCES', bob, 'rename', 'own/file', 'closed/new');
    await bob.done('mkdir', 'other', 0o755);
    await bob.done('mkdir', 'own/d', 0o555);
    await gives('EACCES', bob, 'rename', 'own/d', 'other/d'); // its ".." changes
    await gives('ok', bob, 'rename', 'own/d', 'own/e');
  },
);

posixTest('a directory that moved has another parent', async ({ alice }) => {
  for (const name of ['a', 'b', 'a/d']) await alice.done('mkdir', name, 0o755);
  await alice.done('rename', 'a/d', 'b/d');
  assert.equal((await statusAt(alice, 'b/d/..')).inode, (await statusAt(alice, 'b')).inode);
  const directory = await alice.done('open', 'b/d', open.read);
  const entries = await alice.values('getdents', directory, 4096);
  assert.equal(entries[entries.indexOf('..') - 1], (await statusAt(alice, 'b')).inode);
});
