import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { isXosError } from '@xtreemos/base';
import type { StartServiceRequest } from '@xtreemos/helper-client';
import { endAccount } from './account-end.ts';
import { type AccountSweepOptions, sweepAccount } from './account-sweep.ts';
import { type CgroupTree, createCgroupTree, findCgroupTree } from './cgroup-tree.ts';
import { createLauncher } from './launcher.ts';
import { placeProcess, readProcess } from './process-placement.ts';
import { createLauncherServices } from './user-services.ts';

const uid = 2_030_043_211;
const launcher = createLauncher(join(import.meta.dirname, 'launcher/build/xos-launch'));
const started: ChildProcess[] = [];
let tree: CgroupTree;
let directory: string;

before(async () => {
  execFileSync('make', ['-s', '-C', join(import.meta.dirname, 'launcher')]);
  const found = await findCgroupTree(undefined);
  assert.ok(found !== undefined, 'no cgroup2 is mounted');
  // Beside the real one, in the same file system.
  tree = createCgroupTree(`${found.directory}-test-${process.pid}`);
  await mkdir(tree.directory);
});
after(() => rmdir(tree.directory));

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'xos-end-'));
});
afterEach(async () => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
  for (let attempt = 0; attempt < 200; attempt++) {
    await tree.prune(uid);
    if (!(await exists(`${tree.directory}/${uid}`))) break;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await rm(directory, { recursive: true, force: true });
});

function start(command: string, owner: number): ChildProcess & { readonly pid: number } {
  const child = spawn('/bin/sh', ['-c', command], {
    uid: owner,
    gid: owner,
    stdio: 'ignore',
    detached: true,
  });
  assert.ok(child.pid !== undefined);
  started.push(child);
  return child as ChildProcess & { readonly pid: number };
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function startTimeOf(pid: number): Promise<number> {
  const state = await readProcess(pid);
  assert.ok(state !== undefined);
  return state.startTime;
}

test("a session leader is placed, and with it ends all that it started, other people's processes not", async () => {
  const leader = start('sleep 300 & sleep 300 & wait', uid);
  const other = start('exec sleep 300', uid + 1);
  const startTime = await startTimeOf(leader.pid);
  const request = { type: 'place-process', pid: leader.pid, startTime, uid, sessionId: 's1' } as const;
  const cgroup = `${tree.directory}/${uid}/s1`;
  assert.deepEqual(await placeProcess(request, tree, process.pid), { placedBy: 'helper', cgroup });
  assert.match(await readFile(`/proc/${leader.pid}/cgroup`, 'utf8'), new RegExp(`/${uid}/s1$`, 'm'));
  const ended = once(leader, 'exit');
  const reply = await endAccount(uid, { tree, manager: undefined, launcher, isLeased: () => true });
  assert.deepEqual(reply, { cgroupsKilled: 1, sliceStopped: false, processesLeft: 0 });
  assert.deepEqual(await ended, [null, 'SIGKILL']);
  assert.equal((await readProcess(other.pid))?.isZombie, false);
});

test('another process, of another time or another user, is not placed', async () => {
  const leader = start('exec sleep 300', uid);
  const startTime = await startTimeOf(leader.pid);
  const request = { type: 'place-process', pid: leader.pid, startTime, uid, sessionId: 's1' } as const;
  const refuses = (change: Partial<typeof request> & Record<string, unknown>, code: string) =>
    assert.rejects(placeProcess({ ...request, ...change }, tree, process.pid), (error) => {
      assert.ok(isXosError(error) && error.code === code, String(error));
      return true;
    });
  await refuses({ startTime: startTime + 1 }, 'XOS_NOT_FOUND');
  await refuses({ pid: 4_194_304 as never }, 'XOS_NOT_FOUND');
  await refuses({ uid: (uid + 1) as never }, 'XOS_PERMISSION');
  await refuses({ pid: process.pid as never, startTime: await startTimeOf(process.pid) }, 'XOS_PERMISSION');
  assert.equal(await exists(`${tree.directory}/${uid}`), false);
});

/** PAM needs a service of its own: a private mount namespace, in which the whole exchange runs. */
function inNamespace(script: string): string {
  const pam = `mount -t tmpfs none /etc/pam.d &&
    printf 'account required pam_permit.so\\nauth required pam_permit.so\\nsession required pam_permit.so\\n' > /etc/pam.d/xos-exec`;
  return execFileSync(
    'unshare',
    ['--mount', 'sh', '-c', `${pam} && exec "$0" --input-type=module --eval "$1"`, process.execPath, script],
    { encoding: 'utf8', cwd: import.meta.dirname, timeout: 60_000 },
  );
}

test('without systemd the launcher runs a service in its cgroup, and stopping it leaves nothing', async () => {
  const request: StartServiceRequest = {
    type: 'start-service',
    name: 'job-1',
    uid,
    gid: uid,
    loginName: 'alice@physics',
    supplementaryGids: [],
    command: ['/bin/sh', '-c', 'sleep 300 & id -u > out; echo "$HOME" >> out; wait'],
    environment: {},
    workingDirectory: '',
    limits: { openFiles: 100 },
    stdio: 'null',
  };
  await mkdir(join(directory, 'physics/alice'), { recursive: true });
  execFileSync('chown', [`${uid}:${uid}`, join(directory, 'physics/alice')]);
  execFileSync('chmod', ['711', directory]);
  const options = { homeRoot: directory, stdioDirectory: directory, pamService: 'xos-exec' };
  const output = inNamespace(`
    import { existsSync, readFileSync } from 'node:fs';
    import { createCgroupTree } from './cgroup-tree.ts';
    import { createLauncher } from './launcher.ts';
    import { createLauncherServices } from './user-services.ts';
    const tree = createCgroupTree(${JSON.stringify(tree.directory)});
    const launcher = createLauncher(${JSON.stringify(join(import.meta.dirname, 'launcher/build/xos-launch'))});
    const services = createLauncherServices(launcher, tree, ${JSON.stringify(options)});
    const request = ${JSON.stringify(request)};
    const reply = await services.start(request);
    const cgroup = '${tree.directory}/${uid}/_job-job-1';
    const out = ${JSON.stringify(join(directory, 'physics/alice/out'))};
    const lines = () => (existsSync(out) ? readFileSync(out, 'utf8').split('\\n') : []);
    while (lines().length < 3) await new Promise((resolve) => setTimeout(resolve, 10));
    const processes = readFileSync(cgroup + '/cgroup.procs', 'utf8').trim().split('\\n').length;
    const again = await services.start(request).catch((error) => error.code);
    const stopped = await services.stop({ type: 'stop-service', name: 'job-1', uid: ${uid} });
    const failed = await services.start({ ...request, command: ['/nonexistent'] }).catch((error) => error.code);
    console.log(JSON.stringify({ reply, lines: lines(), processes, again, stopped, failed, left: existsSync(cgroup) }));
  `);
  const result = JSON.parse(output) as Record<string, unknown>;
  assert.deepEqual(result['lines'], [String(uid), join(directory, 'physics/alice'), '']);
  assert.equal((result['reply'] as { startedBy: string }).startedBy, 'launcher');
  assert.equal(result['processes'], 2);
  assert.equal(result['again'], 'XOS_EXISTS');
  assert.deepEqual(result['stopped'], { stopped: true });
  assert.equal(result['failed'], 'XOS_LAUNCH_FAILED');
  assert.equal(result['left'], false);
});

test('a service name of another account stops nothing', async () => {
  const services = createLauncherServices(launcher, tree, {
    homeRoot: directory,
    stdioDirectory: directory,
    pamService: 'xos-exec',
  });
  assert.deepEqual(await services.stop({ type: 'stop-service', name: 'x', uid }), { stopped: false });
});

function sweepOptions(): AccountSweepOptions {
  return {
    directories: [join(directory, 'tmp'), join(directory, 'absent')],
    spoolDirectories: [join(directory, 'cron')],
    lingerDirectory: join(directory, 'linger'),
    runtimeDirectory: join(directory, 'user'),
    sessionDirectory: join(directory, 'session'),
    timeoutMs: 30_000,
    launcher,
    tree,
    isLeased: () => true,
  };
}

test('a sweep takes files, spool entries, linger, runtime directory, sessions, IPC and keys, and says what', async () => {
  const alice = `${uid}:${uid}`;
  for (const name of ['tmp', 'cron', 'linger', `user/${uid}/bus`, `session/${uid}/s1`]) {
    await mkdir(join(directory, name), { recursive: true });
  }
  for (const name of ['tmp/a', 'cron/b', `user/${uid}/bus/c`, `session/${uid}/s1/proxy.pem`]) {
    await writeFile(join(directory, name), 'x');
    execFileSync('chown', [alice, join(directory, name)]);
  }
  for (const name of [
    'cron/alice@physics',
    'linger/alice@physics',
    'linger/bob@physics',
    'tmp/roots',
    'cron/bob',
  ]) {
    await writeFile(join(directory, name), 'x');
  }
  execFileSync(
    'setpriv',
    ['--reuid', String(uid), '--regid', String(uid), '--clear-groups', 'ipcmk', '-M', '4096'],
    {
      stdio: 'ignore',
    },
  );
  const request = { type: 'sweep', uid, loginName: 'alice@physics' } as const;
  const reply = await sweepAccount(request, sweepOptions());
  const { keyringsCleared, ...others } = reply;
  assert.ok(keyringsCleared > 0);
  assert.deepEqual(others, {
    filesRemoved: 4,
    directoriesKept: [],
    sharedMemoryRemoved: 1,
    semaphoresRemoved: 0,
    messageQueuesRemoved: 0,
    cronEntriesRemoved: 2,
    lingerRemoved: true,
    sessionsRemoved: 1,
    problems: [],
    complete: true,
  });
  const left = await Promise.all(
    ['tmp', 'cron', 'linger', 'user', 'session'].map((name) => readdir(join(directory, name))),
  );
  assert.deepEqual(left, [['roots'], ['bob'], ['bob@physics'], [], []]);
});

test("of a static account the grid sessions end, and the local person's processes and files stay", async () => {
  const session = start('exec sleep 300', uid);
  const local = start('exec sleep 300', uid);
  const startTime = await startTimeOf(session.pid);
  const place = { type: 'place-process', pid: session.pid, startTime, uid, sessionId: 's1' } as const;
  await placeProcess(place, tree, process.pid);
  await mkdir(join(directory, 'tmp'));
  await writeFile(join(directory, 'tmp/mine'), '');
  execFileSync('chown', [String(uid), join(directory, 'tmp/mine')]);
  await mkdir(join(directory, `session/${uid}/s1`), { recursive: true });
  const ended = once(session, 'exit');
  const isLeased = () => false;
  const reply = await endAccount(uid, { tree, manager: undefined, launcher, isLeased });
  assert.deepEqual(reply, { cgroupsKilled: 1, sliceStopped: false, processesLeft: 0 });
  await ended;
  assert.equal((await readProcess(local.pid))?.isZombie, false);
  const request = { type: 'sweep', uid, loginName: 'alice@physics' } as const;
  const swept = await sweepAccount(request, { ...sweepOptions(), isLeased });
  assert.deepEqual([swept.filesRemoved, swept.sessionsRemoved], [0, 1]);
  assert.deepEqual(await readdir(join(directory, 'tmp')), ['mine']);
});

test('a job that began while the sweep was under way makes it fail, so that the account is ended once more', async () => {
  const request = { type: 'sweep', uid, loginName: 'alice@physics' } as const;
  const options = sweepOptions();
  const late = {
    ...options.launcher,
    removeLeftovers: async (owner: number) => {
      const report = await options.launcher.removeLeftovers(owner);
      start('exec sleep 300', uid);
      return report;
    },
  };
  await assert.rejects(sweepAccount(request, { ...options, launcher: late }), (error) =>
    isXosError(error, 'XOS_STATE_WRONG'),
  );
});

test('a sweep waits until the account has ended', async () => {
  start('exec sleep 300', uid);
  const request = { type: 'sweep', uid, loginName: 'alice@physics' } as const;
  await assert.rejects(sweepAccount(request, sweepOptions()), (error) =>
    isXosError(error, 'XOS_STATE_WRONG'),
  );
});
