/** What an administrator would call "as it was before": compared when packages are gone again. */
import type { Host } from '../hosts/hosts.ts';

/** Where packages of ours put something. */
const places = [
  '/run/xtreemos',
  '/usr/bin',
  '/usr/lib/.build-id',
  '/usr/lib/security/',
  '/usr/lib/systemd/system',
  '/usr/lib/systemd/system-preset',
  '/usr/lib/sysusers.d',
  '/usr/lib/tmpfiles.d',
  '/usr/lib/xtreemos',
  '/usr/lib64',
  '/usr/share/bash-completion',
  '/usr/share/dbus-1',
  '/usr/share/doc/xtreemos',
  '/usr/share/licenses',
  '/usr/share/man',
  '/usr/share/polkit-1',
  '/var/lib/xtreemos',
];

/** Lines of text, so that a difference can be read: files of /etc with owner, mode and contents, unit files, places of ours. */
export async function hostState(host: Host): Promise<readonly string[]> {
  const listing = await host.succeed(
    [
      // Backups that the tools for users and groups keep, and the loader's cache, which ldconfig writes anew.
      'etc() { find /etc -xdev ! -name \'*-\' ! -name ld.so.cache ! -name .pwd.lock "$@"; }',
      "etc -printf '%M %u:%g %p %l\\n'",
      'etc -type f -exec sha256sum {} +',
      `find ${places.join(' ')} 2>/dev/null || true`,
      'systemctl list-unit-files --no-legend --no-pager --plain | awk \'$2 != "transient" { print $1, $2 }\'',
      'getent passwd; getent group',
    ].join('\n'),
  );
  return listing.trim().split('\n').sort();
}

/** Lines that went (`-`) and came (`+`). */
export function difference(before: readonly string[], after: readonly string[]): readonly string[] {
  return [
    ...before.filter((line) => !after.includes(line)).map((line) => `-${line}`),
    ...after.filter((line) => !before.includes(line)).map((line) => `+${line}`),
  ];
}
