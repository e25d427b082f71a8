import { existsSync, readFileSync } from 'node:fs';
import type { Check } from '../check.ts';
import type { ExaminedHost } from '../examined-host.ts';
import { type Finding, notInstalled, ok, problemsOr, warning } from '../finding.ts';

/** Services that answer for the same names, or remember answers longer than they are true. */
export const conflicts: Check = {
  name: 'conflicts',
  about: 'services that get in the way: nscd and unscd, nsncd, SSSD before xos',
  examine: async (host) => {
    if (!host.parts.accounts) return [notInstalled('xtreemos-accounts')];
    const findings = [...cache(host), ...sssd(host)];
    return problemsOr(findings, () => ok('no cache of names, nobody else answers for grid names'));
  },
};

/** nscd, unscd and nsncd serve the same socket (glibc's nscd/nscd-client.h). */
function cache(host: ExaminedHost): readonly Finding[] {
  const socket = ['/run/nscd/socket', '/var/run/nscd/socket'].find((path) => existsSync(host.at(path)));
  if (socket === undefined) return [];
  const file = host.at('/etc/nscd.conf');
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
  const caches = ['passwd', 'group'].filter(
    (database) => !lines.some((line) => new RegExp(`^\\s*enable-cache\\s+${database}\\s+no\\b`).test(line)),
  );
  if (caches.length === 0) return [];
  return [
    warning(
      `a name cache (nscd) answers for ${caches.join(' and ')}: who was revoked keeps a name until it forgets`,
      'in /etc/nscd.conf: "enable-cache passwd no", "enable-cache group no"; or systemctl disable --now nscd nscd.socket',
    ),
  ];
}

function sssd(host: ExaminedHost): readonly Finding[] {
  const file = host.at('/etc/nsswitch.conf');
  if (!existsSync(file)) return [];
  const line = readFileSync(file, 'utf8')
    .split('\n')
    .find((candidate) => candidate.startsWith('passwd:'));
  const sources = (line ?? '').replace(/^passwd:|#.*/g, ' ').split(/\s+/);
  const at = sources.indexOf('sss');
  if (at < 0 || at > sources.indexOf('xos')) return [];
  return [
    warning(
      'nsswitch.conf asks SSSD before xos: each grid name waits for its servers, and names user@DOMAIN may be its own',
      'in /etc/nsswitch.conf: "passwd: files xos sss systemd", and the same for group',
    ),
  ];
}
