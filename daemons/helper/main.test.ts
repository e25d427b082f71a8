import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { lstat, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, test } from 'node:test';
import { createHelperClient } from '@xtreemos/helper-client';

const uid = 2_030_043_213;
const main = join(import.meta.dirname, 'main.ts');
let directory: string;
let daemon: ChildProcess | undefined;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'xos-helper-'));
});
afterEach(async () => {
  if (daemon?.exitCode === null && daemon.signalCode === null) {
    const exited = once(daemon, 'exit');
    daemon.kill('SIGKILL');
    await exited;
  }
  await rm(directory, { recursive: true, force: true });
});

async function configure(lines: readonly string[]): Promise<string> {
  const file = join(directory, 'helper.conf');
  await writeFile(file, `${lines.join('\n')}\n`);
  return file;
}

const settings = () => [
  '[Helper]',
  `Socket=${directory}/helper.sock`,
  'AccountsUser=root',
  '[Home]',
  `Root=${directory}/home`,
  '[Session]',
  `Directory=${directory}/run/session`,
  '[Map]',
  `Path=${directory}/run/nss/accounts.map`,
];

test('the daemon serves its socket, makes what others enter with the right modes, and ends on SIGTERM', async () => {
  await mkdir(join(directory, 'home'), { mode: 0o755 });
  const started = spawn(process.execPath, [main, '--config', await configure(settings())], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  daemon = started;
  for await (const line of createInterface({ input: started.stderr })) {
    if (line.includes('service.started')) break;
  }
  const socketPath = join(directory, 'helper.sock');
  assert.equal((await lstat(socketPath)).mode & 0o777, 0o660);
  const helper = createHelperClient({ socketPath });
  const { home } = await helper.makeHome({ uid, gid: uid, loginName: 'alice@physics' });
  assert.equal((await lstat(home)).uid, uid);
  assert.equal((await lstat(join(directory, 'home/physics'))).mode & 0o777, 0o755);
  assert.equal((await lstat(join(directory, 'run/session'))).mode & 0o777, 0o711);
  const exited = once(started, 'exit');
  started.kill('SIGTERM');
  assert.deepEqual(await exited, [0, null]);
  await assert.rejects(lstat(socketPath), { code: 'ENOENT' });
});

test('a bad configuration is refused in one line', async () => {
  const file = await configure([...settings(), '[Ids]', 'ManagedUids=60000-70000']);
  const { status, stderr } = spawnSync(process.execPath, [main, '--config', file, '--check-config'], {
    encoding: 'utf8',
  });
  assert.equal(status, 2);
  assert.match(stderr, /ManagedUids=60000-70000: expected ids from 65536/);
  assert.equal(stderr.trim().split('\n').length, 1);
});
