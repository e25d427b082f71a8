/** The site's own accounts beside those of the grid: names that meet, mapping rules, and what local people try. */
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { assertRefused, loginOnConsole, logOut, shellOutput } from '../sandbox/console.ts';
import { waitFor } from '../sandbox/daemon.ts';
import { command, OneHostGrid, succeed } from '../sandbox/one-host-grid.ts';

const passphrase = 'correct horse battery staple';
const localPassword = 'local password';
const grid = new OneHostGrid('physics.example.org');

before(async () => {
  await grid.start();
  for (const name of ['alice', 'carol', 'dave', 'eve']) await grid.enrol(name, passphrase);
  await succeed(['useradd', '-m', '-s', '/bin/bash', 'bob']);
});
after(() => grid.stop());

/** A local account whose name is a grid login name: useradd refuses it, an editor does not. */
async function addLocalUser(name: string, uid: number): Promise<void> {
  const home = `/home/local-${uid}`;
  appendFileSync('/etc/passwd', `${name}:x:${uid}:${uid}::${home}:/bin/bash\n`);
  appendFileSync('/etc/group', `local${uid}:x:${uid}:\n`);
  const hash = await succeed(['openssl', 'passwd', '-6', '-stdin'], { input: `${localPassword}\n` });
  appendFileSync('/etc/shadow', `${name}:${hash.trim()}:20000:0:99999:7:::\n`);
  await succeed(['install', '-d', '-m', '700', '-o', `${uid}`, '-g', `${uid}`, home]);
}

const uidOf = async (name: string): Promise<number> => Number(await succeed(['id', '-u', name]));

test('a local user wins over the member of that name, who can no longer log in and loses the session', async () => {
  const member = await loginOnConsole('carol@physics', 'carol.p12', passphrase);
  await member.expect(/carol@physics@node1/);
  const gridUid = await uidOf('carol@physics');
  await shellOutput(member, 'echo mine > diary');
  await addLocalUser('carol@physics', 1501);
  const timer = setTimeout(() => void member.close(), 30_000);
  await member.ended;
  clearTimeout(timer);
  await waitFor(
    async () => (await command(['getent', 'passwd', `${gridUid}`])).status === 2,
    15_000,
    'the uid of the member still resolves',
  );
  assert.equal(await uidOf('carol@physics'), 1501);
  const local = await loginOnConsole('carol@physics', localPassword);
  await local.expect(/carol@physics@node1/);
  const shown = await shellOutput(local, 'id; env; cat /home/physics/carol/diary');
  assert.match(shown, /uid=1501/);
  assert.doesNotMatch(shown, /XOS_|X509_/);
  assert.match(shown, /Permission denied/);
  await logOut(local);
  // What the member has of hers opens no local account: pam_unix asks one question, a password.
  await assertRefused('carol@physics', passphrase);
});

test('mapping rules: a static account, a refusal, and the rest as before', async () => {
  // As docs/mapping-rules.md says.
  await succeed(['groupadd', '-g', '2030043200', 'gridops']);
  await succeed(['useradd', '-m', '-u', '2030043200', '-g', 'gridops', '-s', '/bin/bash', 'gridops']);
  const aliceUid = await uidOf('alice@physics');
  writeFileSync(
    '/etc/xtreemos/mapping.conf',
    [
      'user dave@physics.example.org static gridops',
      'user eve@physics.example.org refuse left the institute',
      'vo physics.example.org dynamic',
      '',
    ].join('\n'),
  );
  await waitFor(
    async () =>
      (await command(['getent', 'passwd', 'eve@physics'])).status === 2 &&
      (await command(['id', '-u', 'dave@physics'])).stdout === '2030043200\n',
    30_000,
    'the mapping rules have no effect',
  );
  const dave = await loginOnConsole('dave@physics', 'dave.p12', passphrase);
  await dave.expect(/node1:/);
  const shown = await shellOutput(dave, 'id; pwd; xos whoami; touch made');
  assert.match(shown, /uid=2030043200/);
  assert.match(shown, /\/home\/gridops/);
  assert.match(shown, /dave@physics\.example\.org/);
  await logOut(dave);
  assert.equal(await succeed(['stat', '-c', '%U', '/home/gridops/made']), 'gridops\n');
  await assertRefused('eve@physics', 'eve.p12', passphrase);
  assert.match(grid.daemon('accounts').log(), /eve@physics refused: .*left the institute/);
  assert.equal(await uidOf('alice@physics'), aliceUid);
});

test('an ordinary user gets nothing on the sockets, neither does one in the group of the helper socket', async () => {
  const alice = await loginOnConsole('alice@physics', 'alice.p12', passphrase);
  await alice.expect(/alice@physics@node1/);
  const shown = await shellOutput(alice, 'echo $XOS_SESSION_ID $X509_USER_PROXY');
  const [, session = '', proxy = ''] = /([\w-]{36}) (\/\S+proxy\.pem)/.exec(shown) ?? [];
  const script = path.join(import.meta.dirname, 'socket-stranger.ts');
  const uid = `${await uidOf('alice@physics')}`;
  for (const groups of [['--clear-groups'], ['--groups', 'xos-accounts']]) {
    const person = ['setpriv', '--reuid', 'bob', '--regid', 'bob', ...groups];
    const words = ['/usr/lib/xtreemos/bin/node', script, 'alice@physics', session, uid];
    const got = JSON.parse(await succeed([...person, ...words])) as Record<string, string>;
    const denied = 'result 6'; // PAM_PERM_DENIED
    assert.equal(got['authenticate'], denied);
    assert.equal(got['account'], denied);
    assert.equal(got['openSession'], denied);
    assert.equal(got['closeSession'], denied);
    assert.match(got['sessionKey'] ?? '', /hung up|result [^0]/);
    assert.match(got['endAccount'] ?? '', /Could not|may not|refused|denied/i);
    assert.match(got['listCredentialFiles'] ?? '', /Could not|may not|refused|denied/i);
  }
  assert.ok(existsSync(proxy));
  assert.match(await shellOutput(alice, 'id'), /alice@physics/);
  await logOut(alice);
});

test('programs of an ordinary user neither authenticate nor open a session as somebody else', async () => {
  for (const call of ['authenticate', 'acct_mgmt', 'open_session']) {
    const words = ['setpriv', '--reuid', 'bob', '--regid', 'bob', '--clear-groups'];
    const result = await command([...words, 'pamtester', 'login', 'alice@physics', call], { input: '\n\n' });
    assert.notEqual(result.status, 0, call);
    assert.doesNotMatch(result.stdout + result.stderr, /Certificate:/, call);
  }
  for (const file of ['accounts.db', 'vo/physics.example.org/membership']) {
    const words = ['setpriv', '--reuid', 'bob', '--regid', 'bob', '--clear-groups', 'sh', '-c'];
    const result = await command([...words, `echo x >> /var/lib/xtreemos/accounts/${file}`]);
    assert.notEqual(result.status, 0, file);
  }
});
