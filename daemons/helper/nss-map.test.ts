import assert from 'node:assert/strict';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { lstat, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { isXosError } from '@xtreemos/base';
import { writeNssMap } from '@xtreemos/module-protocol';
import { memfd, sealDescriptor } from '@xtreemos/native-sys';
import { publishMap } from './nss-map.ts';

const sizeLimitBytes = 1024 * 1024;
let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'xos-map-'));
  path = join(directory, 'accounts.map');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function publish(content: Uint8Array) {
  const descriptor = memfd('test');
  try {
    writeSync(descriptor, content);
    sealDescriptor(descriptor);
    return await publishMap(descriptor, { path, sizeLimitBytes });
  } finally {
    closeSync(descriptor);
  }
}

/** Made once each: a map has a random hash key. */
const maps = [0, 1, 2].map(makeMap);
function map(generation: number): Buffer {
  return Buffer.from(maps[generation] ?? '');
}

function makeMap(generation: number): Buffer {
  const account = {
    name: 'a@b',
    uid: 2_030_043_206,
    gid: 2_030_043_206,
    gecos: '',
    home: '/home/b/a',
    shell: '/bin/sh',
  };
  return writeNssMap({ passwd: [{ ...account, groups: [] }], groups: [], generation });
}

test('a map replaces the old one, which its readers keep unchanged', async () => {
  assert.deepEqual(await publish(map(1)), { path, sizeBytes: map(1).length });
  const old = openSync(path, 'r');
  await publish(map(2));
  const content = Buffer.alloc(map(1).length);
  readSync(old, content, 0, content.length, 0);
  closeSync(old);
  assert.deepEqual(content, map(1));
  assert.deepEqual(await readFile(path), map(2));
  const stats = await lstat(path);
  assert.deepEqual([stats.uid, stats.gid, stats.mode & 0o7777], [0, 0, 0o644]);
});

test('what a killed publication left is removed by the next', async () => {
  await writeFile(join(directory, '.accounts.map.0123456789ab'), 'half');
  await publish(map(1));
  assert.deepEqual(await readdir(directory), ['accounts.map']);
});

test('what is no map, or larger than allowed, never replaces one', async () => {
  await publish(map(1));
  const altered = map(2);
  altered.writeUInt8(altered.readUInt8(20) ^ 1, 20);
  const bad = [new Uint8Array(0), Buffer.from('x'), Buffer.alloc(4096), map(2).subarray(0, -1), altered];
  for (const content of bad)
    await assert.rejects(publish(content), (error) => isXosError(error, 'XOS_INPUT_BAD'));
  await assert.rejects(publish(Buffer.alloc(sizeLimitBytes + 1)), (error) =>
    isXosError(error, 'XOS_INPUT_TOO_LARGE'),
  );
  assert.deepEqual(await readFile(path), map(1));
  assert.deepEqual(await readdir(directory), ['accounts.map']);
});
