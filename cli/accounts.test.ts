import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { AccountsDaemon } from './testing/accounts-daemon.ts';
import { VoServiceFixture } from './testing/vo-service.ts';

const vo = 'physics.example.org';
let service: VoServiceFixture;
let daemon: AccountsDaemon | undefined;

before(async () => {
  service = await VoServiceFixture.start();
  await service.succeed(['vo', 'create', vo]);
  const tokenFile = join(service.directory, 'alice.token');
  await service.succeed(['vo', 'invite', `alice@${vo}`, '--out', tokenFile, '--full-name', 'Alice']);
  const password = service.secretFile('password', 'tea for two');
  const { domains } = await service.json<{ domains: { rootFingerprint: string }[] }>(['vo', 'root', 'list']);
  await service.succeed([
    ...['vo', 'accept', `alice@${vo}`, '--token-file', tokenFile, '--password-file', password],
    ...['--url', service.url, '--ca-fingerprint', domains[0]?.rootFingerprint ?? ''],
  ]);
});
after(async () => {
  await daemon?.stop();
  await service.stop();
});

test('without bus and daemon the verbs end with 6 and say what cannot be reached', async () => {
  for (const verb of [
    ['list'],
    ['show', 'alice@physics'],
    ['sessions'],
    ['expire', 'alice@physics', '--yes'],
  ]) {
    const result = await service.xos(['accounts', ...verb]);
    assert.equal(result.exitCode, 6, verb.join(' '));
    assert.match(result.stderr, /^xos: Could not reach/);
  }
});

test('joining tells the daemon that runs, and members resolve', async () => {
  daemon = await AccountsDaemon.start(service);
  const token = join(service.directory, 'node.token');
  await service.succeed(['node', 'token', vo, '--out', token]);
  const joined = await service.json<{ accountsTold: boolean }>([
    ...['node', 'join', '--token-file', token, '--hostname', 'node1.example.org', '--yes'],
  ]);
  assert.equal(joined.accountsTold, true);
  const { accounts } = await service.json<{ accounts: Record<string, unknown>[] }>(['accounts', 'list']);
  assert.equal(accounts.length, 1);
  assert.equal(accounts[0]?.['login'], 'alice@physics');
  assert.equal(accounts[0]?.['state'], 'assigned');
});

test('an account is found by login name, global user id and uid', async () => {
  const account = await service.json<{ uid: number }>(['accounts', 'show', 'alice@physics']);
  assert.ok(account.uid >= 2030043136);
  for (const name of [`alice@${vo}`, String(account.uid)]) {
    assert.deepEqual(await service.json(['accounts', 'show', name]), account);
  }
  const nobody = await service.xos(['accounts', 'show', 'nobody@physics']);
  assert.equal(nobody.exitCode, 3);
  assert.equal((await service.xos(['accounts', 'show', '2030043137'])).exitCode, 3);
  const none = await service.json<{ accounts: unknown[] }>(['accounts', 'list', '--state', 'quarantined']);
  assert.deepEqual(none.accounts, []);
  assert.deepEqual(await service.json(['accounts', 'sessions']), { sessions: [] });
});

test('status shows the connection, the age of the lists, and each problem with what to do', async () => {
  const result = await service.xos(['status', '--json=short']);
  const status = JSON.parse(result.stdout) as {
    daemons: { name: string; state: string }[];
    vos: { vo: string; connected: boolean; members: number }[];
    problems: string[];
  };
  assert.equal(status.daemons.find(({ name }) => name === 'xos-accounts')?.state, 'running');
  assert.deepEqual(
    status.vos.map((state) => [state.vo, state.connected, state.members]),
    [[vo, true, 1]],
  );
  assert.deepEqual(status.problems, []);
  assert.equal(result.exitCode, 0);
  const text = await service.xos(['status']);
  assert.match(text.stdout, /physics +connected/);
});

test('whoami without a credential asks the map, and says that it did', async () => {
  const result = await service.xos(['whoami']);
  assert.equal(result.exitCode, 5, 'root is nobody of the grid');
  assert.match(result.stderr, /account map/);
});

test('leaving takes the accounts away', async () => {
  const left = await service.json<{ accountsTold: boolean }>(['node', 'leave', 'physics', '--yes']);
  assert.equal(left.accountsTold, true);
  const { accounts } = await service.json<{ accounts: { state: string }[] }>([
    'accounts',
    'list',
    '--state',
    'assigned',
  ]);
  assert.deepEqual(accounts, []);
});
