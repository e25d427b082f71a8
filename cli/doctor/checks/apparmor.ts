import { existsSync, readFileSync } from 'node:fs';
import type { Check } from '../check.ts';
import { ok, unchecked, warning } from '../finding.ts';

/** What AppArmor refused one of our programs since the host was booted. */
export const apparmor: Check = {
  name: 'apparmor',
  about: 'what AppArmor refused our daemons and modules since boot',
  examine: async (host) => {
    const enabled = host.at('/sys/module/apparmor/parameters/enabled');
    if (!existsSync(enabled) || readFileSync(enabled, 'utf8').trim() !== 'Y') {
      return [unchecked('AppArmor is not in use here')];
    }
    if (!host.isRoot) return [unchecked("needs root: the kernel's log is not for everybody")];
    const { status, stdout } = await host.run('journalctl', [
      '--dmesg',
      '--boot',
      '--no-pager',
      '--output=cat',
      '--lines=1000',
      '--grep=apparmor="DENIED"',
    ]);
    // 1: nothing matched.
    if (status !== 0 && status !== 1) return [unchecked("the kernel's log cannot be read")];
    const denied = stdout.split('\n').filter((line) => /DENIED/.test(line) && /xos|xtreemos/.test(line));
    const [last] = denied.slice(-1);
    if (last === undefined) return [ok('nothing of ours was refused since boot')];
    const field = (name: string): string => new RegExp(`${name}="([^"]*)"`).exec(last)?.[1] ?? '?';
    return [
      warning(
        `refused ${denied.length} times since boot, last: ${field('profile')} ${field('operation')} ${field('name')}`,
        `journalctl -k -b -g 'DENIED.*xos'; allow it in /etc/apparmor.d/local/, then: apparmor_parser -r PROFILE`,
      ),
    ];
  },
};
