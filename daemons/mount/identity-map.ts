/** Names of the grid and ids of this host, both ways, as xos-accounts publishes them for NSS. */
import { readFileSync, statSync } from 'node:fs';
import { type NssMapContent, readNssMap } from '@xtreemos/module-protocol';

/** Who is nobody here. */
export const nobodyId = 65_534;

export interface IdentityMap {
  /** `user@vo`; undefined when the uid is no grid user's. */
  userOf(uid: number): string | undefined;
  /** `user@vo` for his own group, `/vo/group` for a group of a VO. */
  groupOf(gid: number): string | undefined;
  uidOf(user: string): number | undefined;
  gidOf(group: string): number | undefined;
  /** Groups of a user beside his own. */
  groupsOf(uid: number): readonly string[];
}

interface Tables {
  readonly userByUid: ReadonlyMap<number, string>;
  readonly uidByUser: ReadonlyMap<string, number>;
  readonly groupByGid: ReadonlyMap<number, string>;
  readonly gidByGroup: ReadonlyMap<string, number>;
  readonly gidsByUid: ReadonlyMap<number, readonly number[]>;
}

/** @param content of the NSS map: names are `user@alias` and `group.subgroup@alias`, gecos is `user@vo` */
export function identityTables({ passwd, groups }: Pick<NssMapContent, 'passwd' | 'groups'>): Tables {
  const voByAlias = new Map<string, string>();
  const userByUid = new Map<number, string>();
  const groupByGid = new Map<number, string>();
  const gidsByUid = new Map<number, readonly number[]>();
  for (const { name, uid, gid, gecos, groups: gids } of passwd) {
    const vo = gecos.slice(gecos.lastIndexOf('@') + 1);
    voByAlias.set(name.slice(name.lastIndexOf('@') + 1), vo);
    userByUid.set(uid, gecos);
    if (gid === uid) groupByGid.set(gid, gecos);
    gidsByUid.set(uid, gids);
  }
  for (const { name, gid } of groups) {
    const at = name.lastIndexOf('@');
    const vo = voByAlias.get(name.slice(at + 1));
    if (vo === undefined) continue;
    const path = name.slice(0, at);
    groupByGid.set(gid, path === 'members' ? `/${vo}` : `/${vo}/${path.replaceAll('.', '/')}`);
  }
  const turned = <Key, Value>(map: ReadonlyMap<Key, Value>) =>
    new Map([...map].map(([key, value]) => [value, key] as const));
  return { userByUid, uidByUser: turned(userByUid), groupByGid, gidByGroup: turned(groupByGid), gidsByUid };
}

/** How often the file is looked at. */
const lookMs = 1000;

/** Reads the map again when it was replaced. Without one no id is anybody's in the grid. */
export function openIdentityMap(file: string, monotonicMs: () => number): IdentityMap {
  let tables = identityTables({ passwd: [], groups: [] });
  let version = '';
  let lookedMs = Number.NEGATIVE_INFINITY;

  function current(): Tables {
    if (monotonicMs() - lookedMs < lookMs) return tables;
    lookedMs = monotonicMs();
    try {
      const { mtimeNs, ino } = statSync(file, { bigint: true });
      const found = `${ino} ${mtimeNs}`;
      if (found === version) return tables;
      tables = identityTables(readNssMap(readFileSync(file)));
      version = found;
    } catch {
      // It is made when xos-accounts starts, and what was known goes on to count.
    }
    return tables;
  }

  return {
    userOf: (uid) => current().userByUid.get(uid),
    groupOf: (gid) => current().groupByGid.get(gid),
    uidOf: (user) => current().uidByUser.get(user),
    gidOf: (group) => current().gidByGroup.get(group.replace(/\/Role=[^/]*$/, '')),
    groupsOf(uid) {
      const { gidsByUid, groupByGid } = current();
      return (gidsByUid.get(uid) ?? []).flatMap((gid) => groupByGid.get(gid) ?? []);
    },
  };
}
