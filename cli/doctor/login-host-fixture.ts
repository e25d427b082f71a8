import { HostFixture } from './host-fixture.ts';

export const nsswitch = 'passwd: files xos systemd\ngroup:  files [SUCCESS=merge] xos systemd\n';

/** Files of /etc/pam.d as pam-auth-update makes them, without what does not matter here. */
export const pamFiles: Readonly<Record<string, string>> = {
  'common-auth':
    'auth [success=2 user_unknown=ignore default=die] pam_xos.so\nauth [success=1 default=ignore] pam_unix.so nullok\n',
  'common-account':
    'account [success=2 user_unknown=ignore default=die] \\\n  pam_xos.so\naccount [success=1 default=ignore] pam_unix.so\n',
  'common-password': 'password [success=1 default=ignore] pam_unix.so\npassword [success=1] pam_xos.so\n',
  'common-session': 'session required pam_unix.so\nsession required pam_xos.so\n',
  sshd: '@include common-auth\n@include common-account\n',
  login: '@include common-auth\n@include common-account\n',
};

/** What sshd -T says for a grid user under our drop-in. */
export const effective = (host: HostFixture): Readonly<Record<string, string>> => ({
  usepam: 'yes',
  kbdinteractiveauthentication: 'yes',
  authorizedkeysfile: 'none',
  authorizedkeyscommand: 'none',
  authorizedprincipalsfile: 'none',
  authorizedprincipalscommand: '/usr/lib/xtreemos/bin/xos-ssh-principals %u',
  hostbasedauthentication: 'no',
  trustedusercakeys: host.paths.sshUserCaFile,
});

const lines = (values: Readonly<Record<string, string>>): string =>
  Object.entries(values)
    .map(([key, value]) => `${key} ${value}\n`)
    .join('');

/** sshd that answers so for grid users, and for local ones. */
export function sshd(
  host: HostFixture,
  grid: Readonly<Record<string, string>>,
  local: Readonly<Record<string, string>> = {},
): void {
  host.program('sshd', (args) => ({ stdout: args[2]?.includes('@') === true ? lines(grid) : lines(local) }));
}

/** A resource host on which people can log in. */
export function loginHost(): HostFixture {
  const host = new HostFixture();
  host.write('/etc/nsswitch.conf', nsswitch);
  for (const [name, content] of Object.entries(pamFiles)) host.write(`/etc/pam.d/${name}`, content);
  host.write('/usr/sbin/sshd', '');
  sshd(host, effective(host));
  host.write(
    '/proc/key-users',
    '    0:  1205 1204/1204 120/1000000 9001/25000000\n 1000: 3 3/3 3/200 90/20000\n',
  );
  host.write('/proc/sys/kernel/keys/root_maxbytes', '25000000\n');
  host.write('/proc/sys/kernel/osrelease', '6.12.57+deb13-amd64\n');
  host.write('/proc/self/mountinfo', '30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n');
  host.write('/sbin/request-key', '');
  host.write('/sys/module/apparmor/parameters/enabled', 'Y\n');
  host.program('journalctl', () => ({ status: 1 }));
  return host;
}
