import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readNssMap } from '@xtreemos/module-protocol';
import type { Check } from '../check.ts';
import type { ExaminedHost } from '../examined-host.ts';
import { type Finding, failure, notInstalled, ok, problemsOr, warning } from '../finding.ts';
import { loadProblems } from '../loadable.ts';

const edit = 'in /etc/nsswitch.conf: "passwd: files xos systemd", and the same for group';

/** The name service: without `xos` no grid name resolves; in front of `files` it could shadow local people. */
export const nss: Check = {
  name: 'nss',
  about:
    'nsswitch.conf (files xos systemd), that libnss_xos.so.2 is there and loads, and that a name resolves',
  examine: async (host) => {
    const { accounts, nssModule } = host.parts;
    if (!accounts && nssModule === undefined) return [notInstalled('libnss-xtreemos')];
    const findings = [...order(host)];
    if (nssModule === undefined) {
      findings.push(
        failure('libnss_xos.so.2 is not installed: grid names do not resolve', 'apt install libnss-xtreemos'),
      );
    } else {
      findings.push(...(await loadProblems(host, nssModule, 'libnss-xtreemos')));
      if (findings.length === 0) findings.push(...(await resolves(host)));
    }
    return problemsOr(findings, () => ok('passwd and group ask files before xos; the module loads'));
  },
};

function order(host: ExaminedHost): readonly Finding[] {
  const file = host.at('/etc/nsswitch.conf');
  if (!existsSync(file)) return [failure(`${file} is missing`, edit)];
  const lines = readFileSync(file, 'utf8').split('\n');
  return ['passwd', 'group'].flatMap((database) => {
    const line = lines.find((candidate) => candidate.trimStart().startsWith(`${database}:`));
    const sources = (line ?? '')
      .replace(/^[^:]*:/, '')
      .replace(/#.*/, '')
      .replace(/\[[^\]]*\]/g, ' ')
      .split(/\s+/)
      .filter((word) => word !== '');
    return judgeOrder(database, sources);
  });
}

function judgeOrder(database: string, sources: readonly string[]): readonly Finding[] {
  const at = sources.indexOf('xos');
  if (at < 0)
    return [failure(`nsswitch.conf: ${database} does not ask xos: grid names do not resolve`, edit)];
  const findings: Finding[] = [];
  const local = Math.max(sources.indexOf('files'), sources.indexOf('compat'));
  if (local < 0 || local > at) {
    findings.push(failure(`nsswitch.conf: ${database} asks xos before the local files`, edit));
  }
  const behind = sources.indexOf('systemd');
  if (behind >= 0 && behind < at) {
    findings.push(
      warning(
        `nsswitch.conf: ${database} asks systemd before xos: grid names wait for every userdb service`,
        edit,
      ),
    );
  }
  return findings;
}

/** The whole way of a look-up, with a name that the map has. */
async function resolves(host: ExaminedHost): Promise<readonly Finding[]> {
  const file = join(host.paths.runDirectory, 'nss', 'accounts.map');
  if (!existsSync(file)) return [];
  let known: { readonly name: string; readonly uid: number } | undefined;
  try {
    [known] = readNssMap(readFileSync(file)).passwd;
  } catch {
    return []; // the map check says what is wrong with it
  }
  if (known === undefined) return [];
  const { status, stdout } = await host.run('getent', ['passwd', known.name]);
  const uid = Number(stdout.split(':')[2]);
  if (status === 0 && uid === known.uid) return [];
  return [
    failure(
      status === 0
        ? `getent passwd ${known.name} gives uid ${uid}, not ${known.uid}: somebody local has this name`
        : `getent passwd ${known.name} finds nobody, although the map has the name`,
      status === 0 ? `getent -s files passwd ${known.name}; rename the local user` : edit,
    ),
  ];
}
