/** What runs out: session credentials in the middle of a session, and what a node holds of a VO that is out of reach. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { assertRefused, loginOnConsole, logOut, shellOutput } from '../sandbox/console.ts';
import { waitFor } from '../sandbox/daemon.ts';
import { command, OneHostGrid } from '../sandbox/one-host-grid.ts';

const passphrase = 'correct horse battery staple';
const grid = new OneHostGrid('physics.example.org');
const folder = '/etc/xtreemos/accounts.conf.d';
const shortestCredentialMs = 60_000;

before(async () => {
  configure('keep');
  await grid.start();
  await grid.enrol('alice', passphrase);
});
after(() => grid.stop());

function configure(expiredSession: 'keep' | 'end'): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    `${folder}/expiry.conf`,
    `[Accounts]\nExpiredSession=${expiredSession}\n[Login]\nCredentialTime=${shortestCredentialMs / 1000}s\n`,
  );
}

test('an expired credential is gone, its session stays with ExpiredSession=keep and ends with =end', {
  timeout: 150_000,
}, async () => {
  const terminal = await loginOnConsole('alice@physics', '', passphrase);
  await terminal.expect(/alice@physics@node1/);
  const begun = performance.now();
  const proxy = /\/run\/xtreemos\S+proxy\.pem/.exec(
    await shellOutput(terminal, 'echo $X509_USER_PROXY'),
  )?.[0];
  assert.ok(proxy !== undefined && existsSync(proxy));
  const check = 'openssl x509 -noout -checkend 0 -in $X509_USER_PROXY; keyctl search @s user xos:credential';
  assert.match(await shellOutput(terminal, check), /will not expire\s+\d+\s/);
  // The slowest of the daemon's rounds (5 s) has passed twice when the session is looked at again.
  const overMs = shortestCredentialMs + 11_000;
  await new Promise((resolve) => setTimeout(resolve, overMs - (performance.now() - begun)));
  const expired = await shellOutput(terminal, check);
  assert.match(expired, /will expire/);
  assert.match(expired, /keyctl_search: (Required key not available|Key has expired)/);
  configure('end');
  const told = performance.now();
  grid.daemon('accounts').kill('SIGHUP');
  await Promise.race([
    terminal.ended,
    waitFor(() => false, 20_000, `the session goes on without a credential:\n${terminal.screen}`),
  ]);
  assert.ok(performance.now() - told < 20_000);
  await waitFor(() => !existsSync(proxy), 5_000, 'the expired credential still lies there');
  assert.match(grid.daemon('accounts').log(), /the credential of session \S+ expired/);
});

test('with the VO service down members log in on what the node holds', async () => {
  const mayLogIn = async (): Promise<boolean> =>
    (await command(['pamtester', 'login', 'alice@physics', 'acct_mgmt'])).status === 0;
  await waitFor(mayLogIn, 60_000, 'the clean-up of the ended session does not come to its end');
  await grid.daemon('vo').stop();
  const terminal = await loginOnConsole('alice@physics', '', passphrase);
  await terminal.expect(/alice@physics@node1/);
  assert.match(await shellOutput(terminal, 'id'), /members@physics/);
  await logOut(terminal);
});

test('a restarted node, still without the VO service, does so too', async () => {
  await grid.daemon('accounts').stop();
  await grid.startDaemon('accounts');
  const terminal = await loginOnConsole('alice@physics', '', passphrase);
  await terminal.expect(/alice@physics@node1/);
  await logOut(terminal);
});

test('once the membership list has expired nobody gets in, and the log says why', async () => {
  assert.equal((await command(['pamtester', 'login', 'alice@physics', 'acct_mgmt'])).status, 0);
  await grid.daemon('accounts').stop();
  const later = 'const now = Date.now; Date.now = () => now() + 25 * 3_600_000;';
  await grid.startDaemon('accounts', ['--import', `data:text/javascript,${encodeURIComponent(later)}`]);
  const logged = grid.daemon('accounts').log().length;
  const account = await command(['pamtester', 'login', 'alice@physics', 'acct_mgmt']);
  assert.notEqual(account.status, 0);
  assert.match(account.stdout + account.stderr, /membership list of VO physics\.example\.org expired/);
  assert.notEqual((await command(['su', '-', 'alice@physics', '-c', 'true'])).status, 0);
  await assertRefused('alice@physics', '', passphrase);
  assert.match(grid.daemon('accounts').log().slice(logged), /alice@physics refused/);
});
