import { existsSync, readFileSync } from 'node:fs';
import type { Check } from '../check.ts';
import { failure, notInstalled, ok, problemsOr, warning } from '../finding.ts';

/** cgroup.kill came with 5.14, the youngest of what xos-helper uses (openat2 5.6, pidfd_open 5.3, close_range 5.9). */
const neededKernel = [5, 14] as const;

export const kernel: Check = {
  name: 'kernel',
  about: 'kernel features: version, cgroup v2, keyrings and the request-key program',
  examine: async (host) => {
    if (!host.parts.accounts) return [notInstalled('xtreemos-accounts')];
    const release = readIf(host.at('/proc/sys/kernel/osrelease')).trim();
    const [major = 0, minor = 0] = release.split('.').map((part) => Number.parseInt(part, 10));
    const findings = [];
    if (major < neededKernel[0] || (major === neededKernel[0] && minor < neededKernel[1])) {
      findings.push(
        warning(
          `kernel ${release} has no cgroup.kill: ending an account takes longer`,
          `boot kernel ${neededKernel.join('.')} or later`,
        ),
      );
    }
    const mounts = readIf(host.at('/proc/self/mountinfo'));
    if (!/ - cgroup2 /.test(mounts)) {
      findings.push(
        failure(
          'cgroup v2 is not mounted: processes of an account that ended cannot be found as a group',
          'boot with systemd.unified_cgroup_hierarchy=1',
        ),
      );
    }
    if (!existsSync(host.at('/proc/sys/kernel/keys'))) {
      findings.push(failure('the kernel has no keyrings', 'boot a kernel with CONFIG_KEYS=y'));
    }
    if (!['/sbin/request-key', '/usr/sbin/request-key'].some((program) => existsSync(host.at(program)))) {
      findings.push(
        warning(
          'there is no /sbin/request-key: programs that ask the kernel for a grid credential get none',
          'apt install keyutils',
        ),
      );
    }
    return problemsOr(findings, () => ok(`${release}, with cgroup v2 and keyrings`));
  },
};

function readIf(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}
