/** What a directory lists, and in what pieces: getdents(2), readdir(3), telldir(3). */
import assert from 'node:assert/strict';
import { bytesOf, type Caller, open, type } from '../calls/caller.ts';
import { gives, makeFile, posixTest, statusAt } from '../posix-test.ts';

interface Listed {
  readonly cookie: string;
  readonly type: number;
  readonly inode: string;
  readonly name: string;
}

async function some(caller: Caller, directory: string, bytes: number): Promise<Listed[]> {
  const values = await caller.values('getdents', directory, bytes);
  const entries: Listed[] = [];
  for (let at = 0; at < values.length; at += 4) {
    const [cookie = '', kind, inode = '', name] = values.slice(at, at + 4);
    entries.push({ cookie, type: Number(kind), inode, name: bytesOf(name).toString() });
  }
  return entries;
}

async function all(caller: Caller, name: string, bytes = 32_768): Promise<Listed[]> {
  const directory = await caller.done('open', name, open.read | open.directory);
  const entries: Listed[] = [];
  for (;;) {
    const more = await some(caller, directory, bytes);
    if (more.length === 0) break;
    entries.push(...more);
  }
  await caller.done('close', directory);
  return entries;
}

posixTest('an entry has the type and number that stat tells', async ({ alice }) => {
  await makeFile(alice, 'file');
  await alice.done('mkdir', 'directory', 0o755);
  await alice.done('symlink', 'nowhere', 'link');
  await alice.done('mknod', 'pipe', type.fifo | 0o644, 0, 0);
  await alice.done('mknod', 'socket', type.socket | 0o644, 0, 0);
  const entries = await all(alice, '.');
  assert.deepEqual(entries.map(({ name }) => name).sort(), [
    '.',
    '..',
    'directory',
    'file',
    'link',
    'pipe',
    'socket',
  ]);
  for (const { name, type: listedType, inode } of entries.filter((entry) => entry.name !== '..')) {
    const status = await statusAt(alice, name);
    assert.equal(inode, status.inode, name);
    assert.equal(listedType << 12, status.type, name);
  }
});

posixTest('thousands of entries, each once, in pieces of any size', async ({ alice }) => {
  await alice.done('mkdir', 'd', 0o755);
  const names = Array.from({ length: 3000 }, (_, index) => `entry-${index}-${'x'.repeat(index % 200)}`);
  for (const name of names) await alice.done('mknod', `d/${name}`, type.file | 0o644, 0, 0);
  for (const bytes of [512, 4096, 1 << 20]) {
    const listed = (await all(alice, 'd', bytes)).map(({ name }) => name);
    assert.deepEqual(listed.filter((name) => !name.startsWith('.')).sort(), [...names].sort());
    assert.equal(listed.length, names.length + 2);
  }
});

posixTest('a place that was told is found again, though entries before it are gone', async ({ alice }) => {
  await alice.done('mkdir', 'd', 0o755);
  for (let index = 0; index < 200; index++) await makeFile(alice, `d/${index}`, '');
  const directory = await alice.done('open', 'd', open.read);
  const first = await some(alice, directory, 1024);
  const last = first.at(-1);
  assert.ok(last !== undefined);
  const rest: string[] = [];
  for (
    let more = await some(alice, directory, 4096);
    more.length > 0;
    more = await some(alice, directory, 4096)
  )
    rest.push(...more.map(({ name }) => name));
  for (const { name } of first.slice(0, -1))
    if (!name.startsWith('.')) await alice.done('unlink', `d/${name}`);
  await alice.done('lseek', directory, last.cookie, 0);
  const again: string[] = [];
  for (
    let more = await some(alice, directory, 4096);
    more.length > 0;
    more = await some(alice, directory, 4096)
  )
    again.push(...more.map(({ name }) => name));
  assert.deepEqual(again, rest);
});

posixTest('removing what is listed, piece by piece, empties the directory', async ({ alice }) => {
  await alice.done('mkdir', 'd', 0o755);
  for (let index = 0; index < 500; index++) await makeFile(alice, `d/${index}`, '');
  const directory = await alice.done('open', 'd', open.read);
  for (;;) {
    const piece = await some(alice, directory, 2048);
    if (piece.length === 0) break;
    for (const { name } of piece) if (!name.startsWith('.')) await alice.done('unlink', `d/${name}`);
  }
  await gives('ok', alice, 'rmdir', 'd');
});

posixTest('rewinding shows what was made meanwhile', async ({ alice }) => {
  await alice.done('mkdir', 'd', 0o755);
  const directory = await alice.done('open', 'd', open.read);
  assert.equal((await some(alice, directory, 4096)).length, 2);
  await makeFile(alice, 'd/new');
  await alice.done('lseek', directory, 0, 0);
  assert.equal((await some(alice, directory, 4096)).length, 3);
});

posixTest('listing asks for read, not for search', async ({ alice, bob }) => {
  await alice.done('mkdir', 'd', 0o755);
  await makeFile(alice, 'd/file');
  await alice.done('chmod', 'd', 0o744);
  assert.equal((await all(bob, 'd')).length, 3);
  await gives('EACCES', bob, 'lstat', 'd/file');
  await alice.done('chmod', 'd', 0o711);
  await gives('EACCES', bob, 'open', 'd', open.read);
  await gives('ok', bob, 'lstat', 'd/file');
});
