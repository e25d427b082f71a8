import { readFileSync } from 'node:fs';

/** One line of passwd(5). */
export interface LocalAccount {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
}

/** The host's own users and groups, as its files have them now. */
export interface LocalAccounts {
  readonly byName: ReadonlyMap<string, LocalAccount>;
  readonly uids: ReadonlySet<number>;
  readonly gids: ReadonlySet<number>;
  readonly groupNames: ReadonlySet<string>;
}

export const noLocalAccounts: LocalAccounts = {
  byName: new Map(),
  uids: new Set(),
  gids: new Set(),
  groupNames: new Set(),
};

/** Reads passwd(5) and group(5) files; lines that are damaged or compat entries (+, -) count as absent. */
export function readLocalAccounts(passwdFile: string, groupFile: string): LocalAccounts {
  const byName = new Map<string, LocalAccount>();
  const uids = new Set<number>();
  for (const [name = '', , uidText = '', gidText = '', , home = '', shell = ''] of entries(passwdFile)) {
    const uid = parseId(uidText);
    const gid = parseId(gidText);
    if (name === '' || uid === undefined || gid === undefined) continue;
    uids.add(uid);
    // The first entry of a name is the one that getpwnam(3) answers.
    if (!byName.has(name)) byName.set(name, { name, uid, gid, home, shell });
  }
  const gids = new Set<number>();
  const groupNames = new Set<string>();
  for (const [name = '', , gidText = ''] of entries(groupFile)) {
    const gid = parseId(gidText);
    if (name === '' || gid === undefined) continue;
    gids.add(gid);
    groupNames.add(name);
  }
  return { byName, uids, gids, groupNames };
}

function entries(file: string): string[][] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !/^[#+-]/.test(line))
    .map((line) => line.split(':'));
}

function parseId(text: string): number | undefined {
  return /^\d{1,10}$/.test(text) && Number(text) < 2 ** 32 - 1 ? Number(text) : undefined;
}
