import {
  isGroupName,
  isLoginName,
  MEMBERS_MAX,
  type NssMapContent,
  type NssMapGroup,
  type NssMapPasswd,
} from '@xtreemos/module-protocol';
import type { Assignment } from './account-records.ts';
import type { AccountStore } from './account-store.ts';
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

/** Everything that resolves on this host, for `writeNssMap`. */
export function nssMapContent(store: AccountStore, look: AccountLook, generation: number): NssMapContent {
  const passwd: NssMapPasswd[] = [];
  const groups: NssMapGroup[] = [];
  for (const { vo, alias } of store.vos()) {
    const gids = new Map(store.groups(vo).map(({ path, gid }) => [path, gid]));
    const members = new Map<string, string[]>([...gids.keys()].map((path) => [path, []]));
    const fqans = new Map(store.membersOf(vo).map((member) => [member.user, member.fqans]));
    for (const assignment of store.assignments(vo)) {
      if (!isLoginName(assignment.login)) continue;
      const named = new Set([EVERYONE, ...groupPaths(vo, fqans.get(assignment.user) ?? [])]);
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
