/** pamtester and su over the installed stack. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { command, OneHostGrid, succeed } from '../sandbox/one-host-grid.ts';
import { Terminal } from '../sandbox/terminal.ts';

const passphrase = 'correct horse battery staple';
const grid = new OneHostGrid('physics.example.org');

before(async () => {
  await grid.start();
  await grid.enrol('alice', passphrase);
  await succeed(['useradd', '-m', '-s', '/bin/bash', 'bob']);
});
after(() => grid.stop());

test('pamtester goes through authenticate, account, session and back', async () => {
  const terminal = new Terminal(
    'pamtester -v login alice@physics authenticate acct_mgmt setcred open_session close_session',
  );
  await terminal.prompt();
  terminal.type('');
  await terminal.prompt();
  terminal.type(passphrase);
  assert.equal(await terminal.ended, 0, terminal.screen + grid.logs());
  assert.match(terminal.screen, /successfully authenticated/);
  assert.match(terminal.screen, /session has successfully been closed/);
});

test('account management alone holds for a member and not for a stranger', async () => {
  assert.equal((await command(['pamtester', 'login', 'alice@physics', 'acct_mgmt'])).status, 0);
  assert.notEqual((await command(['pamtester', 'login', 'mallory@physics', 'acct_mgmt'])).status, 0);
});

test('setcred may run any number of times', async () => {
  const result = await command([
    'pamtester',
    'login',
    'alice@physics',
    'setcred',
    'setcred',
    'open_session',
    'setcred',
    'close_session',
  ]);
  assert.equal(result.status, 0, result.stderr);
});

test('a password cannot be changed here, and the message says where', async () => {
  const terminal = new Terminal('pamtester login alice@physics chauthtok');
  assert.notEqual(await terminal.ended, 0);
  assert.match(terminal.screen, /VO/);
});

test('su - by root enters the account without a new credential', async () => {
  const shown = await succeed(['su', '-', 'alice@physics', '-c', 'id; pwd; keyctl show @s']);
  assert.match(shown, /alice@physics/);
  assert.match(shown, /\/home\/physics\/alice/);
});

test('su - by a local user asks for the certificate, its passphrase, and opens a session with the credential', async () => {
  const terminal = new Terminal('su - bob');
  await terminal.expect(/bob@node1/);
  terminal.type('su - alice@physics');
  await terminal.prompt();
  terminal.type('');
  await terminal.prompt();
  terminal.type(passphrase);
  await terminal.expect(/alice@physics@node1/, 30_000);
  terminal.type('keyctl show; echo "[""done""]"');
  assert.match(await terminal.expect(/\[done\]/), /xos:credential/);
  terminal.type('exit');
  terminal.type('exit');
  assert.equal(await terminal.ended, 0);
});

test('no session files are left when all sessions are closed', () => {
  const root = '/run/xtreemos/session';
  const left = existsSync(root) ? readdirSync(root).flatMap((uid) => readdirSync(`${root}/${uid}`)) : [];
  assert.deepEqual(left, []);
});
