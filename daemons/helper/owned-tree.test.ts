import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import {
  chmod,
  chown,
  lchown,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  rename,
  rm,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { holdDirectory } from './held-directory.ts';
import { type RemovalReport, removeEntries } from './owned-tree.ts';

const uid = 2_030_043_202;
const other = 2_030_043_203;
const never = new AbortController().signal;
let directory: string;
let top: string;
let outside: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'xos-tree-'));
  top = join(directory, 'tmp');
  outside = join(directory, 'outside');
  await mkdir(top);
  await chmod(top, 0o1777);
  await mkdir(outside);
  await give(join(outside, 'victim'), uid);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function give(path: string, owner: number): Promise<void> {
  await writeFile(path, 'x');
  await chown(path, owner, owner);
}

async function giveDirectory(path: string, owner: number): Promise<void> {
  await mkdir(path);
  await chown(path, owner, owner);
}

async function sweep(signal: AbortSignal = never): Promise<RemovalReport> {
  await using held = await holdDirectory(top);
  return await removeEntries(held, top, { ownerUid: uid, signal });
}

test('what belongs to the account goes, what belongs to others stays', async () => {
  await give(join(top, 'mine'), uid);
  await give(join(top, 'theirs'), other);
  await giveDirectory(join(top, 'dir'), uid);
  await give(join(top, 'dir/a'), uid);
  await chmod(join(top, 'dir'), 0);
  await giveDirectory(join(top, 'shared'), other);
  await give(join(top, 'shared/mine'), uid);
  await give(join(top, 'shared/theirs'), other);
  execFileSync('mkfifo', [join(top, 'fifo')]);
  await chown(join(top, 'fifo'), uid, uid);
  writeFileSync(Buffer.concat([Buffer.from(`${top}/`), Buffer.from([0xff, 0xfe, 0x0a])]), '');
  await chown(Buffer.concat([Buffer.from(`${top}/`), Buffer.from([0xff, 0xfe, 0x0a])]), uid, uid);
  const report = await sweep();
  assert.deepEqual(report, { removed: 6, kept: [], problems: [], complete: true });
  assert.deepEqual((await readdir(top)).sort(), ['shared', 'theirs']);
  assert.deepEqual(await readdir(join(top, 'shared')), ['theirs']);
});

test('links are removed, never followed', async () => {
  await symlink(outside, join(top, 'link'));
  await lchown(join(top, 'link'), uid, uid);
  await symlink(outside, join(top, 'foreign'));
  await sweep();
  assert.deepEqual(await readdir(top), ['foreign']);
  assert.deepEqual(await readdir(outside), ['victim']);
});

test("a directory with files of others is kept, named and no longer the account's", async () => {
  await giveDirectory(join(top, 'dir'), uid);
  await give(join(top, 'dir/mine'), uid);
  await give(join(top, 'dir/theirs'), other);
  const report = await sweep();
  assert.deepEqual(report.kept, [join(top, 'dir')]);
  assert.deepEqual(await readdir(join(top, 'dir')), ['theirs']);
  assert.equal((await lstat(join(top, 'dir'))).uid, 0);
});

test('directories nested deeper than descriptors last go all the same', async () => {
  let path = join(top, 'd');
  await giveDirectory(path, uid);
  for (let depth = 0; depth < 400; depth++) {
    path = join(path, 'd');
    mkdirSync(path);
    await chown(path, uid, uid);
  }
  await give(join(path, 'last'), uid);
  const before = (await readdir('/proc/self/fd')).length;
  const report = await sweep();
  assert.deepEqual(report.problems, []);
  assert.equal(report.removed, 402);
  assert.deepEqual(await readdir(top), []);
  assert.equal((await readdir('/proc/self/fd')).length, before);
});

test('names exchanged for links during the sweep lead nowhere', async () => {
  let isDone = false;
  const swapping = (async () => {
    const path = join(top, 'dir');
    while (!isDone) {
      try {
        await giveDirectory(path, uid);
        await give(join(path, 'victim'), uid);
        await rename(path, `${path}.away`);
        await symlink(outside, path);
        await unlink(path);
        await rm(`${path}.away`, { recursive: true, force: true });
      } catch {
        // The sweep took it first.
        await rm(path, { recursive: true, force: true });
        await rm(`${path}.away`, { recursive: true, force: true });
      }
    }
  })();
  try {
    for (let round = 0; round < 100; round++) await sweep();
  } finally {
    isDone = true;
    await swapping;
  }
  assert.deepEqual(await readdir(outside), ['victim']);
});

test('mount points are not crossed, bind mounts of the same file system included', () => {
  const script = `
    mkdir ${top}/bind ${top}/tmpfs && mount --bind ${outside} ${top}/bind && mount -t tmpfs none ${top}/tmpfs &&
    touch ${top}/tmpfs/mine && chown ${uid}:${uid} ${top}/tmpfs/mine ${top}/bind ${top}/tmpfs &&
    exec ${process.execPath} --input-type=module --eval '
      import { readdirSync } from "node:fs";
      import { holdDirectory } from "${import.meta.dirname}/held-directory.ts";
      import { removeEntries } from "${import.meta.dirname}/owned-tree.ts";
      const held = await holdDirectory("${top}");
      const report = await removeEntries(held, "${top}", { ownerUid: ${uid}, signal: new AbortController().signal });
      console.log(JSON.stringify([report.removed, readdirSync("${top}/bind"), readdirSync("${top}/tmpfs")]));
    '`;
  const output = execFileSync('unshare', ['--mount', 'sh', '-c', script], { encoding: 'utf8' });
  assert.deepEqual(JSON.parse(output), [0, ['victim'], ['mine']]);
});

test('when the time is up the report says so', async () => {
  for (let index = 0; index < 50; index++) await give(join(top, `f${index}`), uid);
  const report = await sweep(AbortSignal.abort());
  assert.equal(report.complete, false);
  assert.equal(report.removed, 0);
});

test("other people's directories cannot keep an account's clean-up from being complete", async () => {
  await give(join(top, 'mine'), uid);
  let path = join(top, 'deep');
  for (let depth = 0; depth < 60; depth++) {
    await giveDirectory(path, other);
    path = join(path, 'd');
  }
  // Aborted once the account's own trees are gone: an endless directory of somebody else's.
  let looks = 0;
  const signal = {
    get aborted() {
      return ++looks > 3;
    },
  } as AbortSignal;
  const cut = await sweep(signal);
  assert.equal(cut.complete, true);
  assert.match(cut.kept.join(), /not searched: no time left/);
  assert.deepEqual(await readdir(top), ['deep']);
  const report = await sweep();
  assert.deepEqual([report.complete, report.problems], [true, []]);
  assert.match(report.kept.join(), /not searched: too deep/);
});

test('a file system that shuts root out is passed over', () => {
  // What lstat says of a user's own FUSE mount, from a mount whose server is gone.
  const script = `
    mkdir ${top}/fuse && chown ${other}:${other} ${top}/fuse && exec 7<>/dev/fuse &&
    mount -i -t fuse -o fd=7,rootmode=40000,user_id=${other},group_id=${other} fuse ${top}/fuse && exec 7>&- &&
    exec ${process.execPath} --input-type=module --eval '
      import { holdDirectory } from "${import.meta.dirname}/held-directory.ts";
      import { removeEntries } from "${import.meta.dirname}/owned-tree.ts";
      const held = await holdDirectory("${top}");
      const report = await removeEntries(held, "${top}", { ownerUid: ${uid}, signal: new AbortController().signal });
      console.log(JSON.stringify([report.complete, report.problems, report.kept.length]));
    '`;
  const output = execFileSync('unshare', ['--mount', 'bash', '-c', script], { encoding: 'utf8' });
  assert.deepEqual(JSON.parse(output), [true, [], 1]);
});
