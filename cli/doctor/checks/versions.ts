import { existsSync, statSync } from 'node:fs';
import type { Check } from '../check.ts';
import type { ExaminedHost } from '../examined-host.ts';
import { type Finding, ok, problemsOr, unchecked, warning } from '../finding.ts';
import { unitStates } from '../unit-state.ts';

/** Packages of one version, and daemons that run what is installed. */
export const versions: Check = {
  name: 'versions',
  about: 'that all packages have one version, and each daemon runs the version installed',
  examine: async (host) => {
    const [packages, stale, others] = await Promise.all([
      installedPackages(host),
      staleDaemons(host),
      otherServices(host),
    ]);
    const different = [...new Set(packages.map(({ version }) => version))];
    const findings: Finding[] = [];
    if (different.length > 1) {
      const list = packages.map(({ name, version }) => `${name} ${version}`).join(', ');
      findings.push(
        warning(
          `packages of different versions: ${list}`,
          'apt install the same version of all (dnf upgrade)',
        ),
      );
    }
    findings.push(...stale, ...others);
    if (packages.length === 0 && findings.length === 0) {
      return [unchecked(`xos ${host.version} does not run from a package`)];
    }
    return problemsOr(findings, () =>
      ok(`${packages.length} packages of version ${different[0] ?? host.version}`),
    );
  },
};

interface InstalledPackage {
  readonly name: string;
  readonly version: string;
}

async function installedPackages(host: ExaminedHost): Promise<readonly InstalledPackage[]> {
  const patterns = ['xtreemos-*', 'libnss-xtreemos', 'libpam-xtreemos'];
  const debian = await host.run('dpkg-query', [
    '--show',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own
    '--showformat=${db:Status-Abbrev}|${Package}|${Version}\n',
    ...patterns,
  ]);
  const lines = debian.stdout.split('\n').filter((line) => line.startsWith('ii'));
  if (lines.length > 0) {
    return lines.map((line) => {
      const [, name = '', version = ''] = line.split('|');
      return { name, version };
    });
  }
  const rpm = await host.run('rpm', [
    '--query',
    '--all',
    '--queryformat=%{NAME}|%{VERSION}-%{RELEASE}\n',
    ...patterns,
  ]);
  return rpm.stdout
    .split('\n')
    .filter((line) => line.includes('|'))
    .map((line) => {
      const [name = '', version = ''] = line.split('|');
      return { name, version };
    });
}

/** The time at which a package put a file in place is its ctime: archives set only mtime. */
async function staleDaemons(host: ExaminedHost): Promise<readonly Finding[]> {
  if (!host.parts.systemd) return [];
  const daemons = ['accounts', 'helper', 'vo'].filter((daemon) =>
    existsSync(host.at(`/usr/lib/xtreemos/daemons/${daemon}.js`)),
  );
  if (daemons.length === 0) return [];
  const states = await unitStates(
    host,
    daemons.map((daemon) => `xos-${daemon}.service`),
  );
  return daemons.flatMap((daemon) => {
    const startedAtMs = states?.get(`xos-${daemon}.service`)?.startedAtMs;
    const installedAtMs = statSync(host.at(`/usr/lib/xtreemos/daemons/${daemon}.js`)).ctimeMs;
    // The unit's moment has whole seconds.
    if (startedAtMs === undefined || installedAtMs < startedAtMs + 1000) return [];
    return [
      warning(`xos-${daemon} runs since before its package was installed`, `systemctl restart xos-${daemon}`),
    ];
  });
}

/** Older nodes work with a newer service; the other way round, new calls are missing. */
async function otherServices(host: ExaminedHost): Promise<readonly Finding[]> {
  const answers = await Promise.all(
    host.vos.map(async (record) => {
      try {
        return { vo: record.vo, version: (await host.askService(record)).version };
      } catch {
        return undefined; // the service check says why
      }
    }),
  );
  return answers.flatMap((answer) => {
    if (answer === undefined || release(answer.version) === release(host.version)) return [];
    return [
      warning(
        `the service of ${answer.vo} runs ${answer.version}, this host ${host.version}`,
        'upgrade the head node first, then the nodes',
      ),
    ];
  });
}

/** `0.1.0` of `0.1.0~git20261125.abcdef12`. */
const release = (version: string): string => version.split(/[~+-]/, 1)[0] ?? version;
