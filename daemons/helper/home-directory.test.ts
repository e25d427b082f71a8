import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { isXosError } from '@xtreemos/base';
import { makeHome } from './home-directory.ts';

const uid = 2_030_043_201;
const gid = uid;
const loginName = 'alice@physics';
const request = { type: 'make-home', uid, gid, loginName } as const;
let directory: string;
let options: { root: string; skeleton: string };

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'xos-home-'));
  options = { root: join(directory, 'home'), skeleton: join(directory, 'skel') };
  await mkdir(options.root);
  await mkdir(join(options.skeleton, '.config/deep'), { recursive: true });
  await writeFile(join(options.skeleton, '.profile'), 'umask 022\n', { mode: 0o644 });
  await writeFile(join(options.skeleton, '.config/deep/run'), 'x'.repeat(200_000), { mode: 0o755 });
  await symlink('/etc/shadow', join(options.skeleton, 'link'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

test('a home is made whole from the skeleton, and left alone the second time', async () => {
  const home = join(options.root, 'physics/alice');
  assert.deepEqual(await makeHome(request, options), { home, created: true });
  const stats = await lstat(home);
  assert.deepEqual([stats.uid, stats.gid, stats.mode & 0o7777], [uid, gid, 0o700]);
  const parent = await lstat(join(options.root, 'physics'));
  assert.deepEqual([parent.uid, parent.mode & 0o7777], [0, 0o755]);
  const run = await lstat(join(home, '.config/deep/run'));
  assert.deepEqual([run.uid, run.size, run.mode & 0o7777], [uid, 200_000, 0o755]);
  assert.equal(await readlink(join(home, 'link')), '/etc/shadow');
  assert.equal((await lstat(join(home, 'link'))).uid, uid);
  assert.notEqual((await lstat('/etc/shadow')).uid, uid);

  await writeFile(join(home, 'mine'), 'kept');
  assert.deepEqual(await makeHome(request, options), { home, created: false });
  assert.equal(await readFile(join(home, 'mine'), 'utf8'), 'kept');
  assert.deepEqual(await readdir(join(options.root, 'physics')), ['alice']);
});

test('setuid bits of the skeleton do not reach a home', async () => {
  await chmod(join(options.skeleton, '.profile'), 0o6755);
  await makeHome(request, options);
  assert.equal((await lstat(join(options.root, 'physics/alice/.profile'))).mode & 0o7777, 0o755);
});

test('what stands at the place of a home is never taken over', async () => {
  await mkdir(join(options.root, 'physics'));
  const home = join(options.root, 'physics/alice');
  const outside = join(directory, 'outside');
  await mkdir(outside);
  const obstacles: readonly (() => Promise<unknown>)[] = [
    () => symlink(outside, home),
    () => writeFile(home, ''),
    () => mkdir(home),
    async () => {
      await mkdir(home);
      await chown(home, uid + 1, uid + 1);
    },
  ];
  for (const make of obstacles) {
    await make();
    await assert.rejects(makeHome(request, options), (error) => isXosError(error, 'XOS_EXISTS'));
    await rm(home, { recursive: true });
  }
  assert.equal((await lstat(outside)).uid, 0);
  assert.deepEqual(await readdir(outside), []);
});

test('parents that others can write are refused, links as parents too', async () => {
  await mkdir(join(options.root, 'physics'));
  await chmod(join(options.root, 'physics'), 0o777);
  await assert.rejects(makeHome(request, options), (error) => isXosError(error, 'XOS_STATE_WRONG'));
  await rm(join(options.root, 'physics'), { recursive: true });
  await symlink(directory, join(options.root, 'physics'));
  await assert.rejects(makeHome(request, options), (error) => isXosError(error, 'XOS_STORAGE_FAILED'));
});

test('a half-made home of any content is replaced', async () => {
  const staging = join(options.root, 'physics/.alice.xos-new');
  await mkdir(join(staging, 'a/b'), { recursive: true });
  await symlink(options.skeleton, join(staging, 'a/out'));
  await chown(staging, uid, uid);
  await makeHome(request, options);
  assert.deepEqual(await readdir(join(options.root, 'physics')), ['alice']);
  assert.deepEqual((await readdir(join(options.root, 'physics/alice'))).sort(), [
    '.config',
    '.profile',
    'link',
  ]);
  assert.equal((await readdir(options.skeleton)).length, 3);
});

test('the skeleton being exchanged for links while it is copied leads nowhere', async () => {
  const secret = join(directory, 'secret');
  await mkdir(join(secret, 'deep'), { recursive: true });
  await writeFile(join(secret, 'deep/run'), 'SECRET');
  let isDone = false;
  const swapping = (async () => {
    const config = join(options.skeleton, '.config');
    while (!isDone) {
      await rename(config, `${config}.away`);
      await symlink(secret, config);
      await unlink(config);
      await rename(`${config}.away`, config);
    }
  })();
  try {
    for (let round = 0; round < 60; round++) {
      await makeHome(request, options).catch((error: unknown) => {
        assert.ok(isXosError(error, 'XOS_STORAGE_FAILED'), String(error));
      });
      const home = join(options.root, 'physics/alice');
      const config = await lstat(join(home, '.config')).catch(() => undefined);
      if (config?.isDirectory()) {
        const run = await readFile(join(home, '.config/deep/run'), 'utf8').catch(() => '');
        assert.ok(!run.includes('SECRET'));
      }
      await rm(home, { recursive: true, force: true });
    }
  } finally {
    isDone = true;
    await swapping;
  }
});

test('killed at any moment, there is a whole home or none, and the next call makes it', async () => {
  const script = `
    import { makeHome } from ${JSON.stringify(join(import.meta.dirname, 'home-directory.ts'))};
    process.send('ready');
    process.once('message', async () => { await makeHome(${JSON.stringify(request)}, ${JSON.stringify(options)}); });
  `;
  for (let round = 0; round < 12; round++) {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const closed = once(child, 'close');
    await once(child, 'message');
    child.send('go');
    // From before its first call to after its last: making this home takes a few milliseconds.
    await new Promise((resolve) => setTimeout(resolve, round / 2));
    child.kill('SIGKILL');
    await closed;
    const home = join(options.root, 'physics/alice');
    const isThere = (await lstat(home).catch(() => undefined)) !== undefined;
    if (isThere) await requireWhole(home);
    const { created } = await makeHome(request, options);
    assert.equal(created, !isThere);
    await requireWhole(home);
    assert.deepEqual(await readdir(join(options.root, 'physics')), ['alice']);
    await rm(home, { recursive: true });
  }
});

async function requireWhole(home: string): Promise<void> {
  const stats = await lstat(home);
  assert.deepEqual([stats.uid, stats.mode & 0o7777], [uid, 0o700]);
  assert.equal((await lstat(join(home, '.config/deep/run'))).size, 200_000);
  assert.equal((await lstat(join(home, '.profile'))).uid, uid);
}
