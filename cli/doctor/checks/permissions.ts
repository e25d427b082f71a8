import { globSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { localGid, localUid } from '../../node/local-account.ts';
import type { Check } from '../check.ts';
import type { ExaminedHost } from '../examined-host.ts';
import { type Finding, failure, notInstalled, ok, problemsOr, unchecked } from '../finding.ts';

/** What a path of ours may be. Key files are the certificates check's. */
interface Rule {
  readonly path: string;
  readonly owner: string;
  /** Root's group where absent; `any` for files whose group has no say. */
  readonly group?: string;
  readonly mode: number;
}

function rules(host: ExaminedHost): readonly Rule[] {
  const { configurationDirectory, stateDirectory, runDirectory, gridSecurityDirectory } = host.paths;
  const configured = (name: string): string => join(configurationDirectory, name);
  const run = (name: string): string => join(runDirectory, name);
  const accounts = join(stateDirectory, 'accounts');
  const vo = join(stateDirectory, 'vo');
  const root = (path: string, mode: number): Rule => ({ path, owner: 'root', mode });
  return [
    ...['', 'vo.d', 'host', 'ssh'].map((name) => root(configured(name), 0o755)),
    root(gridSecurityDirectory, 0o755),
    root(host.paths.sshUserCaFile, 0o644),
    ...globSync(`${host.paths.voDirectory}/*.conf`).map((path) => root(path, 0o644)),
    ...globSync(`${gridSecurityDirectory}/*.{0,signing_policy}`).map((path) => root(path, 0o644)),
    root(stateDirectory, 0o755),
    { path: accounts, owner: 'xos-accounts', group: 'xos-accounts', mode: 0o755 },
    { path: join(accounts, 'accounts.db'), owner: 'xos-accounts', group: 'xos-accounts', mode: 0o600 },
    { path: join(accounts, 'crls'), owner: 'xos-accounts', group: 'xos-accounts', mode: 0o755 },
    { path: vo, owner: 'xos-vo', group: 'xos-vo', mode: 0o700 },
    { path: join(vo, 'keys'), owner: 'xos-vo', group: 'xos-vo', mode: 0o700 },
    { path: join(vo, 'vo.db'), owner: 'xos-vo', group: 'xos-vo', mode: 0o600 },
    root(run(''), 0o755),
    root(run('nss'), 0o755),
    root(run('nss/accounts.map'), 0o644),
    root(run('session'), 0o711),
    { path: run('accounts'), owner: 'xos-accounts', group: 'xos-accounts', mode: 0o755 },
    { path: run('accounts/nss.sock'), owner: 'any', group: 'any', mode: 0o666 },
    { path: run('accounts/pam.sock'), owner: 'any', group: 'any', mode: 0o666 },
    { path: run('helper/helper.sock'), owner: 'root', group: 'xos-accounts', mode: 0o660 },
  ];
}

/** Owners and modes of docs/architecture.md, "Files". */
export const permissions: Check = {
  name: 'permissions',
  about: 'owners and modes of configuration, trust anchors, state and sockets',
  examine: async (host) => {
    if (!host.parts.accounts && !host.parts.vo && host.vos.length === 0) {
      return [notInstalled('a daemon of ours')];
    }
    const found = rules(host).map((rule) => ({ rule, findings: judge(host, rule) }));
    const seen = found.filter(({ findings }) => findings !== undefined).length;
    if (seen === 0) return [unchecked('no daemon has kept anything here yet')];
    return problemsOr(
      found.flatMap(({ findings }) => findings ?? []),
      () => ok(`${seen} paths have the owners and modes that they should`),
    );
  },
};

/** undefined where there is nothing at the path. */
function judge(host: ExaminedHost, rule: Rule): readonly Finding[] | undefined {
  let status: Stats;
  try {
    status = statSync(rule.path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES') return [unchecked(`${rule.path}: needs root`)];
    return undefined;
  }
  const wrong: string[] = [];
  const mend: string[] = [];
  const group = rule.group ?? 'root';
  const wantedUid = idOf(rule.owner, (name) => localUid(host.paths.passwdFile, name));
  const wantedGid = idOf(group, (name) => localGid(host.paths.groupFile, name));
  if (wantedUid !== undefined && status.uid !== wantedUid) {
    wrong.push(`belongs to uid ${status.uid}, not to ${rule.owner}`);
    mend.push(`chown ${rule.owner} ${rule.path}`);
  }
  const mode = status.mode & 0o7777;
  // A group that has no more rights than everybody may be any.
  const groupMatters = ((rule.mode >> 3) & 7) !== (rule.mode & 7) || (mode & 0o020) !== 0;
  if (groupMatters && wantedGid !== undefined && status.gid !== wantedGid) {
    wrong.push(`has group ${status.gid}, not ${group}`);
    mend.push(`chgrp ${group} ${rule.path}`);
  }
  if (mode !== rule.mode) {
    wrong.push(`has mode ${octal(mode)}, not ${octal(rule.mode)}`);
    mend.push(`chmod ${octal(rule.mode)} ${rule.path}`);
  }
  return wrong.length === 0 ? [] : [failure(`${rule.path} ${wrong.join(' and ')}`, mend.join(' && '))];
}

const octal = (mode: number): string => mode.toString(8).padStart(4, '0');

function idOf(name: string, find: (name: string) => number | undefined): number | undefined {
  return name === 'root' ? 0 : name === 'any' ? undefined : find(name);
}
