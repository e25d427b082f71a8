/** login and ssh of local and of grid users while xos-accounts is stopped, killed, replaced by noise, or killed in mid-login. */
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { after, before, test } from 'node:test';
import { loginOnConsole, logOut, shellOutput } from '../sandbox/console.ts';
import { waitFor } from '../sandbox/daemon.ts';
import { command, OneHostGrid, succeed } from '../sandbox/one-host-grid.ts';
import { Terminal } from '../sandbox/terminal.ts';

const passphrase = 'correct horse battery staple';
const localPassword = 'local password';
const grid = new OneHostGrid('physics.example.org');
const key = `${grid.laptop}/id_ed25519`;
const pamSocket = '/run/xtreemos/accounts/pam.sock';
const nssSocket = '/run/xtreemos/accounts/nss.sock';

before(async () => {
  await grid.start();
  const alice = await grid.enrol('alice', passphrase);
  await grid.enrol('carol', passphrase);
  await succeed(['useradd', '-m', '-s', '/bin/bash', 'bob']);
  await succeed(['chpasswd'], { input: `bob:${localPassword}\n` });
  // The installed stack, without the pause that login's own adds to a failure (pam_faildelay).
  const phases = ['auth', 'account', 'session'].map((phase) => `@include common-${phase}\n`);
  writeFileSync('/etc/pam.d/phases', phases.join(''));
  mkdirSync('/run/sshd', { recursive: true });
  await succeed(['ssh-keygen', '-A']);
  await succeed(['/usr/sbin/sshd', '-E', '/var/log/sshd.log']);
  await succeed(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', key]);
  await succeed([
    ...['xos', 'cert', 'ssh', '--key', `${key}.pub`, '--credential', alice.credentialFile],
    ...['--passphrase-file', alice.passphraseFile],
  ]);
  await succeed(['install', '-d', '-m', '700', '-o', 'bob', '-g', 'bob', '/home/bob/.ssh']);
  copyFileSync(`${key}.pub`, '/home/bob/.ssh/authorized_keys');
});
after(() => grid.stop());

async function timed<T>(work: () => Promise<T>): Promise<{ ms: number; result: T }> {
  const started = performance.now();
  const result = await work();
  return { ms: performance.now() - started, result };
}

function ssh(user: string) {
  return command([
    ...[
      'ssh',
      '-o',
      'StrictHostKeyChecking=no',
      '-o',
      'UserKnownHostsFile=/dev/null',
      '-o',
      'LogLevel=ERROR',
    ],
    ...['-o', 'BatchMode=yes', '-i', key, '-l', user, '127.0.0.1', 'id'],
  ]);
}

/** One PAM phase of a grid user may take a second; the rest is fork, exec and a busy machine. */
const phaseMs = 1_600;
/** What each takes here while all is well: on a machine with much to do the bounds of the rest move by as much again. */
const usual = { local: 30_000, localSsh: 30_000, localPhase: 5_000 };

async function check(state: string, gridWorks: boolean): Promise<void> {
  const local = await timed(async () => {
    const terminal = await loginOnConsole('bob', localPassword);
    await terminal.expect(/bob@node1/);
    await logOut(terminal);
  });
  assert.ok(local.ms < 5_000 + usual.local, `${state}: login of bob took ${local.ms} ms`);
  const localSsh = await timed(() => ssh('bob'));
  assert.equal(localSsh.result.status, 0, `${state}: ssh of bob: ${localSsh.result.stderr}`);
  assert.ok(localSsh.ms < 3_000 + usual.localSsh, `${state}: ssh of bob took ${localSsh.ms} ms`);
  const localPhase = await timed(() => command(['pamtester', 'phases', 'bob', 'acct_mgmt']));
  assert.equal(localPhase.result.status, 0, state);
  assert.ok(
    localPhase.ms < 500 + 2 * usual.localPhase,
    `${state}: account management of bob took ${localPhase.ms} ms`,
  );
  for (const call of ['acct_mgmt', 'open_session', ...(gridWorks ? [] : ['authenticate'])]) {
    const phase = await timed(() => command(['pamtester', 'phases', 'alice@physics', call], { input: '' }));
    assert.equal(phase.result.status === 0, gridWorks, `${state}: ${call}: ${phase.result.stdout}`);
    assert.ok(phase.ms < phaseMs + 2 * usual.localPhase, `${state}: ${call} of alice took ${phase.ms} ms`);
  }
  const gridSsh = await timed(() => ssh('alice@physics'));
  assert.equal(gridSsh.result.status === 0, gridWorks, `${state}: ${gridSsh.result.stderr}`);
  // The principals command, account and session: a second each at most.
  assert.ok(
    gridSsh.ms < 3 * phaseMs + 1_000 + usual.localSsh,
    `${state}: ssh of alice took ${gridSsh.ms} ms`,
  );
  if (state === 'running')
    Object.assign(usual, { local: local.ms, localSsh: localSsh.ms, localPhase: localPhase.ms });
}

/** Accepts and sends noise, keeps the connection open. */
async function serveGarbage(socket: string): Promise<Server> {
  rmSync(socket, { force: true });
  const server = createServer((connection) => {
    connection.on('error', () => undefined);
    connection.write(Buffer.alloc(100_000, 0xa5));
    setTimeout(() => connection.destroy(), 5_000);
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  chmodSync(socket, 0o666);
  return server;
}

test('local users log in as ever and grid users are refused in time, whatever has become of the daemon', {
  timeout: 450_000,
}, async () => {
  await check('running', true);
  grid.daemon('accounts').kill('SIGSTOP');
  try {
    await check('stopped', false);
    const refused = await timed(async () => {
      const terminal = new Terminal('login');
      await terminal.prompt();
      terminal.type('alice@physics');
      await terminal.expect(/Login incorrect/);
      await terminal.close();
    });
    // login waits up to 4.5 s of its own after a failure (pam_fail_delay(3)).
    assert.ok(refused.ms < 10_000, `login of alice was refused after ${refused.ms} ms`);
  } finally {
    grid.daemon('accounts').kill('SIGCONT');
  }
  await check('continued', true);
  grid.daemon('accounts').kill('SIGKILL');
  await grid.daemon('accounts').stop();
  await check('killed', false);
  const servers = [await serveGarbage(pamSocket), await serveGarbage(nssSocket)];
  await check('garbage', false);
  for (const server of servers) server.close();
  for (const socket of [pamSocket, nssSocket]) rmSync(socket, { force: true });
  await grid.startDaemon('accounts');
  await check('restarted', true);
});

async function killAndRestart(): Promise<void> {
  grid.daemon('accounts').kill('SIGKILL');
  await grid.daemon('accounts').stop();
  await grid.startDaemon('accounts');
}

function sessionFolders(): string[] {
  const root = '/run/xtreemos/session';
  if (!existsSync(root)) return [];
  return readdirSync(root).flatMap((uid) => readdirSync(`${root}/${uid}`).map((id) => `${uid}/${id}`));
}

test('killed while people log in: uids and leases stay, who was in stays in, nothing half-made is left', {
  timeout: 450_000,
}, async () => {
  const carol = await loginOnConsole('carol@physics', 'carol.p12', passphrase);
  await carol.expect(/carol@physics@node1/);
  const accounts = (): Promise<string> => command(['xos', 'accounts', 'list', '--json=short']).then(uids);
  const before_ = await accounts();
  const own = sessionFolders();
  assert.equal(own.length, 1);

  const waiting = await loginOnConsole('alice@physics', 'alice.p12');
  assert.ok(await waiting.prompt());
  await killAndRestart();
  waiting.type(passphrase);
  await waiting.expect(/Login incorrect/);
  await waiting.close();

  for (const delayMs of [0, 30, 60, 90, 130, 200]) {
    const login = await loginOnConsole('alice@physics', 'alice.p12', passphrase);
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    await killAndRestart();
    await login.close();
    assert.equal(await accounts(), before_, `killed ${delayMs} ms after the passphrase`);
  }
  await waitFor(
    () => sessionFolders().join() === own.join(),
    40_000,
    () => `session files of nobody are left: ${sessionFolders().join(' ')}`,
  );
  assert.match(await succeed(['xos', 'accounts', 'sessions']), /carol@physics/);
  assert.match(await shellOutput(carol, 'xos whoami'), /carol@physics\.example\.org/);
  await logOut(carol);
  await waitFor(() => sessionFolders().length === 0, 5_000, "carol's session files are left");
  const again = await loginOnConsole('alice@physics', 'alice.p12', passphrase);
  await again.expect(/alice@physics@node1/);
  await logOut(again);
});

/** Login names with their uids, in order. */
function uids({ stdout }: { readonly stdout: string }): string {
  const listed = stdout.match(/"(login|loginName|name|uid|userId)": ?("[^"]*"|\d+)/g);
  assert.ok(listed !== null && /20\d{8}|21\d{8}/.test(stdout), stdout);
  return listed.sort().join(' ');
}
