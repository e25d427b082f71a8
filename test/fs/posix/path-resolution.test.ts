/** What every call that takes a path refuses: POSIX.1-2024, 4.16 and the ERRORS of each call. */
import { type Caller, open, type, type Word } from '../calls/caller.ts';
import { gives, makeFile, posixTest } from '../posix-test.ts';

interface PathCall {
  readonly name: string;
  /** The words of the call with this path. */
  readonly words: (path: Word) => readonly Word[];
  /** It makes what the path names. */
  readonly makes?: true;
  /** It has to do with the link itself. */
  readonly ofLink?: true;
}

const calls: readonly PathCall[] = [
  { name: 'open', words: (path) => [path, open.read] },
  { name: 'stat', words: (path) => [path] },
  { name: 'lstat', words: (path) => [path], ofLink: true },
  { name: 'chmod', words: (path) => [path, 0o600] },
  { name: 'chown', words: (path) => [path, -1, -1] },
  { name: 'lchown', words: (path) => [path, -1, -1], ofLink: true },
  { name: 'truncate', words: (path) => [path, 0] },
  { name: 'access', words: (path) => [path, 0] },
  { name: 'utimens', words: (path) => [path, 'now', 'now'] },
  { name: 'readlink', words: (path) => [path], ofLink: true },
  { name: 'unlink', words: (path) => [path], ofLink: true },
  { name: 'rmdir', words: (path) => [path], ofLink: true },
  { name: 'statvfs', words: (path) => [path] },
  { name: 'chdir', words: (path) => [path] },
  { name: 'getxattr', words: (path) => [path, 'user.a'], ofLink: true },
  { name: 'listxattr', words: (path) => [path], ofLink: true },
  { name: 'mkdir', words: (path) => [path, 0o755], makes: true },
  { name: 'mknod', words: (path) => [path, type.fifo | 0o644, 0, 0], makes: true },
  { name: 'symlink', words: (path) => ['target', path], makes: true },
  { name: 'open', words: (path) => [path, open.both | open.create, 0o644], makes: true },
  { name: 'link', words: (path) => [path, 'new'], ofLink: true },
  { name: 'link', words: (path) => ['file', path], makes: true },
  { name: 'rename', words: (path) => [path, 'new'], ofLink: true },
  { name: 'rename', words: (path) => ['file', path], makes: true },
];

/** Each call with a path of its own making. */
async function eachGives(result: string, caller: Caller, path: Word, which = calls): Promise<void> {
  for (const { name, words } of which) await gives(result, caller, name, ...words(path));
}

const looking = calls.filter(({ makes }) => makes !== true);

posixTest('ENOENT: a component does not exist, or the path is empty', async ({ alice }) => {
  await makeFile(alice, 'file');
  await eachGives('ENOENT', alice, 'missing', looking);
  await eachGives('ENOENT', alice, 'missing/name');
  await eachGives('ENOENT', alice, '');
});

posixTest('ENOTDIR: a component is no directory', async ({ alice }) => {
  await makeFile(alice, 'file');
  await alice.done('mknod', 'pipe', type.fifo | 0o644, 0, 0);
  await eachGives('ENOTDIR', alice, 'file/name');
  await eachGives('ENOTDIR', alice, 'pipe/name');
  await eachGives(
    'ENOTDIR',
    alice,
    'file/',
    looking.filter(({ name }) => !['rename', 'link'].includes(name)),
  );
  await gives('ENOTDIR', alice, 'open', 'file', open.read | open.directory);
  await gives('ENOTDIR', alice, 'chdir', 'file');
});

posixTest('ENAMETOOLONG: a component of 256 bytes, a path of 4096; 255 bytes do', async ({ alice }) => {
  await makeFile(alice, 'file');
  await eachGives('ENAMETOOLONG', alice, 'n'.repeat(256));
  await eachGives('ENAMETOOLONG', alice, 'ü'.repeat(128));
  await eachGives('ENAMETOOLONG', alice, `${'n'.repeat(256)}/name`);
  await eachGives('ENAMETOOLONG', alice, './'.repeat(2048));
  for (const byte of [0x6e, 0xff, 0x01]) {
    const name = Buffer.alloc(255, byte);
    await makeFile(alice, name);
    await gives('ok', alice, 'lstat', name);
    await gives('ok', alice, 'unlink', name);
  }
  await gives('ok', alice, 'lstat', `${'./'.repeat(2045)}file`);
});

posixTest('ELOOP: more links than are followed', async ({ alice }) => {
  await makeFile(alice, 'file');
  await alice.done('symlink', 'one', 'other');
  await alice.done('symlink', 'other', 'one');
  await eachGives('ELOOP', alice, 'one/name');
  await eachGives(
    'ELOOP',
    alice,
    'one',
    looking.filter(({ ofLink }) => ofLink !== true),
  );
  await gives('ELOOP', alice, 'open', 'one', open.both | open.create, 0o644);
  await gives('ELOOP', alice, 'open', 'one', open.read | open.noFollow);
  await alice.done('mkdir', 'd', 0o755);
  let target = 'd';
  for (let depth = 0; depth <= 40; depth++) {
    await alice.done('symlink', target, `link${depth}`);
    target = `link${depth}`;
  }
  await gives('ok', alice, 'stat', 'link39');
  await gives('ELOOP', alice, 'stat', 'link40');
});

posixTest('EACCES: a directory on the way may not be searched', async ({ alice, bob, carol, root }) => {
  await alice.done('mkdir', 'closed', 0o700);
  await makeFile(alice, 'closed/name');
  await makeFile(bob, 'file');
  await eachGives('EACCES', bob, 'closed/name');
  await eachGives('EACCES', bob, 'closed/missing');
  await gives('ok', root, 'stat', 'closed/name');
  // The first class that fits decides: the group's when she is in it, though others may.
  await alice.done('chmod', 'closed', 0o705);
  await gives('ok', bob, 'stat', 'closed/name');
  await gives('EACCES', carol, 'stat', 'closed/name');
  await alice.done('chmod', 'closed', 0o077);
  await gives('EACCES', alice, 'stat', 'closed/name');
  await gives('ok', carol, 'stat', 'closed/name');
  await alice.done('chmod', 'closed', 0o700);
});

posixTest('names of any bytes but "/" and zero', async ({ alice }) => {
  const names = [
    Buffer.from([0xff, 0xfe]),
    Buffer.from('ä'),
    Buffer.from('a\u0308'),
    '\n',
    ' ',
    '...',
    '-',
    '%41',
  ];
  for (const name of names) await makeFile(alice, name, 'x');
  const directory = await alice.done('open', '.', open.read);
  const listed = (await alice.values('getdents', directory, 65_536)).filter((_, index) => index % 4 === 3);
  for (const name of names) await gives('ok', alice, 'unlink', name);
  // Names that differ in one byte, or in Unicode's composition, are different files.
  if (listed.length !== names.length + 2) throw new Error(`listed: ${listed.join(' ')}`);
});
