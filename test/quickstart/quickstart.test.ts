/** The main job: ./quickstart on this host, its lines typed from a file as a person would. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

const root = path.resolve(import.meta.dirname, '../..');
/** What the script must not touch. */
const hostFiles = ['/etc/passwd', '/etc/nsswitch.conf', '/etc/pam.d/common-auth'];

test('./quickstart --script logs alice in with her certificate, shows who she is, and that her home is a volume', async () => {
  const before = hostFiles.map((file) => readFileSync(file, 'utf8'));
  const child = spawn(path.join(root, 'quickstart'), ['--script', 'test/data/quickstart.txt'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
    });
  }
  const [status] = (await once(child, 'close')) as [number | null];
  assert.equal(status, 0, output);
  const [, uid] =
    /uid=(\d+)\(alice@demo\) gid=\d+\(alice@demo\) groups=.*\(members@demo\)/.exec(output) ?? [];
  assert.ok(Number(uid) >= 2030043136 && Number(uid) <= 2147352575, output);
  assert.match(output, /Person: alice@demo\r?$/m);
  assert.match(output, /VO: demo\r?$/m);
  assert.match(output, /FQANs: \/demo\r?$/m);
  assert.match(output, /Session Keyring/);
  assert.match(output, /user: xos:credential/);
  assert.match(output, /^\/home\/demo\/alice +\S+:32638\/home +fuse\.xtreemfs +[\d.]+[MGTP]\r?$/m);
  assert.match(output, /^kept in the volume\r?$/m);
  assert.deepEqual(
    hostFiles.map((file) => readFileSync(file, 'utf8')),
    before,
    'a file of the host was changed',
  );
  assert.equal(existsSync('/home/demo/alice'), false, 'a home was left on the host');
});
