import type { AccountReader, Row } from './account-connection.ts';
import {
  type Assignment,
  assignmentFromRow,
  type GroupRecord,
  type MemberRecord,
  memberFromRow,
} from './account-records.ts';
import { firstFreeId, type IdRange, preferredGid, preferredUid } from './id-assignment.ts';
import type { Steps } from './in-turns.ts';
import type { LocalAccount, LocalAccounts } from './local-accounts.ts';
import { type MappingRules, mappingFor } from './mapping-rules.ts';
import { EVERYONE, GROUP_COMPONENT, groupName, groupPaths, LOGIN_NAME_BYTES } from './member-names.ts';
import type { VerifiedMembership } from './membership-application.ts';
import { poolAccounts } from './pool-accounts.ts';

/** What this site decides about accounts, at one moment. */
export interface MembershipRules {
  readonly mapping: MappingRules;
  readonly userRange: IdRange;
  readonly groupRange: IdRange;
  readonly local: LocalAccounts;
  readonly nowMs: number;
  /** How long names and ids of those who left stay reserved. */
  readonly tombstoneMs: number;
  /** How long a local account (pool, static) rests before the next member gets it. */
  readonly localQuarantineMs: number;
}

/** Ids that a name service of this host knows, other than ours and the local files. */
export interface ForeignIds {
  readonly uids: ReadonlySet<number>;
  readonly gids: ReadonlySet<number>;
}

/** What has to be written so that the store agrees with a list; empty arrays when it does. */
export interface MembershipPlan {
  readonly changedMembers: readonly MemberRecord[];
  readonly goneMembers: readonly MemberRecord[];
  readonly newAssignments: readonly Assignment[];
  readonly endedAssignments: readonly { readonly assignment: Assignment; readonly reason: string }[];
  readonly newGroups: readonly GroupRecord[];
  readonly goneGroups: readonly GroupRecord[];
  readonly aliasChanged: boolean;
  readonly visible: boolean;
}

type Account = Omit<Assignment, 'vo' | 'user' | 'guid' | 'login'>;
type Choice = { readonly account: Account } | { readonly refusal: string };

/** Compares a list with the store; reads only. `database` shows one state of it until the steps are done. */
export function* planMembership(
  database: AccountReader,
  membership: VerifiedMembership,
  rules: MembershipRules,
  foreign: ForeignIds,
): Steps<MembershipPlan> {
  const { vo, alias } = membership;
  const known = yield* byUser(database.each('SELECT * FROM member WHERE vo = ?', vo), memberFromRow);
  const assigned = yield* byUser(
    database.each('SELECT * FROM assignment WHERE vo = ?', vo),
    assignmentFromRow,
  );
  const choose = new AccountChoice(database, rules, foreign, vo);
  const changedMembers: MemberRecord[] = [];
  const newAssignments: Assignment[] = [];
  const endedAssignments: { assignment: Assignment; reason: string }[] = [];
  const replaced: MemberRecord[] = [];
  const listed = new Set<string>();
  let namesChanged = false;

  for (const member of membership.members) {
    if (listed.has(member.user)) continue;
    listed.add(member.user);
    yield;
    const present = assigned.get(member.user);
    const samePerson = present !== undefined && present.guid === member.guid;
    const choice = choose.accountFor(member, alias, samePerson ? present : undefined, present);
    if ('refusal' in choice) {
      if (present !== undefined) endedAssignments.push({ assignment: present, reason: choice.refusal });
    } else if (!samePerson || !sameAccount(present, choice.account)) {
      if (present !== undefined)
        endedAssignments.push({ assignment: present, reason: 'mapping.conf gives another account' });
      newAssignments.push({
        vo,
        user: member.user,
        guid: member.guid,
        login: `${member.user}@${alias}`,
        ...choice.account,
      });
    }
    const record: MemberRecord = {
      ...member,
      vo,
      ...('refusal' in choice ? { refusal: choice.refusal } : {}),
    };
    const before = known.get(member.user);
    // The name went to another person: the one before gets a tombstone, like anyone who left.
    if (before !== undefined && before.guid !== member.guid) replaced.push(before);
    if (before === undefined || !sameMember(before, record)) {
      changedMembers.push(record);
      namesChanged ||= before?.fqans.join() !== record.fqans.join();
    }
  }
  const goneMembers = [...replaced, ...[...known.values()].filter(({ user }) => !listed.has(user))];
  for (const [user, assignment] of assigned) {
    if (!listed.has(user)) endedAssignments.push({ assignment, reason: 'the membership ended' });
  }
  const groups = yield* planGroups(database, membership, rules, foreign);
  const aliasBefore = database.get('SELECT alias FROM vo WHERE vo = ?', vo)?.['alias'];
  const aliasChanged = aliasBefore !== undefined && aliasBefore !== alias;
  return {
    changedMembers,
    goneMembers,
    newAssignments,
    endedAssignments,
    ...groups,
    aliasChanged,
    visible:
      aliasChanged ||
      namesChanged ||
      newAssignments.length + endedAssignments.length + groups.newGroups.length + groups.goneGroups.length >
        0,
  };
}

/** Chooses accounts of one plan; remembers what it gave away, since nothing is written yet. */
class AccountChoice {
  readonly #database: AccountReader;
  readonly #rules: MembershipRules;
  readonly #foreign: ForeignIds;
  readonly #given = new Set<number>();
  /** Owner's GUID by `user@vo` of names that rest. */
  readonly #restingNames: ReadonlyMap<string, string>;
  /** What of the VO's uids rests, by user. */
  readonly #restingUids: ReadonlyMap<string, readonly { readonly uid: number; readonly guid: string }[]>;
  #stored: ReadonlySet<number> | undefined;

  constructor(database: AccountReader, rules: MembershipRules, foreign: ForeignIds, vo: string) {
    this.#database = database;
    this.#rules = rules;
    this.#foreign = foreign;
    const resting = database.all('SELECT kind, value, owner, guid FROM tombstone WHERE vo = ?', vo);
    this.#restingNames = new Map(
      resting
        .filter((row) => row['kind'] === 'name')
        .map((row) => [String(row['value']), String(row['guid'])]),
    );
    const uids = new Map<string, { uid: number; guid: string }[]>();
    for (const row of resting) {
      if (row['kind'] !== 'uid') continue;
      const owner = String(row['owner']);
      uids.set(owner, [...(uids.get(owner) ?? []), { uid: Number(row['value']), guid: String(row['guid']) }]);
    }
    this.#restingUids = uids;
  }

  /** `present` is the member's own account, `holder` whoever's the name is now. */
  accountFor(
    member: MemberRecord,
    alias: string,
    present: Assignment | undefined,
    holder: Assignment | undefined,
  ): Choice {
    const login = `${member.user}@${alias}`;
    if (Buffer.byteLength(login) > LOGIN_NAME_BYTES) {
      return { refusal: `the login name ${login} is longer than ${LOGIN_NAME_BYTES} bytes` };
    }
    if (member.user === EVERYONE)
      return { refusal: `the name ${EVERYONE} is that of the group of all members` };
    if (this.#rules.local.byName.has(login)) return { refusal: `${login} is a local user of this host` };
    if (present === undefined) {
      const owner = this.#ownerOfName(member, holder);
      if (owner !== undefined)
        return { refusal: `the name ${member.user} was another person's (${owner}) until lately` };
    }
    const mapping = mappingFor(this.#rules.mapping, member);
    switch (mapping.kind) {
      case 'refuse':
        return { refusal: mapping.reason };
      case 'static':
        return this.#staticAccount(mapping.localName, present);
      case 'pool':
        return this.#poolAccount(mapping.prefix, present);
      case 'dynamic':
        return this.#dynamicAccount(member, present);
    }
  }

  #staticAccount(localName: string, present: Assignment | undefined): Choice {
    const account = this.#rules.local.byName.get(localName);
    if (account === undefined) {
      return { refusal: `mapping.conf names the local account ${localName}, which does not exist` };
    }
    const unfit = unfitLocalAccount(account, this.#rules);
    if (unfit !== undefined) return { refusal: unfit };
    if (present?.uid !== account.uid && this.#isTaken(account.uid)) {
      return { refusal: `the local account ${localName} is another member's, or rests after its last one` };
    }
    return this.#give('static', account);
  }

  #poolAccount(prefix: string, present: Assignment | undefined): Choice {
    const { local } = this.#rules;
    if (present?.kind === 'pool' && isOfPool(present.localName, prefix)) {
      const account = local.byName.get(present.localName);
      if (account?.uid === present.uid) return this.#give('pool', account);
    }
    const account = poolAccounts(local, prefix).find(
      (candidate) => unfitLocalAccount(candidate, this.#rules) === undefined && !this.#isTaken(candidate.uid),
    );
    return account === undefined
      ? { refusal: `no account of the pool ${prefix} is free and fit` }
      : this.#give('pool', account);
  }

  #give(kind: 'static' | 'pool', { name, uid, gid, home, shell }: LocalAccount): Choice {
    this.#given.add(uid);
    return { account: { kind, localName: name, uid, gid, home, shell } };
  }

  #dynamicAccount(member: MemberRecord, present: Assignment | undefined): Choice {
    if (present?.kind === 'dynamic')
      return { account: { kind: 'dynamic', localName: '', uid: present.uid, gid: present.gid } };
    const { userRange, local } = this.#rules;
    const isForeign = (id: number) =>
      local.uids.has(id) || local.gids.has(id) || this.#foreign.uids.has(id) || this.#foreign.gids.has(id);
    const former = this.#formerUid(member);
    const uid =
      former !== undefined && !isForeign(former)
        ? former
        : firstFreeId(
            userRange,
            preferredUid(userRange, member.vo, member.user),
            (id) => isForeign(id) || this.#isTaken(id),
          );
    if (uid === undefined) return { refusal: `no free uid is left in ${userRange.first}-${userRange.last}` };
    this.#given.add(uid);
    return { account: { kind: 'dynamic', localName: '', uid, gid: uid } };
  }

  /** The uid that the same person had here before, if it still rests. */
  #formerUid(member: MemberRecord): number | undefined {
    const { first, last } = this.#rules.userRange;
    const former = this.#restingUids.get(member.user)?.find(
      // A rested pool account is a local account: it never becomes somebody's dynamic one.
      ({ uid, guid }) =>
        guid === member.guid && uid >= first && uid <= last && !this.#rules.local.uids.has(uid),
    );
    return former?.uid;
  }

  #ownerOfName(member: MemberRecord, holder: Assignment | undefined): string | undefined {
    const guid = this.#restingNames.get(`${member.user}@${member.vo}`) ?? holder?.guid;
    return guid !== undefined && guid !== member.guid ? guid : undefined;
  }

  /** Given in this plan, assigned, resting, or still being cleaned of its last user. */
  #isTaken(uid: number): boolean {
    this.#stored ??= this.#storedUids();
    return this.#given.has(uid) || this.#stored.has(uid);
  }

  /** Read once per plan that needs it: 10,000 new members would otherwise ask three tables each. */
  #storedUids(): ReadonlySet<number> {
    const rows = this.#database.all(
      `SELECT uid FROM assignment UNION SELECT uid FROM lease
       UNION SELECT CAST(value AS INTEGER) FROM tombstone WHERE kind = 'uid'`,
    );
    return new Set(rows.map((row) => Number(row['uid'])));
  }
}

function* byUser<Item>(rows: Iterable<Row>, fromRow: (row: Row) => Item): Steps<Map<string, Item>> {
  const items = new Map<string, Item>();
  for (const row of rows) {
    items.set(String(row['user']), fromRow(row));
    yield;
  }
  return items;
}

function* planGroups(
  database: AccountReader,
  membership: VerifiedMembership,
  rules: MembershipRules,
  foreign: ForeignIds,
): Steps<Pick<MembershipPlan, 'newGroups' | 'goneGroups'>> {
  const { vo, alias } = membership;
  const present = new Map(
    database
      .all('SELECT path, gid FROM vo_group WHERE vo = ?', vo)
      .map((row) => [String(row['path']), Number(row['gid'])] as const),
  );
  const wanted = new Set(membership.members.length > 0 ? [EVERYONE] : []);
  const users = new Set(membership.members.map(({ user }) => user));
  for (const member of membership.members) {
    yield;
    for (const path of groupPaths(vo, member.fqans)) {
      if (hasNameOfItsOwn(path, users)) wanted.add(path);
    }
  }
  const given = new Set<number>();
  const isTaken = (gid: number) =>
    given.has(gid) ||
    rules.local.gids.has(gid) ||
    foreign.gids.has(gid) ||
    database.get('SELECT 1 AS x FROM vo_group WHERE gid = ?', gid) !== undefined ||
    database.get("SELECT 1 AS x FROM tombstone WHERE kind = 'gid' AND value = ?", String(gid)) !== undefined;
  const newGroups: GroupRecord[] = [];
  for (const path of wanted) {
    if (present.has(path) || rules.local.groupNames.has(groupName(path, alias))) continue;
    const gid =
      formerGid(database, vo, path, rules) ??
      firstFreeId(rules.groupRange, preferredGid(rules.groupRange, vo, path), isTaken);
    if (gid === undefined) continue;
    given.add(gid);
    newGroups.push({ vo, path, gid });
  }
  const goneGroups = [...present]
    .filter(([path]) => !wanted.has(path))
    .map(([path, gid]) => ({ vo, path, gid }));
  return { newGroups, goneGroups };
}

/**
 * Dots join the components of a group's name, so that none may hold one; and a person's private group has the login name.
 * One VO with two groups of one name would leave this host without a map for all of them.
 */
function hasNameOfItsOwn(path: string, users: ReadonlySet<string>): boolean {
  const components = path.split('/');
  return components.every((component) => GROUP_COMPONENT.test(component)) && !users.has(components.join('.'));
}

function formerGid(
  database: AccountReader,
  vo: string,
  path: string,
  rules: MembershipRules,
): number | undefined {
  const row = database.get(
    "SELECT value FROM tombstone WHERE vo = ? AND owner = ? AND kind = 'gid'",
    vo,
    path,
  );
  const gid = row === undefined ? undefined : Number(row['value']);
  return gid !== undefined && !rules.local.gids.has(gid) ? gid : undefined;
}

/**
 * Why a local account cannot be a grid account; undefined when it can. NSS modules and xos-helper touch managed ids only,
 * so that neither a mistake here nor a wrong rule ever hands out root or a person's local account.
 */
function unfitLocalAccount(account: LocalAccount, rules: MembershipRules): string | undefined {
  const { userRange, groupRange } = rules;
  if (account.uid < userRange.first || account.uid > userRange.last) {
    return `the local account ${account.name} has uid ${account.uid}, outside ${userRange.first}-${userRange.last}`;
  }
  const isManagedGroup = account.gid >= groupRange.first && account.gid <= groupRange.last;
  if (account.gid !== account.uid && !isManagedGroup) {
    return `the local account ${account.name} has gid ${account.gid}, neither its uid nor in ${groupRange.first}-${groupRange.last}`;
  }
  return account.home.startsWith('/') && account.shell.startsWith('/')
    ? undefined
    : `the local account ${account.name} has no absolute home and shell`;
}

function isOfPool(localName: string, prefix: string): boolean {
  return localName.startsWith(prefix) && /^\d+$/.test(localName.slice(prefix.length));
}

function sameAccount(present: Assignment, account: Account): boolean {
  return (
    present.kind === account.kind &&
    present.localName === account.localName &&
    present.uid === account.uid &&
    present.gid === account.gid &&
    present.home === account.home &&
    present.shell === account.shell
  );
}

function sameMember(before: MemberRecord, after: MemberRecord): boolean {
  return (
    before.guid === after.guid &&
    before.notAfterMs === after.notAfterMs &&
    before.refusal === after.refusal &&
    before.fqans.length === after.fqans.length &&
    before.fqans.every((fqan, index) => fqan === after.fqans[index])
  );
}
