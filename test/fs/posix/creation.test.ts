/** open with O_CREAT, mkdir, mknod, symlink, link and what removes them: POSIX.1-2024, and the man pages of Linux. */
import assert from 'node:assert/strict';
import { open, type } from '../calls/caller.ts';
import { gives, makeFile, marks, posixTest, type Scene, statusAt } from '../posix-test.ts';

const create = open.both | open.create;

interface Maker {
  readonly what: string;
  readonly name: string;
  readonly words: (path: string) => readonly (string | number)[];
  readonly type: number;
  /** Permissions with umask 022, of 0777 asked. */
  readonly mode: number;
}

const makers: readonly Maker[] = [
  { what: 'open', name: 'open', words: (path) => [path, create, 0o777], type: type.file, mode: 0o755 },
  { what: 'mkdir', name: 'mkdir', words: (path) => [path, 0o777], type: type.directory, mode: 0o755 },
  {
    what: 'mkfifo',
    name: 'mknod',
    words: (path) => [path, type.fifo | 0o777, 0, 0],
    type: type.fifo,
    mode: 0o755,
  },
  {
    what: 'a socket',
    name: 'mknod',
    words: (path) => [path, type.socket | 0o777, 0, 0],
    type: type.socket,
    mode: 0o755,
  },
  {
    what: 'mknod of a file',
    name: 'mknod',
    words: (path) => [path, type.file | 0o777, 0, 0],
    type: type.file,
    mode: 0o755,
  },
  { what: 'symlink', name: 'symlink', words: (path) => ['some/where', path], type: type.link, mode: 0o777 },
];

for (const { what, name, words, type: wantedType, mode } of makers) {
  posixTest(`${what} makes one that is its user's, and marks the directory`, async ({ alice }) => {
    await alice.done('mkdir', 'd', 0o755);
    await marks(alice, 'd', { mtime: true, ctime: true }, () => gives('ok', alice, name, ...words('d/new')));
    const made = await statusAt(alice, 'd/new');
    assert.deepEqual(
      { type: made.type, mode: made.mode, uid: made.uid, gid: made.gid },
      { type: wantedType, mode, uid: alice.user.uid, gid: alice.user.gid },
    );
    assert.equal(made.links, wantedType === type.directory ? 2 : 1);
    assert.ok(made.mtimeNs === made.ctimeNs && made.atimeNs === made.mtimeNs);
  });

  posixTest(`${what} EEXIST: whatever has the name, a dangling link too`, async ({ alice }) => {
    const exclusive = name === 'open' ? ['taken', create | open.exclusive, 0o644] : words('taken');
    for (const other of makers) {
      await alice.done(other.name, ...other.words('taken'));
      await gives('EEXIST', alice, name, ...exclusive);
      await alice.done(other.type === type.directory ? 'rmdir' : 'unlink', 'taken');
    }
    if (name !== 'open') await gives('EEXIST', alice, name, ...words('.'));
  });

  posixTest(`${what} EACCES: the directory may not be written`, async ({ alice, bob, root }) => {
    await alice.done('mkdir', 'd', 0o755);
    await gives('EACCES', bob, name, ...words('d/new'));
    await gives('ok', root, name, ...words('d/of-root'));
    await alice.done('chmod', 'd', 0o666);
    await gives('EACCES', alice, name, ...words('d/new'));
    await alice.done('chmod', 'd', 0o755);
  });

  posixTest(`${what} in a directory with setgid takes its group`, async ({ alice, carol }) => {
    await alice.done('mkdir', 'd', 0o777);
    await alice.done('chmod', 'd', 0o2777);
    await gives('ok', carol, name, ...words('d/new'));
    const made = await statusAt(carol, 'd/new');
    assert.deepEqual([made.uid, made.gid], [carol.user.uid, alice.user.gid]);
    assert.equal(made.mode & 0o2000, wantedType === type.directory ? 0o2000 : 0);
  });
}

posixTest('umask takes permissions away, never the mode that chmod sets', async ({ alice }) => {
  await alice.done('umask', 0o077);
  await makeFile(alice, 'file', 'x', 0o666);
  await alice.done('mkdir', 'd', 0o777);
  assert.equal((await statusAt(alice, 'file')).mode, 0o600);
  assert.equal((await statusAt(alice, 'd')).mode, 0o700);
  await alice.done('chmod', 'file', 0o666);
  assert.equal((await statusAt(alice, 'file')).mode, 0o666);
});

posixTest('a file may be made with no permission at all and is still open for writing', async ({ alice }) => {
  const file = await alice.done('open', 'f', create | open.exclusive, 0);
  await gives('ok', alice, 'write', file, 'text');
  await gives('EACCES', alice, 'open', 'f', open.read);
  assert.equal((await statusAt(alice, 'f')).mode, 0);
});

posixTest('mknod of devices is the superuser’s', async ({ alice, root }) => {
  for (const kind of [type.character, type.block]) {
    await gives('EPERM', alice, 'mknod', 'device', kind | 0o644, 1, 3);
    await root.done('mknod', 'device', kind | 0o644, 1, 3);
    const made = await statusAt(root, 'device');
    assert.equal(made.type, kind);
    assert.equal(made.device, '1:3');
    await root.done('unlink', 'device');
  }
  await gives(['EPERM', 'EINVAL'], alice, 'mknod', 'd', type.directory | 0o755, 0, 0);
});

posixTest('mkdir counts a link to the parent, rmdir takes it back', async ({ alice }) => {
  await alice.done('mkdir', 'd', 0o755);
  await alice.done('mkdir', 'd/e', 0o755);
  assert.equal((await statusAt(alice, 'd')).links, 3);
  await marks(alice, 'd', { mtime: true, ctime: true }, () => alice.done('rmdir', 'd/e'));
  assert.equal((await statusAt(alice, 'd')).links, 2);
});

posixTest('rmdir refuses what is not empty, what is no directory, "." and ".."', async ({ alice }) => {
  await alice.done('mkdir', 'd', 0o755);
  await makeFile(alice, 'd/file');
  await gives(['ENOTEMPTY', 'EEXIST'], alice, 'rmdir', 'd');
  await gives('ENOTDIR', alice, 'rmdir', 'd/file');
  await gives('EINVAL', alice, 'rmdir', 'd/.');
  await gives(['ENOTEMPTY', 'EEXIST', 'EINVAL'], alice, 'rmdir', 'd/..');
  await alice.done('symlink', 'd', 'link');
  await gives('ENOTDIR', alice, 'rmdir', 'link');
});

posixTest('unlink refuses directories', async ({ alice, root }) => {
  await alice.done('mkdir', 'd', 0o755);
  await gives(['EISDIR', 'EPERM'], alice, 'unlink', 'd');
  await gives(['EISDIR', 'EPERM'], root, 'unlink', 'd');
});

posixTest('unlink takes one name; the file goes with the last', async ({ alice }) => {
  await makeFile(alice, 'one');
  await alice.done('link', 'one', 'two');
  await marks(alice, 'two', { ctime: true }, () => alice.done('unlink', 'one'));
  assert.equal((await statusAt(alice, 'two')).links, 1);
  await alice.done('unlink', 'two');
  await gives('ENOENT', alice, 'stat', 'two');
});

posixTest('a file without a name goes on for those who have it open', async ({ alice, bob }) => {
  await makeFile(alice, 'f', 'before', 0o666);
  const file = await alice.done('open', 'f', open.both);
  const other = await bob.done('open', 'f', open.read);
  await alice.done('unlink', 'f');
  await alice.done('pwrite', file, 6, ' after');
  assert.equal((await alice.values('pread', file, 0, 100))[1], 'before%20after');
  assert.equal((await bob.values('pread', other, 0, 100))[1], 'before%20after');
  assert.equal((await alice.values('fstat', file))[2], '0');
  await alice.done('fchmod', file, 0o600);
  await alice.done('ftruncate', file, 3);
  assert.equal((await alice.values('pread', file, 0, 100))[1], 'bef');
  // The name is free at once.
  await makeFile(alice, 'f', 'another');
  assert.equal((await alice.values('pread', file, 0, 100))[1], 'bef');
});

posixTest('a directory that was removed while it is open takes nothing new', async ({ alice }) => {
  await alice.done('mkdir', 'd', 0o755);
  const directory = await alice.done('open', 'd', open.read | open.directory);
  await alice.done('rmdir', 'd');
  await gives('ENOENT', alice, 'openat', directory, 'new', create, 0o644);
  await gives('ENOENT', alice, 'getdents', directory, 4096); // as Linux does; POSIX would have it empty
});

async function sticky(
  { alice, bob, carol, root }: Scene,
  remove: (caller: Scene['bob'], name: string) => Promise<string>,
) {
  await alice.done('mkdir', 'd', 0o777);
  await alice.done('chmod', 'd', 0o1777);
  await makeFile(bob, 'd/of-bob', 'x', 0o666);
  await makeFile(bob, 'd/of-bob-too', 'x', 0o666);
  await makeFile(bob, 'd/of-bob-last', 'x', 0o666);
  assert.equal(await remove(carol, 'd/of-bob'), 'EPERM');
  assert.equal(await remove(bob, 'd/of-bob'), 'ok');
  assert.equal(await remove(alice, 'd/of-bob-too'), 'ok'); // whose directory it is
  assert.equal(await remove(root, 'd/of-bob-last'), 'ok');
}

posixTest('sticky: unlink only of one’s own, by the owner of the directory, or by the superuser', (scene) =>
  sticky(scene, async (caller, name) => (await caller.call('unlink', name)).result),
);

posixTest('sticky: rename only of one’s own', (scene) =>
  sticky(scene, async (caller, name) => (await caller.call('rename', name, `${name}-moved`)).result),
);

posixTest('sticky: rename does not replace what is another’s', async ({ alice, bob, carol }) => {
  await alice.done('mkdir', 'd', 0o777);
  await alice.done('chmod', 'd', 0o1777);
  await makeFile(bob, 'd/of-bob', 'x', 0o666);
  await makeFile(carol, 'd/of-carol', 'x', 0o666);
  await gives('EPERM', carol, 'rename', 'd/of-carol', 'd/of-bob');
  await gives('ok', carol, 'rename', 'd/of-carol', 'd/free');
});

posixTest('link: one more name of one file', async ({ alice }) => {
  await makeFile(alice, 'one');
  await alice.done('mkdir', 'd', 0o755);
  await marks(alice, 'one', { ctime: true }, () =>
    marks(alice, 'd', { mtime: true, ctime: true }, () => alice.done('link', 'one', 'd/two')),
  );
  const [one, two] = [await statusAt(alice, 'one'), await statusAt(alice, 'd/two')];
  assert.equal(one.inode, two.inode);
  assert.deepEqual([one.links, two.links], [2, 2]);
  const file = await alice.done('open', 'd/two', open.both);
  await alice.done('pwrite', file, 0, 'changed');
  await alice.done('close', file);
  assert.equal((await statusAt(alice, 'one')).size, 7);
});

posixTest('link: of links themselves and of special files, not of directories', async ({ alice, root }) => {
  await alice.done('symlink', 'nowhere', 'link');
  await alice.done('link', 'link', 'link-too');
  assert.equal((await alice.values('readlink', 'link-too'))[1], 'nowhere');
  await alice.done('mknod', 'pipe', type.fifo | 0o644, 0, 0);
  await gives('ok', alice, 'link', 'pipe', 'pipe-too');
  await alice.done('mkdir', 'd', 0o755);
  await gives('EPERM', alice, 'link', 'd', 'd-too');
  await gives('EPERM', root, 'link', 'd', 'd-too');
  await gives('EEXIST', alice, 'link', 'pipe', 'd');
});

posixTest('symlink keeps any text of 1 to 4095 bytes', async ({ alice }) => {
  for (const target of ['x', '/../..//a', 'ä\n ', 'n'.repeat(4095)]) {
    await alice.done('symlink', target, 'link');
    const [length, value] = await alice.values('readlink', 'link');
    assert.equal(Number(length), Buffer.byteLength(target));
    assert.ok(value !== undefined);
    assert.equal((await statusAt(alice, 'link')).size, Buffer.byteLength(target));
    await alice.done('unlink', 'link');
  }
  await gives('ENAMETOOLONG', alice, 'symlink', 'n'.repeat(4096), 'link');
  await gives('ENOENT', alice, 'symlink', '', 'link');
  await makeFile(alice, 'file');
  await gives('EINVAL', alice, 'readlink', 'file');
});

posixTest('open: access by class, and each errno', async ({ alice, bob, carol, root }) => {
  await makeFile(alice, 'f', 'x', 0o640);
  for (const flags of [open.read, open.write, open.both]) await gives('ok', alice, 'open', 'f', flags);
  await gives('ok', carol, 'open', 'f', open.read);
  await gives('EACCES', carol, 'open', 'f', open.write);
  for (const flags of [open.read, open.write, open.both, open.read | open.truncate])
    await gives('EACCES', bob, 'open', 'f', flags);
  assert.equal((await statusAt(alice, 'f')).size, 1);
  await alice.done('chmod', 'f', 0);
  await gives('ok', root, 'open', 'f', open.both);
  await alice.done('mkdir', 'd', 0o755);
  for (const flags of [open.write, open.both, open.both | open.create])
    await gives('EISDIR', alice, 'open', 'd', flags, 0o644);
  await alice.done('symlink', 'd', 'link');
  await gives('ELOOP', alice, 'open', 'link', open.read | open.noFollow);
  await gives('ENXIO', alice, 'open', await fifo(alice), open.write | 0o4000);
  await root.done('mknod', 'device', type.character | 0o666, 250, 250);
  await gives(['ENXIO', 'EACCES'], alice, 'open', 'device', open.read);
});

async function fifo(caller: Scene['alice']): Promise<string> {
  await caller.done('mknod', 'pipe', type.fifo | 0o644, 0, 0);
  return 'pipe';
}

posixTest('O_CREAT through a dangling link makes its target', async ({ alice }) => {
  await alice.done('symlink', 'target', 'link');
  await alice.done('open', 'link', create, 0o644);
  assert.equal((await statusAt(alice, 'target')).type, type.file);
});

posixTest('O_TRUNC empties what is there, keeps the file, marks it', async ({ alice }) => {
  await makeFile(alice, 'f', 'content');
  const before = await statusAt(alice, 'f');
  await marks(alice, 'f', { mtime: true, ctime: true }, () =>
    alice.done('open', 'f', open.write | open.truncate),
  );
  const after = await statusAt(alice, 'f');
  assert.deepEqual([after.size, after.inode], [0, before.inode]);
  // Opened for reading alone, by whoever may write: read(2), and nothing left to read.
  await makeFile(alice, 'r', 'content');
  const file = await alice.done('open', 'r', open.read | open.truncate);
  assert.deepEqual(
    [(await statusAt(alice, 'r')).size, await alice.values('pread', file, 0, 10)],
    [0, ['0', '']],
  );
  await alice.done('close', file);
  await alice.done('chmod', 'r', 0o444);
  await gives('EACCES', alice, 'open', 'r', open.read | open.truncate);
  // O_CREAT of what is there changes nothing of its permissions.
  await alice.done('open', 'f', create, 0o600);
  assert.equal((await statusAt(alice, 'f')).mode, 0o644);
});

posixTest('O_TMPFILE: without a name until it is linked', async ({ alice }) => {
  await alice.done('mkdir', 'd', 0o755);
  const file = await alice.done('open', 'd', open.both | open.temporary, 0o640);
  await alice.done('pwrite', file, 0, 'content');
  assert.equal((await alice.values('fstat', file))[2], '0');
  const directory = await alice.done('open', 'd', open.read);
  assert.equal((await alice.values('getdents', directory, 4096)).length, 8);
  await alice.done('linkfd', file, 'd/named');
  const named = await statusAt(alice, 'd/named');
  assert.deepEqual([named.size, named.links, named.mode], [7, 1, 0o640]);
  const excluded = await alice.done('open', 'd', open.both | open.temporary | open.exclusive, 0o640);
  await gives('ENOENT', alice, 'linkfd', excluded, 'd/never');
  await gives(['EINVAL', 'EISDIR'], alice, 'open', 'd', open.read | open.temporary, 0o640);
});
