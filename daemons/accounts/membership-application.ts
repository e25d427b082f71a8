import { XosError } from '@xtreemos/base';
import type { AccountWriter } from './account-connection.ts';
import type { AccountDatabase } from './account-database.ts';
import type { Assignment, MemberRecord } from './account-records.ts';
import type { Steps } from './in-turns.ts';
import {
  type ForeignIds,
  type MembershipPlan,
  type MembershipRules,
  planMembership,
} from './membership-plan.ts';

/** A list whose signature, VO and version were verified. */
export interface VerifiedMembership {
  readonly vo: string;
  readonly alias: string;
  readonly version: number;
  readonly listExpiresAtMs: number;
  readonly members: readonly MemberRecord[];
  /** Decimal serials. */
  readonly revokedSshSerials: readonly string[];
}

export interface MembershipChanges {
  /** Accounts that got a uid now. */
  readonly assigned: readonly Assignment[];
  /** Accounts that are no more, with the reason; their leases are in state `ending` from here on. */
  readonly ended: readonly { readonly assignment: Assignment; readonly reason: string }[];
  /** Members without an account here, and why; only those that are new to this state. */
  readonly refused: readonly MemberRecord[];
  /** Anything that the NSS map shows differs. */
  readonly visible: boolean;
}

/** Found by asking the name services of this host; ids of the local files are known without asking. */
export type ForeignIdQuery = (uids: readonly number[], gids: readonly number[]) => Promise<ForeignIds>;

/**
 * Makes the store agree with a membership list, in one transaction. Only what differs is written. Ids that another name
 * service knows are found by `queryForeign` before anything is written, so that the transaction itself never waits. Reading
 * and writing are done in turns: logins are answered while 10,000 members are applied, and what they change is written after.
 *
 * Must not run twice at once: the caller serializes.
 */
export async function applyMembership(
  database: AccountDatabase,
  membership: VerifiedMembership,
  rules: MembershipRules,
  queryForeign: ForeignIdQuery,
): Promise<MembershipChanges> {
  const foreign = { uids: new Set<number>(), gids: new Set<number>() };
  const planned = () => database.readInTurns((reader) => planMembership(reader, membership, rules, foreign));
  let plan = await planned();
  // Each round passes over the ids found taken in the one before; a host where 16 rounds do not suffice has its range
  // in another service's hands, which is to be said instead of searched.
  for (let round = 0; ; round++) {
    const found = await queryForeign(newUids(plan), newGids(plan));
    if (found.uids.size === 0 && found.gids.size === 0) break;
    if (round === 16) {
      throw new XosError('XOS_UID_SPACE_FULL', {
        range: `${rules.userRange.first}-${rules.userRange.last}`,
        user: `members of ${membership.vo}`,
      });
    }
    for (const uid of found.uids) foreign.uids.add(uid);
    for (const gid of found.gids) foreign.gids.add(gid);
    plan = await planned();
  }
  const settled = plan;
  await database.transactionInTurns((writer) => writePlan(writer, membership, rules, settled));
  return {
    assigned: settled.newAssignments,
    ended: settled.endedAssignments,
    refused: settled.changedMembers.filter((member) => member.refusal !== undefined),
    visible: settled.visible,
  };
}

/** Ends everything of a VO that this host has left: as a list without members, then the VO itself is forgotten. */
export async function forgetVo(
  database: AccountDatabase,
  vo: string,
  rules: MembershipRules,
): Promise<MembershipChanges> {
  const row = database.get('SELECT alias, version FROM vo WHERE vo = ?', vo);
  const empty: VerifiedMembership = {
    vo,
    alias: String(row?.['alias'] ?? ''),
    version: Number(row?.['version'] ?? 0),
    listExpiresAtMs: 0,
    members: [],
    revokedSshSerials: [],
  };
  const nothing = { uids: new Set<number>(), gids: new Set<number>() };
  const plan = await database.readInTurns((reader) => planMembership(reader, empty, rules, nothing));
  const ended = plan.endedAssignments.map(({ assignment }) => ({
    assignment,
    reason: 'this host left the VO',
  }));
  const left: MembershipPlan = { ...plan, endedAssignments: ended };
  await database.transactionInTurns(function* (writer) {
    yield* writePlan(writer, empty, rules, left);
    writer.run('DELETE FROM vo WHERE vo = ?', vo);
  });
  return { assigned: [], ended, refused: [], visible: plan.visible };
}

function newUids(plan: MembershipPlan): number[] {
  return plan.newAssignments.filter(({ kind }) => kind === 'dynamic').map(({ uid }) => uid);
}

function newGids(plan: MembershipPlan): number[] {
  return [...newUids(plan), ...plan.newGroups.map(({ gid }) => gid)];
}

function* writePlan(
  database: AccountWriter,
  membership: VerifiedMembership,
  rules: MembershipRules,
  plan: MembershipPlan,
): Steps<void> {
  const { vo, alias } = membership;
  const until = rules.nowMs + rules.tombstoneMs;
  for (const { assignment, reason } of plan.endedAssignments) {
    endAssignment(database, assignment, reason, rules);
    yield;
  }
  for (const member of plan.goneMembers) {
    database.run('DELETE FROM member WHERE vo = ? AND user = ?', vo, member.user);
    buryOnce(database, 'name', `${member.user}@${vo}`, vo, member.user, member.guid, until);
    yield;
  }
  for (const member of plan.changedMembers) {
    database.run(
      `INSERT INTO member (vo, user, guid, fqans, not_after, refusal) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (vo, user) DO UPDATE SET
         guid = excluded.guid, fqans = excluded.fqans, not_after = excluded.not_after, refusal = excluded.refusal`,
      vo,
      member.user,
      member.guid,
      JSON.stringify(member.fqans),
      member.notAfterMs ?? null,
      member.refusal ?? null,
    );
    yield;
  }
  // A first list meets no tombstones, and its thousands of inserts are what takes the time.
  const mayRest = database.get('SELECT 1 AS x FROM tombstone LIMIT 1') !== undefined;
  for (const assignment of plan.newAssignments) {
    if (mayRest) unbury(database, assignment);
    insertAssignment(database, assignment);
    yield;
  }
  for (const group of plan.goneGroups) {
    database.run('DELETE FROM vo_group WHERE vo = ? AND path = ?', vo, group.path);
    buryOnce(database, 'gid', String(group.gid), vo, group.path, '', until);
  }
  for (const group of plan.newGroups) {
    database.run("DELETE FROM tombstone WHERE kind = 'gid' AND value = ?", String(group.gid));
    database.run('INSERT INTO vo_group (vo, path, gid) VALUES (?, ?, ?)', vo, group.path, group.gid);
  }
  if (plan.aliasChanged) renameLogins(database, vo, alias);
  database.run('DELETE FROM revoked_ssh_certificate WHERE vo = ?', vo);
  for (const serial of membership.revokedSshSerials) {
    database.run('INSERT OR IGNORE INTO revoked_ssh_certificate (vo, serial) VALUES (?, ?)', vo, serial);
    yield;
  }
  database.run(
    `INSERT INTO vo (vo, alias, version, list_expires_at) VALUES (?, ?, ?, ?)
     ON CONFLICT (vo) DO UPDATE SET
       alias = excluded.alias, version = excluded.version, list_expires_at = excluded.list_expires_at`,
    vo,
    alias,
    membership.version,
    membership.listExpiresAtMs,
  );
}

function endAssignment(
  database: AccountWriter,
  assignment: Assignment,
  reason: string,
  rules: MembershipRules,
): void {
  const { vo, user, kind } = assignment;
  database.run('DELETE FROM assignment WHERE vo = ? AND user = ?', vo, user);
  database.run(
    "UPDATE lease SET state = 'ending', reason = ? WHERE vo = ? AND user = ? AND state = 'leased'",
    reason,
    vo,
    user,
  );
  // A local account goes to somebody else after a short rest: that is what a pool is for.
  const restMs = kind === 'dynamic' ? rules.tombstoneMs : rules.localQuarantineMs;
  buryOnce(database, 'uid', String(assignment.uid), vo, user, assignment.guid, rules.nowMs + restMs);
}

function unbury(database: AccountWriter, { vo, user, uid }: Assignment): void {
  database.run("DELETE FROM tombstone WHERE kind = 'name' AND value = ?", `${user}@${vo}`);
  database.run("DELETE FROM tombstone WHERE kind = 'uid' AND value = ?", String(uid));
}

function insertAssignment(database: AccountWriter, assignment: Assignment): void {
  const { vo, user } = assignment;
  database.run(
    `INSERT INTO assignment (vo, user, guid, login, kind, local_name, uid, gid, home, shell)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    vo,
    user,
    assignment.guid,
    assignment.login,
    assignment.kind,
    assignment.localName,
    assignment.uid,
    assignment.gid,
    assignment.home ?? null,
    assignment.shell ?? null,
  );
}

function buryOnce(
  database: AccountWriter,
  kind: 'name' | 'uid' | 'gid',
  value: string,
  vo: string,
  owner: string,
  guid: string,
  until: number,
): void {
  database.run(
    'INSERT OR IGNORE INTO tombstone (kind, value, vo, owner, guid, until) VALUES (?, ?, ?, ?, ?, ?)',
    kind,
    value,
    vo,
    owner,
    guid,
    until,
  );
}

function renameLogins(database: AccountWriter, vo: string, alias: string): void {
  for (const table of ['assignment', 'lease', 'session']) {
    database.run(`UPDATE ${table} SET login = user || '@' || ? WHERE vo = ?`, alias, vo);
  }
}
