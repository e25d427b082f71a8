/** A home in an XtreemFS volume: real DIR, MRC and OSD, real logins, the real mount; only PID 1 is stood in for. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { waitFor } from '../sandbox/daemon.ts';
import { HomeGrid } from '../sandbox/home-grid.ts';
import { command, succeed } from '../sandbox/one-host-grid.ts';
import { Terminal } from '../sandbox/terminal.ts';

const passphrase = 'correct horse battery staple';
const home = '/home/physics/alice';
const grid = new HomeGrid('physics.example.org');
const key = `${grid.laptop}/id_ed25519`;

before(async () => {
  await grid.start();
  const alice = await grid.enrol('alice', passphrase);
  mkdirSync('/run/sshd', { recursive: true });
  await succeed(['ssh-keygen', '-A']);
  await succeed(['/usr/sbin/sshd', '-E', '/var/log/sshd.log', '-o', 'LogLevel=VERBOSE']);
  await succeed(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', key]);
  const credential = ['--credential', alice.credentialFile, '--passphrase-file', alice.passphraseFile];
  await succeed(['xos', 'cert', 'ssh', '--key', `${key}.pub`, ...credential]);
});
after(() => grid.stop());

async function login(): Promise<Terminal> {
  const terminal = new Terminal('login');
  for (const answer of ['alice@physics', '', passphrase]) {
    assert.ok(await terminal.prompt(), `no prompt for another answer:\n${terminal.screen}\n${grid.logs()}`);
    terminal.type(answer);
  }
  await terminal.expect(/alice@physics@node1/, 40_000);
  return terminal;
}

async function output(terminal: Terminal, line: string): Promise<string> {
  terminal.type(`${line}; echo "[""done""]"`);
  return await terminal.expect(/\[done\]/);
}

function ssh(remote: string) {
  const options = [
    'StrictHostKeyChecking=no',
    'UserKnownHostsFile=/dev/null',
    'LogLevel=ERROR',
    'BatchMode=yes',
  ];
  const words = options.flatMap((option) => ['-o', option]);
  return command(['ssh', ...words, '-i', key, '-l', 'alice@physics', '127.0.0.1', remote]);
}

const isMounted = async () => (await command(['findmnt', '-n', '-o', 'FSTYPE', home])).stdout.trim() !== '';

test('a member finds what the console wrote when she comes by ssh: the home is a volume, mounted while she is there', async () => {
  const terminal = await login();
  assert.match(await output(terminal, 'findmnt -n -o FSTYPE $HOME'), /fuse\.xtreemfs/, grid.logs());
  assert.match(
    await output(terminal, 'pwd; stat -c "%U %a" .'),
    /\/home\/physics\/alice\s+alice@physics 700/,
  );
  await output(terminal, 'echo written on the console > letter; mkdir -p work; cp /etc/services work/');
  // Root has no business in there, and learns so at once.
  assert.equal((await command(['ls', home], { timeoutMs: 5_000 })).status, 2);
  terminal.type('exit');
  assert.equal(await terminal.ended, 0);
  await waitFor(
    async () => !(await isMounted()),
    20_000,
    () => `still mounted after logout\n${grid.logs()}`,
  );
  const stats = statSync(home);
  assert.deepEqual([stats.uid, stats.mode & 0o7777], [0, 0o555]);
  assert.equal(existsSync(`${home}/letter`), false);

  const remote = await ssh(
    'findmnt -n -o FSTYPE $HOME; cat letter; cmp work/services /etc/services && echo the same',
  );
  assert.equal(remote.status, 0, `${remote.stderr}\n${grid.logs()}`);
  assert.match(remote.stdout, /^fuse\.xtreemfs\nwritten on the console\nthe same\n$/);
  await waitFor(async () => !(await isMounted()), 20_000, 'still mounted after ssh');
});

test('with the servers away she gets in, is told, and cannot write beneath the mount point', async () => {
  await grid.stopServers();
  const terminal = await login();
  assert.match(terminal.screen, /Your home volume home is not reachable/, terminal.screen);
  assert.match(
    await output(terminal, 'pwd; touch here'),
    /\/home\/physics\/alice[\s\S]*(Permission denied|Read-only)/,
  );
  terminal.type('exit');
  assert.equal(await terminal.ended, 0);
});
