import assert from 'node:assert/strict';
import { chown, lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { isXosError, XosError } from '@xtreemos/base';
import type { StartHomeRequest } from '@xtreemos/helper-client';
import { makeHome } from './home-directory.ts';
import { type HomeVolumeOptions, startHome, stopHome } from './home-volume.ts';
import type { ServiceManager, ServiceOutcome } from './service-manager.ts';

const uid = 2_030_043_201;
const unit = `xos-home@${uid}.service`;
const request: StartHomeRequest = {
  type: 'start-home',
  uid,
  gid: uid,
  loginName: 'alice@physics',
  vo: 'physics.example',
  volume: 'home',
  directory: 'dir1.example:32638',
};

let top: string;
let home: string;
let mounted: string;
let calls: string[];
let failure: XosError | undefined;
let outcome: ServiceOutcome | undefined;
let options: HomeVolumeOptions;

beforeEach(async () => {
  top = await mkdtemp(join(tmpdir(), 'xos-home-volume-'));
  home = join(top, 'home/physics/alice');
  await mkdir(join(top, 'home'));
  await mkdir(join(top, 'run'));
  mounted = '';
  calls = [];
  failure = undefined;
  outcome = undefined;
  const note = (call: string) => void calls.push(call);
  const manager: Partial<ServiceManager> = {
    startUnit: async (name) => {
      note(`start ${name}`);
      assert.ok((await readdir(join(top, 'run'))).includes(`${uid}.env`), 'started without its parameters');
      if (failure !== undefined) throw failure;
    },
    stopUnit: async (name) => {
      note(`stop ${name}`);
      return true;
    },
    outcome: async () => outcome,
    resetFailedUnit: async (name) => {
      note(`reset ${name}`);
      return true;
    },
  };
  options = {
    manager: manager as ServiceManager,
    homeRoot: join(top, 'home'),
    directory: join(top, 'run'),
    skeleton: '/etc/skel',
    mountTable: async () => mounted,
  };
});
afterEach(() => rm(top, { recursive: true, force: true }));

test('the unit is started with its parameters in a file, on an empty directory that nobody but root can write to', async () => {
  assert.deepEqual(await startHome(request, options), { unit, home });
  const stats = await lstat(home);
  assert.deepEqual([stats.uid, stats.gid, stats.mode & 0o7777], [0, 0, 0o555]);
  assert.equal(
    await readFile(join(top, 'run', `${uid}.env`), 'utf8'),
    `XOS_HOME_MOUNT_POINT="${home}"\nXOS_HOME_SOURCE="dir1.example:32638/home"\n` +
      `XOS_HOME_OPTIONS="home,skeleton=/etc/skel,vo=physics.example,user_id=${uid},group_id=${uid}"\n`,
  );
  // The next session of the account, and one after a mount that broke.
  await startHome(request, options);
  mounted = `36 25 0:50 / ${home} rw,nosuid,nodev - fuse.xtreemfs home rw\n`;
  await startHome(request, options);
  assert.deepEqual(calls, [`start ${unit}`, `start ${unit}`, `start ${unit}`]);
});

test('a mount is ended by its unit, and only where there is one', async () => {
  assert.deepEqual(await stopHome(uid, options), { stopped: false });
  await startHome(request, options);
  assert.deepEqual(await stopHome(uid, options), { stopped: true });
  assert.deepEqual(await stopHome(uid, options), { stopped: false });
  assert.deepEqual(calls, [`start ${unit}`, `stop ${unit}`]);
  assert.deepEqual(await readdir(join(top, 'run')), []);
});

test('what was not written in time is told', async () => {
  await startHome(request, options);
  outcome = { result: 'timeout', statusText: '3 files are not safe' };
  assert.deepEqual(await stopHome(uid, options), {
    stopped: true,
    problem: `${unit} ended as "timeout": 3 files are not safe`,
  });
  assert.equal(calls.at(-1), `reset ${unit}`);
});

test('a mount that failed says why, and leaves nothing that would be stopped later', async () => {
  failure = new XosError('XOS_LAUNCH_FAILED', { what: unit, uid, reason: 'its job ended as "failed"' });
  outcome = { result: 'exit-code', statusText: 'no DIR answers' };
  await assert.rejects(startHome(request, options), (error) => {
    assert.ok(isXosError(error, 'XOS_LAUNCH_FAILED'));
    assert.match(error.message, /exit-code.*no DIR answers/);
    return true;
  });
  assert.deepEqual(await readdir(join(top, 'run')), []);
  assert.deepEqual(calls, [`start ${unit}`, `reset ${unit}`]);
});

test('a local home is neither covered nor touched, nor is anything else in the way', async () => {
  await makeHome(
    { type: 'make-home', uid, gid: uid, loginName: 'alice@physics' },
    { root: options.homeRoot, skeleton: '/nonexistent' },
  );
  await writeFile(join(home, 'mine'), 'kept');
  await assert.rejects(startHome(request, options), (error) => isXosError(error, 'XOS_EXISTS'));
  assert.equal(await readFile(join(home, 'mine'), 'utf8'), 'kept');

  await rm(home, { recursive: true });
  await symlink('/etc', home);
  await assert.rejects(startHome(request, options), (error) => isXosError(error, 'XOS_EXISTS'));
  assert.equal((await lstat(home)).isSymbolicLink(), true);

  await rm(home);
  await mkdir(home, 0o555);
  await writeFile(join(home, 'hidden'), 'by a mount');
  await assert.rejects(startHome(request, options), (error) => isXosError(error, 'XOS_EXISTS'));
  assert.deepEqual(calls, []);
});

test('an empty directory of the account becomes the mount point', async () => {
  await mkdir(home, { recursive: true });
  await chown(home, uid, uid);
  await startHome(request, options);
  assert.equal((await lstat(home)).uid, 0);
});

test('parents that others can write to are not trusted', async () => {
  await mkdir(join(top, 'home/physics'));
  await chown(join(top, 'home/physics'), uid, uid);
  await assert.rejects(startHome(request, options), (error) => isXosError(error, 'XOS_STATE_WRONG'));
  await rm(join(top, 'home/physics'), { recursive: true });
  await symlink(tmpdir(), join(top, 'home/physics'));
  await assert.rejects(startHome(request, options), (error) => isXosError(error, 'XOS_STORAGE_FAILED'));
  assert.deepEqual(calls, []);
});

test('where the volume is given up, its mount point makes room for a local home', async () => {
  await startHome(request, options);
  await stopHome(uid, options);
  const local = { type: 'make-home', uid, gid: uid, loginName: 'alice@physics' } as const;
  assert.deepEqual(await makeHome(local, { root: options.homeRoot, skeleton: '/nonexistent' }), {
    home,
    created: true,
  });
  assert.equal((await lstat(home)).uid, uid);
});

test('without systemd there is no mounting', async () => {
  const without = { ...options, manager: undefined };
  await assert.rejects(startHome(request, without), (error) => isXosError(error, 'XOS_NOT_SUPPORTED'));
  assert.deepEqual(await stopHome(uid, without), { stopped: false });
});
