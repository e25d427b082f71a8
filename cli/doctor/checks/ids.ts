import { existsSync, readFileSync } from 'node:fs';
import { defineConfiguration, kind, loadConfiguration } from '@xtreemos/base';
import { GID_MAX, GID_MIN, UID_MAX, UID_MIN } from '@xtreemos/module-protocol';
import type { Check } from '../check.ts';
import type { ExaminedHost } from '../examined-host.ts';
import { type Finding, failure, notInstalled, ok, problemsOr } from '../finding.ts';

/** The ranges alone; xos-accounts judges the rest of its configuration itself. */
const rangeSchema = defineConfiguration({
  Accounts: {
    FirstUserId: kind.integer(UID_MIN),
    LastUserId: kind.integer(UID_MAX),
    FirstGroupId: kind.integer(GID_MIN),
    LastGroupId: kind.integer(GID_MAX),
  },
});

interface Range {
  readonly first: number;
  readonly last: number;
}

/** Ids of grid users and VO groups are nobody else's: files would change hands. */
export const ids: Check = {
  name: 'ids',
  about:
    'that no local account, group, subuid or subgid lies in the range of grid ids, and no local name has an @',
  examine: async (host) => {
    if (!host.parts.accounts) return [notInstalled('xtreemos-accounts')];
    const { Accounts } = loadConfiguration(rangeSchema, {
      name: 'accounts',
      roots: host.paths.configurationRoots,
    }).value;
    const users = { first: Accounts.FirstUserId, last: Accounts.LastUserId };
    const groups = { first: Accounts.FirstGroupId, last: Accounts.LastGroupId };
    const findings = [
      ...taken(host, '/etc/passwd', [users], 'user'),
      ...taken(host, '/etc/group', [users, groups], 'group'),
      ...delegated(host, '/etc/subuid', [users]),
      ...delegated(host, '/etc/subgid', [users, groups]),
    ];
    return problemsOr(findings, () =>
      ok(`${users.first}-${users.last} and ${groups.first}-${groups.last} are free`),
    );
  },
};

const configure =
  'or choose other ranges in /etc/xtreemos/accounts.conf (FirstUserId=, LastUserId=, ...) before the first login';

function rows(host: ExaminedHost, file: string): readonly (readonly string[])[] {
  const path = host.at(file);
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(':'));
}

function taken(host: ExaminedHost, file: string, ranges: readonly Range[], what: string): readonly Finding[] {
  return rows(host, file).flatMap(([name = '', , text = '']) => {
    const id = Number(text);
    const findings: Finding[] = [];
    if (text !== '' && ranges.some(({ first, last }) => id >= first && id <= last)) {
      findings.push(
        failure(
          `${file}: the ${what} ${name} has id ${id}, which is a grid id`,
          `give ${name} another id, ${configure}`,
        ),
      );
    }
    if (name.includes('@')) {
      findings.push(
        failure(`${file}: the ${what} ${name} has the form of a grid name and hides it`, `rename ${name}`),
      );
    }
    return findings;
  });
}

/** subuid(5): name:first:count */
function delegated(host: ExaminedHost, file: string, ranges: readonly Range[]): readonly Finding[] {
  return rows(host, file).flatMap(([name = '', from = '', count = '']) => {
    const own = { first: Number(from), last: Number(from) + Number(count) - 1 };
    if (!ranges.some(({ first, last }) => own.first <= last && own.last >= first)) return [];
    return [
      failure(
        `${file}: ${name} may use ${own.first}-${own.last} in containers, which are grid ids`,
        `give ${name} another range in ${file}, ${configure}`,
      ),
    ];
  });
}
