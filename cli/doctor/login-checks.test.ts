import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { UID_MIN, writeNssMap } from '@xtreemos/module-protocol';
import type { Check } from './check.ts';
import { apparmor } from './checks/apparmor.ts';
import { conflicts } from './checks/conflicts.ts';
import { ids } from './checks/ids.ts';
import { kernel } from './checks/kernel.ts';
import { keyring } from './checks/keyring.ts';
import { nss } from './checks/nss.ts';
import { pam } from './checks/pam.ts';
import { ssh } from './checks/ssh.ts';
import { HostFixture, told } from './host-fixture.ts';
import { effective, loginHost, nsswitch, pamFiles, sshd } from './login-host-fixture.ts';

const all: readonly Check[] = [nss, pam, ssh, keyring, kernel, ids, conflicts, apparmor];

test('a host as the packages leave it is well', async () => {
  for (const check of all) {
    using host = loginHost();
    const result = await host.examine(check);
    assert.equal(result.state, 'ok', `${check.name}: ${told(result)}`);
  }
});

test('a client without login parts has nothing to check, and nothing fails', async () => {
  for (const check of all) {
    using host = new HostFixture();
    rmSync(join(host.root, 'usr'), { recursive: true });
    const result = await host.examine(check);
    assert.equal(result.state, 'unchecked', `${check.name}: ${told(result)}`);
  }
});

type Fault = readonly [check: Check, RegExp, 'failure' | 'warning', (host: HostFixture) => void];

const cannotLoad =
  "ERROR: ld.so: object '/x' from LD_PRELOAD cannot be preloaded (wrong ELF class): ignored.\n";

const faults: readonly Fault[] = [
  [
    nss,
    /passwd does not ask xos/,
    'failure',
    (host) => host.write('/etc/nsswitch.conf', 'passwd: files systemd\n'),
  ],
  [
    nss,
    /group does not ask xos/,
    'failure',
    (host) => host.write('/etc/nsswitch.conf', 'passwd: files xos\n# group: xos\n'),
  ],
  [
    nss,
    /before the local files/,
    'failure',
    (host) => host.write('/etc/nsswitch.conf', nsswitch.replace('files xos', 'xos files')),
  ],
  [
    nss,
    /asks systemd before xos/,
    'warning',
    (host) => host.write('/etc/nsswitch.conf', nsswitch.replaceAll('xos systemd', 'systemd xos')),
  ],
  [nss, /nsswitch\.conf is missing/, 'failure', (host) => rmSync(join(host.root, 'etc/nsswitch.conf'))],
  [
    nss,
    /not installed.* -> apt install libnss-xtreemos/,
    'failure',
    (host) => rmSync(join(host.root, 'usr/lib/x86_64-linux-gnu/libnss_xos.so.2')),
  ],
  [
    nss,
    /cannot be loaded: object .*wrong ELF class/,
    'failure',
    (host) => host.program('true', () => ({ stderr: cannotLoad })),
  ],
  [
    nss,
    /getent passwd alice@physics finds nobody/,
    'failure',
    (host) => {
      const alice = {
        name: 'alice@physics',
        uid: UID_MIN,
        gid: UID_MIN,
        gecos: '',
        home: '/home/alice',
        shell: '/bin/sh',
        groups: [],
      };
      host.write('/run/xtreemos/nss/accounts.map', writeNssMap({ passwd: [alice], groups: [] }));
      host.program('getent', () => ({ status: 2 }));
    },
  ],
  [
    pam,
    /not in auth: .* -> pam-auth-update/,
    'failure',
    (host) => host.write('/etc/pam.d/common-auth', 'auth required pam_unix.so\n'),
  ],
  [pam, /not in account/, 'failure', (host) => host.write('/etc/pam.d/common-account', '')],
  [
    pam,
    /not in session/,
    'failure',
    (host) => host.write('/etc/pam.d/common-session', '# session required pam_xos.so\n'),
  ],
  [pam, /not in password/, 'warning', (host) => host.write('/etc/pam.d/common-password', '')],
  [
    pam,
    /pam_unix stands before pam_xos in auth/,
    'failure',
    (host) =>
      host.write('/etc/pam.d/common-auth', 'auth sufficient pam_unix.so\nauth sufficient pam_xos.so\n'),
  ],
  [
    pam,
    /pam\.d\/sshd includes neither/,
    'warning',
    (host) => host.write('/etc/pam.d/sshd', 'auth required pam_unix.so\n'),
  ],
  [
    pam,
    /pam_xos\.so is not installed/,
    'failure',
    (host) => rmSync(join(host.root, 'usr/lib/x86_64-linux-gnu/security'), { recursive: true }),
  ],
  [
    pam,
    /symbol lookup error/,
    'failure',
    (host) =>
      host.program('true', () => ({
        status: 127,
        stderr: 'true: symbol lookup error: /x/pam_xos.so: undefined symbol: y\n',
      })),
  ],
  [
    ssh,
    /refuses its configuration: line 3: Bad/,
    'failure',
    (host) => host.program('sshd', () => ({ status: 255, stderr: 'line 3: Bad\n' })),
  ],
  [ssh, /usepam no/, 'failure', (host) => sshd(host, { ...effective(host), usepam: 'no' })],
  [
    ssh,
    /authorizedkeysfile \.ssh\/authorized_keys.*outlive/,
    'failure',
    (host) => sshd(host, { ...effective(host), authorizedkeysfile: '.ssh/authorized_keys' }),
  ],
  [
    ssh,
    /does not ask xos-ssh-principals/,
    'failure',
    (host) => sshd(host, { ...effective(host), authorizedprincipalscommand: 'none' }),
  ],
  [
    ssh,
    /could sign a certificate for root/,
    'failure',
    (host) => sshd(host, effective(host), { trustedusercakeys: host.paths.sshUserCaFile }),
  ],
  [ssh, /user_ca\.pub is missing/, 'failure', (host) => host.join()],
  [keyring, /has no keyrings/, 'failure', (host) => rmSync(join(host.root, 'proc/key-users'))],
  [
    keyring,
    /uid 0 uses .*24000000 of 25000000/,
    'warning',
    (host) => host.write('/proc/key-users', '0: 9 9/9 9/1000000 24000000/25000000\n'),
  ],
  [
    keyring,
    /new sessions get no credential/,
    'failure',
    (host) => host.write('/proc/key-users', `${UID_MIN}: 9 9/9 200/200 90/20000\n`),
  ],
  [
    keyring,
    /room for 2 more sessions/,
    'warning',
    (host) => host.write('/proc/sys/kernel/keys/root_maxbytes', '30000\n'),
  ],
  [
    kernel,
    /kernel 5\.10\.0 has no cgroup\.kill/,
    'warning',
    (host) => host.write('/proc/sys/kernel/osrelease', '5.10.0\n'),
  ],
  [kernel, /cgroup v2 is not mounted/, 'failure', (host) => host.write('/proc/self/mountinfo', '')],
  [
    kernel,
    /no keyrings/,
    'failure',
    (host) => rmSync(join(host.root, 'proc/sys/kernel/keys'), { recursive: true }),
  ],
  [kernel, /no \/sbin\/request-key/, 'warning', (host) => rmSync(join(host.root, 'sbin/request-key'))],
  [
    ids,
    /user bob has id 2030043200, which is a grid id/,
    'failure',
    (host) => host.write('/etc/passwd', 'bob:x:2030043200:100::/:/bin/sh\n'),
  ],
  [ids, /group lab has id 2013265920/, 'failure', (host) => host.write('/etc/group', 'lab:x:2013265920:\n')],
  [
    ids,
    /hides it -> rename eve@physics/,
    'failure',
    (host) => host.write('/etc/passwd', 'eve@physics:x:1001:100::/:/bin/sh\n'),
  ],
  [
    ids,
    /subuid: carol may use 2030000000-2031000000/,
    'failure',
    (host) => host.write('/etc/subuid', 'carol:2030000000:1000001\n'),
  ],
  [ids, /subgid: carol/, 'failure', (host) => host.write('/etc/subgid', 'carol:2013265920:65536\n')],
  [conflicts, /answers for passwd and group/, 'warning', (host) => host.write('/run/nscd/socket', '')],
  [
    conflicts,
    /asks SSSD before xos/,
    'warning',
    (host) => host.write('/etc/nsswitch.conf', 'passwd: files sss xos\n'),
  ],
  [
    apparmor,
    /refused 1 times since boot, last: xos-accounts open \/etc\/shadow/,
    'warning',
    (host) =>
      host.program('journalctl', () => ({
        stdout:
          'audit: apparmor="DENIED" operation="open" profile="xos-accounts" name="/etc/shadow" pid=1\naudit: apparmor="DENIED" profile="cups"\n',
      })),
  ],
];

for (const [check, expected, state, damage] of faults) {
  test(`${check.name} finds ${expected.source}`, async () => {
    using host = loginHost();
    damage(host);
    const result = await host.examine(check);
    assert.equal(result.state, state, told(result));
    assert.match(told(result), expected);
    for (const finding of result.findings)
      if (finding.state !== 'ok') assert.ok(finding.action, finding.text);
  });
}

test('what is another layout or a known exception is no fault', async () => {
  using host = loginHost();
  host.write('/etc/nsswitch.conf', 'passwd:files xos sss systemd\ngroup: compat xos\n');
  assert.equal((await host.examine(nss)).state, 'ok');
  host.write('/run/nscd/socket', '');
  host.write('/etc/nscd.conf', 'enable-cache passwd no\n enable-cache  group   no\n');
  assert.equal((await host.examine(conflicts)).state, 'ok');
  for (const name of Object.keys(pamFiles)) rmSync(join(host.root, 'etc/pam.d', name));
  host.write(
    '/etc/pam.d/system-auth',
    'auth sufficient pam_xos.so\nauth sufficient pam_unix.so\naccount sufficient pam_xos.so\n-account required pam_unix.so\npassword sufficient pam_xos.so\nsession required pam_xos.so\n',
  );
  host.write('/etc/pam.d/sshd', 'account include password-auth\n');
  const result = await host.examine(pam);
  assert.equal(result.state, 'ok', told(result));
  host.program('sshd', () => ({
    status: 255,
    stderr: 'Missing privilege separation directory: /run/sshd\n',
  }));
  assert.match(told(await host.examine(ssh)), /^unchecked: sshd does not run/);
  host.changes = { isRoot: false };
  assert.match(told(await host.examine(ssh)), /^unchecked: needs root/);
});
