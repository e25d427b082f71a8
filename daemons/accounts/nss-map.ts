import {
  isGroupName,
  isLoginName,
  MEMBERS_MAX,
  type NssMapContent,
  type NssMapGroup,
  type NssMapPasswd,
} from '@xtreemos/module-protocol';
import type { AccountReader } from './account-connection.ts';
import { type Assignment, assignmentFromRow, groupFromRow, voFromRow } from './account-records.ts';
import type { Steps } from './in-turns.ts';
import { EVERYONE, groupName, groupPaths } from './member-names.ts';

/** How passwd entries of dynamic accounts look at this site. */
export interface AccountLook {
  readonly homeDirectory: string;
  readonly shell: string;
}

/** `/home/<alias>/<user>` for dynamic accounts, the local account's own otherwise. */
export function homeOf(assignment: Assignment, look: AccountLook): string {
  if (assignment.home !== undefined) return assignment.home;
  const alias = assignment.login.slice(assignment.user.length + 1);
  return `${look.homeDirectory}/${alias}/${assignment.user}`;
}

export function shellOf(assignment: Assignment, look: AccountLook): string {
  return assignment.shell ?? look.shell;
}

/** Everything that resolves on this host, for the NSS map. `database` shows one state of it until the steps are done. */
export function* nssMapContent(
  database: AccountReader,
  look: AccountLook,
  generation: number,
): Steps<NssMapContent> {
  const passwd: NssMapPasswd[] = [];
  const groups: NssMapGroup[] = [];
  for (const { vo, alias } of database.all('SELECT * FROM vo ORDER BY vo').map(voFromRow)) {
    const gids = new Map(
      database
        .all('SELECT vo, path, gid FROM vo_group WHERE vo = ? ORDER BY path', vo)
        .map(groupFromRow)
        .map(({ path, gid }) => [path, gid]),
    );
    const members = new Map<string, string[]>([...gids.keys()].map((path) => [path, []]));
    const rows = database.each(
      `SELECT assignment.*, member.fqans FROM assignment
       LEFT JOIN member ON member.vo = assignment.vo AND member.user = assignment.user
       WHERE assignment.vo = ? ORDER BY assignment.user`,
      vo,
    );
    for (const row of rows) {
      yield;
      const assignment = assignmentFromRow(row);
      if (!isLoginName(assignment.login)) continue;
      const fqans = JSON.parse(String(row['fqans'] ?? '[]')) as string[];
      const named = new Set([EVERYONE, ...groupPaths(vo, fqans)]);
      const paths = [...named].filter((path) => gids.has(path));
      for (const path of paths) members.get(path)?.push(assignment.login);
      passwd.push({ ...passwdOf(assignment, look), groups: paths.map((path) => gids.get(path) ?? 0) });
    }
    for (const [path, gid] of gids) {
      const name = groupName(path, alias);
      const logins = members.get(path) ?? [];
      if (isGroupName(name)) groups.push({ name, gid, members: logins.length <= MEMBERS_MAX ? logins : [] });
    }
  }
  return { passwd, groups, generation };
}

export function passwdOf(assignment: Assignment, look: AccountLook): Omit<NssMapPasswd, 'groups'> {
  return {
    name: assignment.login,
    uid: assignment.uid,
    gid: assignment.gid,
    gecos: `${assignment.user}@${assignment.vo}`,
    home: homeOf(assignment, look),
    shell: shellOf(assignment, look),
  };
}
