/** getent, id, ls through glibc with libnss_xos as installed, while the daemons do what daemons do on bad days. */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { after, before, test } from 'node:test';
import { command, OneHostGrid, succeed } from '../sandbox/one-host-grid.ts';

const grid = new OneHostGrid('physics.example.org');
before(async () => {
  await grid.start();
  await grid.enrol('alice', 'correct horse battery staple');
});
after(() => grid.stop());

async function timed(
  words: readonly string[],
): Promise<{ ms: number; stdout: string; status: number | null }> {
  const started = performance.now();
  const result = await command(words);
  return { ms: performance.now() - started, stdout: result.stdout, status: result.status };
}

test('getent and id agree on a member by name and by uid', async () => {
  const byName = await succeed(['getent', 'passwd', 'alice@physics']);
  const [name, password, uid, gid, , home, shell] = byName.trim().split(':');
  assert.deepEqual(
    [name, password, gid, home, shell],
    ['alice@physics', '*', uid, '/home/physics/alice', '/bin/bash'],
  );
  assert.equal(await succeed(['getent', 'passwd', uid ?? '']), byName);
  assert.equal((await succeed(['getent', 'group', uid ?? ''])).split(':')[0], 'alice@physics');
  assert.match(await succeed(['id', 'alice@physics']), /members@physics/);
  const members = await succeed(['getent', 'group', 'members@physics']);
  assert.match(members, /alice@physics/);
});

test('a person cannot switch the module off in a setuid program, as they can in their own', async () => {
  await succeed(['useradd', '-m', 'mallory']);
  await succeed(['install', '-m', '4755', '/usr/bin/id', '/usr/local/bin/setuid-id']);
  const as = (program: string) =>
    command([
      'setpriv',
      '--reuid',
      'mallory',
      '--clear-groups',
      'env',
      'XTREEMOS_NSS=off',
      program,
      'alice@physics',
    ]);
  assert.match((await as('/usr/local/bin/setuid-id')).stdout, /members@physics/);
  assert.equal((await as('/usr/bin/id')).status, 1);
});

test('enumeration is off', async () => {
  assert.doesNotMatch(await succeed(['getent', 'passwd']), /@physics/);
  assert.doesNotMatch(await succeed(['getent', 'group']), /@physics/);
});

test('a directory full of strangers is listed in bounded time while the daemon is stopped, killed, or answers garbage', async () => {
  mkdirSync('/tmp/strangers');
  for (let index = 0; index < 40; index++)
    await succeed([
      'install',
      '-o',
      String(2030043136 + index * 7919),
      '/dev/null',
      `/tmp/strangers/${index}`,
    ]);
  const check = async (state: string): Promise<void> => {
    const list = await timed(['ls', '-l', '/tmp/strangers']);
    assert.equal(list.status, 0);
    assert.ok(list.ms < 1_900, `${state}: ls -l took ${list.ms} ms`);
    const local = await timed(['id', 'root']);
    assert.ok(local.ms < 500, `${state}: id root took ${local.ms} ms`);
    const known = await timed(['id', 'alice@physics']);
    assert.equal(known.status, 0, `${state}: a member no longer resolves`);
    assert.ok(known.ms < 1_500, `${state}: id alice@physics took ${known.ms} ms`);
  };
  await check('running');
  grid.daemon('accounts').kill('SIGSTOP');
  await check('stopped');
  grid.daemon('accounts').kill('SIGCONT');
  grid.daemon('accounts').kill('SIGKILL');
  await grid.daemon('accounts').stop();
  await check('killed');
  const garbage = await serveGarbage('/run/xtreemos/accounts/nss.sock');
  await check('garbage');
  await new Promise((resolve) => garbage.close(resolve));
  rmSync('/run/xtreemos/accounts/nss.sock', { force: true });
  await grid.startDaemon('accounts');
  await check('restarted');
});

function serveGarbage(socket: string): Promise<Server> {
  rmSync(socket, { force: true });
  const server = createServer((connection) => {
    connection.on('error', () => undefined);
    connection.write(Buffer.alloc(100_000, 0xa5));
    setTimeout(() => connection.destroy(), 3_000);
  });
  return new Promise((resolve) => server.listen(socket, () => resolve(server)));
}

test('100,000 unknown names leave nothing behind and members resolve on', async () => {
  const before_ = await succeed(['stat', '-c', '%s', '/var/lib/xtreemos/accounts/accounts.db']);
  const memory = (): Promise<string> =>
    succeed(['ps', '-o', 'rss=', '-p', String(grid.daemon('accounts').process.pid)]);
  const rssBefore = Number(await memory());
  const script =
    'for i in $(seq 1 10); do getent passwd $(seq -f "nobody%.0f@physics" $((i*10000)) $((i*10000+9999))) >/dev/null; done; true';
  await succeed(['bash', '-c', script], { timeoutMs: 400_000 });
  assert.equal(await succeed(['stat', '-c', '%s', '/var/lib/xtreemos/accounts/accounts.db']), before_);
  const growth = Number(await memory()) - rssBefore;
  assert.ok(growth < 120_000, `the daemon grew by ${growth} KiB`);
  assert.match(await succeed(['id', 'alice@physics']), /alice@physics/);
});
