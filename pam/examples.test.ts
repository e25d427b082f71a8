import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const example = join(import.meta.dirname, 'examples/sshd_config.d/60-xtreemos.conf');

/** What sshd would do with user, by its own extended test mode; in private namespaces, because it wants /run/sshd. */
function effective(user: string): ReadonlyMap<string, string> {
  const folder = mkdtempSync(join(tmpdir(), 'xos-sshd-'));
  try {
    const key = join(folder, 'key');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    const script =
      'mount -t tmpfs none /run && mkdir /run/sshd && printf "Include %s\\nPasswordAuthentication yes\\nAuthorizedKeysFile x\\n" "$1" > "$2.conf" &&' +
      ' exec "$(command -v sshd || echo /usr/sbin/sshd)" -T -f "$2.conf" -h "$2" -C "user=$3,host=h,addr=192.0.2.1"';
    const output = execFileSync('unshare', ['--mount', 'sh', '-c', script, 'sh', example, key, user], {
      encoding: 'utf8',
    });
    const pairs = output
      .split('\n')
      .map((line) => [line.split(' ', 1)[0] ?? '', line.replace(/^\S+ /, '')] as const);
    return new Map(pairs);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('sshd takes the VO authorities and the principals command for grid users', () => {
  const settings = effective('alice@physics');
  assert.equal(settings.get('trustedusercakeys'), '/etc/xtreemos/ssh/user_ca.pub');
  assert.match(
    settings.get('authorizedprincipalscommand') ?? '',
    /^\/usr\/lib\/xtreemos\/bin\/xos-ssh-principals %u/,
  );
  assert.equal(settings.get('authorizedkeysfile'), 'none');
  assert.equal(settings.get('hostbasedauthentication'), 'no');
  assert.equal(settings.get('passwordauthentication'), 'no');
  assert.equal(settings.get('kbdinteractiveauthentication'), 'yes');
  assert.equal(settings.get('usepam'), 'yes');
});

test('a VO authority means nothing for local users, whose settings stay as they were', () => {
  for (const user of ['root', 'alice']) {
    const settings = effective(user);
    assert.equal(settings.get('trustedusercakeys'), 'none');
    assert.equal(settings.get('authorizedprincipalscommand'), 'none');
    assert.equal(settings.get('authorizedkeysfile'), 'x');
    assert.equal(settings.get('passwordauthentication'), 'yes');
  }
});
