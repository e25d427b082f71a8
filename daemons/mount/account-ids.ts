/** Ids as XtreemFS's own clients name them: accounts and groups of this host by their names, others by their numbers. */
import { readFileSync, statSync } from 'node:fs';
import type { CallUser } from '@xtreemos/rpc';
import type { VolumeIds } from './volume-ids.ts';

export interface AccountFiles {
  /** `/etc/passwd` and `/etc/group`, or what is as they are. */
  readonly passwd: string;
  readonly group: string;
  readonly monotonicMs: () => number;
}

interface Names {
  readonly nameOf: (id: number | string) => string | undefined;
  readonly idOf: (name: string) => number | undefined;
}

const lookMs = 1000;

/** @param ids for everybody who has no account in the files */
export function createAccountIds(ids: VolumeIds, { passwd, group, monotonicMs }: AccountFiles): VolumeIds {
  const users = openNames(passwd, monotonicMs);
  const groups = openNames(group, monotonicMs);
  /** Callers are the same object as long as they are the same: their headers are kept. */
  const named = new WeakMap<CallUser, CallUser>();
  return {
    callerOf(process) {
      const caller = ids.callerOf(process);
      const known = named.get(caller);
      if (known !== undefined) return known;
      const user = {
        name: users.nameOf(caller.name) ?? caller.name,
        groups: caller.groups.map((name) => groups.nameOf(name) ?? name),
      };
      named.set(caller, user);
      return user;
    },
    uidOf: (owner) => users.idOf(owner) ?? ids.uidOf(owner),
    gidOf: (name) => groups.idOf(name) ?? ids.gidOf(name),
    ownerOf: (uid) => users.nameOf(uid) ?? ids.ownerOf(uid),
    groupOf: (gid) => groups.nameOf(gid) ?? ids.groupOf(gid),
  };
}

/** Of lines `name:password:id:...`; of several names of one id the first counts. Read again when the file was replaced. */
function openNames(file: string, monotonicMs: () => number): Names {
  let names = new Map<string, string>();
  let ids = new Map<string, number>();
  let version = '';
  let lookedMs = Number.NEGATIVE_INFINITY;

  function look(): void {
    if (monotonicMs() - lookedMs < lookMs) return;
    lookedMs = monotonicMs();
    const { mtimeNs, ino } = statSync(file, { bigint: true });
    if (version === `${ino} ${mtimeNs}`) return;
    version = `${ino} ${mtimeNs}`;
    const lines = readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.split(':'));
    const pairs = lines.flatMap(([name, , id]) =>
      name !== undefined && id !== undefined && /^\d+$/.test(id) ? [[name, id] as const] : [],
    );
    names = new Map(pairs.toReversed().map(([name, id]) => [id, name]));
    ids = new Map(pairs.toReversed().map(([name, id]) => [name, Number(id)]));
  }

  return {
    nameOf(id) {
      look();
      return names.get(String(id));
    },
    idOf(name) {
      look();
      return ids.get(name);
    },
  };
}
