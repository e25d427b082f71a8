/** People at the console who bring a certificate that is not theirs, not whole, or of another VO. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { assertRefused, loginOnConsole, logOut, shellOutput } from '../sandbox/console.ts';
import { type EnrolledUser, OneHostGrid, succeed } from '../sandbox/one-host-grid.ts';

const passphrase = 'correct horse battery staple';
const grid = new OneHostGrid('physics.example.org');
const chemistry = new OneHostGrid('chemistry.example.org', '/root/other-laptop');
let alice: EnrolledUser;

before(async () => {
  await grid.start();
  alice = await grid.enrol('alice', passphrase);
  await chemistry.createVo();
  await chemistry.joinVo();
  const namesake = await chemistry.enrol('alice', passphrase, { onStick: false });
  writeFileSync(`${grid.stick}/namesake.p12`, readFileSync(namesake.credentialFile), { mode: 0o600 });
});
after(() => grid.stop());

/** Puts a file on the stick and tries it as alice@physics; login has to refuse and the daemon to name the reason. */
async function assertRefusedBecause(file: string, reason: RegExp): Promise<void> {
  const logged = grid.daemon('accounts').log().length;
  await assertRefused('alice@physics', file, passphrase);
  assert.match(grid.daemon('accounts').log().slice(logged), reason);
}

async function exported(format: 'pem' | 'certificate' | 'chain', credential: string): Promise<string> {
  const words = ['xos', 'cert', 'export', credential, '--format', format];
  return await succeed([...words, '--passphrase-file', alice.passphraseFile]);
}

test('a certificate without its key does not log in', async () => {
  writeFileSync(`${grid.stick}/bare.pem`, await exported('certificate', alice.credentialFile));
  await assertRefusedBecause('bare.pem', /has no private key/);
});

test('a PKCS#12 without a key does not log in', async () => {
  const pem = `${grid.laptop}/bare.pem`;
  writeFileSync(pem, await exported('certificate', alice.credentialFile));
  const words = ['openssl', 'pkcs12', '-export', '-nokeys', '-in', pem, '-out', `${grid.stick}/bare.p12`];
  await succeed([...words, '-passout', `file:${alice.passphraseFile}`]);
  await assertRefusedBecause('bare.p12', /has no private key/);
});

test("alice's certificate with a key of somebody else does not log in", async () => {
  const key = `${grid.laptop}/other.key`;
  await succeed([
    'openssl',
    'genpkey',
    '-algorithm',
    'EC',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-out',
    key,
  ]);
  const words = ['openssl', 'pkcs8', '-topk8', '-v2', 'aes256', '-in', key];
  const encrypted = await succeed([...words, '-passout', `file:${alice.passphraseFile}`]);
  const certificate = await exported('certificate', alice.credentialFile);
  writeFileSync(`${grid.stick}/mixed.pem`, certificate + encrypted);
  await assertRefusedBecause('mixed.pem', /private key in .* belongs to none of its certificates/);
});

test('a self-made certificate with the same subject does not log in', async () => {
  const key = `${grid.laptop}/forged.key`;
  const certificate = await succeed([
    ...['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-days', '2'],
    ...['-keyout', key, '-passout', `file:${alice.passphraseFile}`],
    ...['-subj', '/O=XtreemOS/OU=physics.example.org/CN=alice'],
  ]);
  writeFileSync(`${grid.stick}/forged.pem`, certificate + readFileSync(key, 'utf8'));
  await assertRefusedBecause('forged.pem', /alice@physics refused: The certificate (chain )?of .*alice/);
});

test('alice of another VO is not alice of this one, on a host that has joined both', async () => {
  await assertRefusedBecause('namesake.p12', /belongs to VO chemistry\.example\.org, not to physics/);
  const terminal = await loginOnConsole('alice@chemistry', 'namesake.p12', passphrase);
  await terminal.expect(/alice@chemistry@node1/);
  const id = await shellOutput(terminal, 'id');
  assert.match(id, /members@chemistry/);
  assert.doesNotMatch(id, /physics/);
  assert.match(await shellOutput(terminal, 'ls -d /home/physics/alice /home/chemistry/alice'), /chemistry/);
  await logOut(terminal);
});

test('files of the two are out of reach of one another', async () => {
  const own = await loginOnConsole('alice@physics', 'alice.p12', passphrase);
  await own.expect(/alice@physics@node1/);
  await shellOutput(own, 'echo mine > diary; chmod 600 diary');
  const other = await loginOnConsole('alice@chemistry', 'namesake.p12', passphrase);
  await other.expect(/alice@chemistry@node1/);
  assert.match(await shellOutput(other, 'cat /home/physics/alice/diary'), /Permission denied/);
  const proxy = /\/run\/xtreemos\S+proxy\.pem/.exec(await shellOutput(own, 'echo $X509_USER_PROXY'))?.[0];
  assert.match(await shellOutput(other, `cat ${proxy}`), /Permission denied/);
  await logOut(other);
  await logOut(own);
});
