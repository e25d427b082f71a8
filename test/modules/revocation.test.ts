/** What is taken back while people work on the console; and what stock openssl says of it. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { assertRefused, loginOnConsole, logOut, shellOutput } from '../sandbox/console.ts';
import { waitFor } from '../sandbox/daemon.ts';
import {
  type CommandResult,
  command,
  type EnrolledUser,
  OneHostGrid,
  succeed,
} from '../sandbox/one-host-grid.ts';
import type { Terminal } from '../sandbox/terminal.ts';

const passphrase = 'correct horse battery staple';
const grid = new OneHostGrid('physics.example.org');
const anchors = '/etc/grid-security/certificates';
let alice: EnrolledUser;
let carol: EnrolledUser;

before(async () => {
  await grid.start();
  alice = await grid.enrol('alice', passphrase);
  carol = await grid.enrol('carol', passphrase);
});
after(() => grid.stop());

/** Certificate and issuers as files of their own. */
async function pemFiles(user: EnrolledUser): Promise<{ certificate: string; chain: string }> {
  const files = {
    certificate: `${grid.laptop}/${user.name}.pem`,
    chain: `${grid.laptop}/${user.name}.chain`,
  };
  for (const format of ['certificate', 'chain'] as const) {
    const words = ['xos', 'cert', 'export', user.credentialFile, '--format', format, '--force'];
    await succeed([...words, '--out', files[format], '--passphrase-file', user.passphraseFile]);
  }
  return files;
}

async function verify(user: EnrolledUser, check: '-crl_check' | '-crl_check_all'): Promise<CommandResult> {
  const { certificate, chain } = await pemFiles(user);
  return await command(['openssl', 'verify', check, '-CApath', anchors, '-untrusted', chain, certificate]);
}

interface RunningSession {
  readonly terminal: Terminal;
  readonly uid: number;
  readonly proxy: string;
  readonly key: string;
}

/** A session on the console with a program that does not want to end. */
async function session(login: string, file: string): Promise<RunningSession> {
  const terminal = await loginOnConsole(login, file, passphrase);
  await terminal.expect(/@physics@node1/);
  const shown = await shellOutput(
    terminal,
    'echo "uid=$(id -u);proxy=$X509_USER_PROXY;key=$(keyctl search @s user xos:credential);"',
  );
  const [, uid = '', proxy = '', key = ''] = /uid=(\d+);proxy=(\S+\.pem);key=(\d+);/.exec(shown) ?? [];
  assert.ok(existsSync(proxy) && (await hasKey(key)), shown);
  await shellOutput(
    terminal,
    '(setsid sh -c "trap : TERM HUP; while :; do sleep 1; done" >/dev/null 2>&1 &)',
  );
  return { terminal, uid: Number(uid), proxy, key };
}

async function hasKey(key: string): Promise<boolean> {
  return (await command(['keyctl', 'describe', key])).status === 0;
}

/** The person is out, and nothing that was theirs goes on, 30 s after `since` at the latest. */
async function assertEnded({ terminal, uid, proxy, key }: RunningSession, since: number): Promise<void> {
  const left = (): number => 30_000 - (performance.now() - since);
  await Promise.race([
    terminal.ended,
    waitFor(() => false, left(), `the session goes on\n${terminal.screen}`),
  ]);
  await waitFor(() => !existsSync(proxy), left(), `${proxy} is still there`);
  await waitFor(async () => !(await hasKey(key)), left(), 'the credential key is still there');
  const processes = async (): Promise<string> =>
    (await command(['ps', '-o', 'pid=,args=', '-u', `${uid}`])).stdout;
  await waitFor(async () => (await processes()) === '', left(), `processes of uid ${uid} go on`);
}

test('openssl shows the extensions of an XOS certificate by their OIDs', async () => {
  const { certificate } = await pemFiles(alice);
  const text = await succeed(['openssl', 'x509', '-in', certificate, '-noout', '-text']);
  const arc = '2.25.13819774840481380153687041975453961328';
  const profile = readFileSync(new URL('../../docs/certificate-profile.md', import.meta.url), 'utf8');
  const shown = [...text.matchAll(/^\s+(2\.25\.[\d.]+): ?(critical)?\s*$/gm)].map(([, oid = '']) => oid);
  assert.ok(shown.length > 0 && shown.every((oid) => oid.startsWith(`${arc}.`)), text);
  for (const oid of shown) assert.ok(profile.includes(oid.slice(arc.length)), `${oid} is not in the profile`);
  assert.match(text, /Subject: O = XtreemOS, OU = physics\.example\.org, CN = alice/);
  assert.match(text, /Issuer: O = XtreemOS, OU = physics\.example\.org, CN = CDA/);
  assert.match(text, /physics\.example\.org/);
});

test('a revoked certificate ends the console session within 30 s; another certificate of the member goes on', async () => {
  for (const check of ['-crl_check', '-crl_check_all'] as const) {
    const verdict = await verify(alice, check);
    assert.equal(verdict.status, 0, verdict.stderr);
  }
  const renewed = `${grid.laptop}/renewed.p12`;
  const words = ['xos', 'cert', 'renew', alice.credentialFile, '--passphrase-file', alice.passphraseFile];
  await succeed([...words, '--out', renewed]);
  const running = await session('alice@physics', 'alice.p12');
  const { certificate } = await pemFiles(alice);
  const shown = await succeed(['openssl', 'x509', '-in', certificate, '-noout', '-serial']);
  const serial = /serial=(\w+)/.exec(shown)?.[1] ?? '';
  const revoked = performance.now();
  await succeed(['xos', 'vo', 'revoke', 'certificate', grid.vo, serial, '--yes']);
  await assertEnded(running, revoked);
  assert.match(grid.daemon('accounts').log(), /alice@physics: .*revoked/);
  for (const check of ['-crl_check', '-crl_check_all'] as const) {
    const verdict = await verify(alice, check);
    assert.notEqual(verdict.status, 0);
    assert.match(verdict.stderr, /certificate revoked/);
  }
  await assertRefused('alice@physics', 'alice.p12', passphrase);
  writeFileSync(`${grid.stick}/renewed.p12`, readFileSync(renewed), { mode: 0o600 });
  const again = await session('alice@physics', 'renewed.p12');
  assert.equal(again.uid, running.uid);
  await logOut(again.terminal);
});

test('a revoked member is out of the console within 30 s, with all that she started', async () => {
  const running = await session('carol@physics', 'carol.p12');
  const revoked = performance.now();
  await succeed(['xos', 'vo', 'revoke', 'member', `carol@${grid.vo}`, '--yes']);
  await assertEnded(running, revoked);
  assert.equal((await command(['getent', 'passwd', 'carol@physics'])).status, 2);
  await assertRefused('carol@physics', 'carol.p12', passphrase);
  assert.match((await verify(carol, '-crl_check')).stderr, /certificate revoked/);
  assert.equal((await command(['getent', 'passwd', 'alice@physics'])).status, 0);
});
