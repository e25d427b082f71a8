/** The disk of xos-accounts fills up before a member's first login. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { loginOnConsole, logOut, shellOutput } from '../sandbox/console.ts';
import { command, OneHostGrid, succeed } from '../sandbox/one-host-grid.ts';

const passphrase = 'correct horse battery staple';
const grid = new OneHostGrid('physics.example.org');
const state = '/var/lib/xtreemos/accounts';

before(async () => {
  mkdirSync(state, { recursive: true });
  await succeed(['mount', '-t', 'tmpfs', '-o', 'size=4m,mode=755', 'accounts-state', state]);
  await succeed(['chown', 'xos-accounts:', state]);
  await grid.start();
  await grid.enrol('alice', passphrase);
});
after(() => grid.stop());

const leases = (): Promise<string> => succeed(['xos', 'accounts', 'list', '--json=short']);

test('a full disk at lease time refuses the login and says so, leaves nothing half-made, and is got over', async () => {
  const uid = await succeed(['id', '-u', 'alice@physics']);
  const before_ = await leases();
  await command(['dd', 'if=/dev/zero', `of=${state}/filler`, 'bs=1k']);
  assert.match(await succeed(['df', '--output=avail', state]), /Avail\s+0\s/);
  // login(1) ends when account management fails, and getty starts it anew.
  const refused = await loginOnConsole('alice@physics', '', passphrase);
  assert.notEqual(await refused.ended, 0);
  assert.match(refused.screen, /no space left on \/var\/lib\/xtreemos\/accounts/, grid.logs());
  assert.equal(await leases(), before_);
  assert.ok(!existsSync('/home/physics/alice'));
  assert.ok(!existsSync('/run/xtreemos/session') || readdirSync('/run/xtreemos/session').length === 0);
  assert.equal(await succeed(['id', '-u', 'alice@physics']), uid);

  rmSync(`${state}/filler`);
  const terminal = await loginOnConsole('alice@physics', '', passphrase);
  await terminal.expect(/alice@physics@node1/);
  assert.match(await shellOutput(terminal, 'id -u'), new RegExp(uid.trim()));
  await logOut(terminal);
});
