/** xos-authselect against authselect of Debian 13, in a copy of its root that lasts as long as a test. */
import assert from 'node:assert/strict';
import path from 'node:path';
import test, { before } from 'node:test';
import { checkout } from '../hosts/ground.ts';
import { debianRoot } from '../hosts/hosts.ts';
import { type CommandResult, command } from '../sandbox/one-host-grid.ts';

const tool = path.join(checkout, 'packaging/rpm/xos-authselect');
let root = '';

before(async () => {
  root = path.join(checkout, path.relative('/mnt/checkout', await debianRoot('trixie', 'rpm')));
});

/** Runs shell lines in a fresh root that has xos-authselect in its PATH; nothing of it stays. */
async function inRoot(lines: string): Promise<CommandResult> {
  const outside = [
    'mount -t tmpfs tmpfs /mnt',
    'mkdir /mnt/upper /mnt/work /mnt/root',
    `mount -t overlay overlay -o lowerdir=${root},upperdir=/mnt/upper,workdir=/mnt/work /mnt/root`,
    `install -m 755 ${tool} /mnt/root/usr/bin/xos-authselect`,
    'exec chroot /mnt/root /bin/sh -e -s',
  ].join(' && ');
  return await command(['unshare', '--mount', '--propagation', 'private', 'sh', '-c', outside], {
    input: `${lines}\n`,
    timeoutMs: 120_000,
  });
}

/** Files and what is in them. */
const snapshot = 'find /etc/authselect /etc/pam.d /etc/nsswitch.conf -type f -exec sha256sum {} + | sort';

for (const profile of ['local', 'sssd', 'winbind', 'nis']) {
  test(`pam_xos and xos come into profile ${profile}, its features stay, and all goes back`, async () => {
    const result = await inRoot(`
      mkdir -p /etc/authselect/custom
      authselect select ${profile} with-faillock with-pamaccess --force --nobackup >/dev/null
      ${snapshot} >/tmp/before
      xos-authselect enable
      authselect check >/dev/null
      authselect current --raw
      authselect enable-feature with-mkhomedir >/dev/null
      xos-authselect update
      xos-authselect enable
      authselect check >/dev/null
      authselect current --raw
      grep -E '^(passwd|group):' /etc/nsswitch.conf
      for file in system-auth password-auth; do
        for type in auth account password session; do
          grep -hA1 "^$type .*pam_xos.so" /etc/authselect/$file | sed 's/.*\\(pam_[a-z_]*\\).*/\\1/' | tr '\\n' ' '
        done
        echo
      done
      authselect disable-feature with-mkhomedir >/dev/null
      xos-authselect disable
      ${snapshot} >/tmp/after
      diff /tmp/before /tmp/after
      ls /etc/authselect/custom
    `);
    assert.equal(result.status, 0, result.stdout + result.stderr);
    const [first, second, passwd, group, ...stacks] = result.stdout.trim().split('\n');
    assert.equal(first, 'custom/xtreemos with-faillock with-pamaccess');
    assert.equal(second, 'custom/xtreemos with-faillock with-pamaccess with-mkhomedir');
    assert.match(passwd ?? '', /^passwd: +files xos /);
    assert.match(group ?? '', /^group: +files xos /);
    // Each pam_xos with the module behind it; with-pamaccess stands before.
    const expected = 'pam_xos pam_faillock pam_xos pam_faillock pam_xos pam_pwquality pam_xos pam_systemd';
    assert.deepEqual(
      stacks.map((stack) => stack.trim()),
      [expected, expected],
    );
  });
}

test('files that were replaced by hand are left alone', async () => {
  const result = await inRoot(`
    mkdir -p /etc/authselect/custom
    authselect select local --force --nobackup >/dev/null
    rm /etc/pam.d/system-auth
    echo 'auth required pam_deny.so' >/etc/pam.d/system-auth
    ${snapshot} >/tmp/before
    if xos-authselect enable; then exit 9; fi
    ${snapshot} >/tmp/after
    diff /tmp/before /tmp/after
  `);
  assert.equal(result.status, 0, result.stdout + result.stderr);
  assert.match(result.stderr, /"local" were replaced by hand and are left alone; see authselect check/);
});

test('a host without a profile is left alone, and told', async () => {
  const result = await inRoot(`
    ${snapshot} >/tmp/before 2>/dev/null || true
    xos-authselect enable
    xos-authselect update
    xos-authselect disable
    ${snapshot} >/tmp/after 2>/dev/null || true
    diff /tmp/before /tmp/after
  `);
  assert.equal(result.status, 0, result.stdout + result.stderr);
  assert.match(result.stderr, /authselect manages no profile on this host/);
});

test('a profile that has no place for pam_xos is not taken', async () => {
  const result = await inRoot(`
    authselect create-profile odd --base-on=local >/dev/null
    sed -i /pam_systemd.so/d /etc/authselect/custom/odd/system-auth
    authselect select custom/odd --force --nobackup >/dev/null
    ${snapshot} >/tmp/before
    if xos-authselect enable; then exit 9; fi
    ${snapshot} >/tmp/after
    diff /tmp/before /tmp/after
  `);
  assert.equal(result.status, 0, result.stdout + result.stderr);
  assert.match(result.stderr, /system-auth of authselect profile "custom\/odd" has no place for pam_xos/);
});
