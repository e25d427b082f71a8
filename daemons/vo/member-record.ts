import { XosError } from '@xtreemos/base';
import type { Member, MemberStatus } from '@xtreemos/vo-client';
import { sql } from 'kysely';
import type { Read } from './database.ts';
import type { MemberRow } from './database-schema.ts';
import { fqanOf } from './names.ts';

/** Throws XOS_NOT_FOUND. */
export async function requireMember(read: Read, vo: string, user: string): Promise<MemberRow> {
  const row = await read
    .selectFrom('member')
    .selectAll()
    .where('vo', '=', vo)
    .where('user', '=', user)
    .executeTakeFirst();
  if (row === undefined) throw new XosError('XOS_NOT_FOUND', { what: 'member', name: user });
  return row;
}

/** Throws XOS_MEMBER_UNKNOWN, XOS_MEMBER_SUSPENDED, XOS_MEMBER_EXPIRED, XOS_STATE_WRONG. */
export function requireActive(member: MemberRow, nowMs: number): void {
  const { vo, user, status, expires_at: expiresAt } = member;
  if (status === 'expired' || (expiresAt !== null && expiresAt <= nowMs)) {
    const expiredAt = new Date(expiresAt ?? nowMs).toISOString();
    throw new XosError('XOS_MEMBER_EXPIRED', { user, vo, expiredAt });
  }
  if (status === 'suspended') throw new XosError('XOS_MEMBER_SUSPENDED', { user, vo });
  if (status === 'revoked') throw new XosError('XOS_MEMBER_UNKNOWN', { user, vo });
  if (status !== 'active') {
    throw new XosError('XOS_STATE_WRONG', {
      attempt: `issue a certificate to ${user}`,
      what: 'the membership',
      state: status,
      wanted: 'active (an administrator has to approve it)',
    });
  }
}

/** Throws XOS_NOT_FOUND. */
export async function showMember(read: Read, vo: string, user: string): Promise<Member> {
  return memberOf(await requireMember(read, vo, user), await readRights(read, vo, user));
}

/** Members in order of name after `after`. */
export async function listMembers(
  read: Read,
  vo: string,
  page: {
    readonly status?: MemberStatus | undefined;
    readonly after?: string | undefined;
    readonly limit: number;
  },
): Promise<readonly Member[]> {
  const { status, after } = page;
  const rows = await read
    .selectFrom('member')
    .selectAll()
    .where('vo', '=', vo)
    .$if(status !== undefined, (query) => query.where('status', '=', status ?? 'active'))
    .$if(after !== undefined, (query) => query.where('user', '>', after ?? ''))
    .orderBy('user')
    .limit(page.limit)
    .execute();
  const rights = await readRightsOfAll(read, vo);
  return rows.map((row) => memberOf(row, rights.get(row.user) ?? noRights));
}

/** Groups and roles of a member; '' is the VO itself. */
export interface Rights {
  readonly groups: readonly string[];
  readonly roles: readonly { readonly path: string; readonly role: string }[];
}

const noRights: Rights = { groups: [], roles: [] };

export async function readRights(read: Read, vo: string, user: string): Promise<Rights> {
  // One query: it stands in the path of every certificate. A role is never ''.
  const rows = await read
    .selectFrom('group_member')
    .select(['path', sql<string>`''`.as('role')])
    .where('vo', '=', vo)
    .where('user', '=', user)
    .unionAll(
      read.selectFrom('role_holder').select(['path', 'role']).where('vo', '=', vo).where('user', '=', user),
    )
    .orderBy('path')
    .orderBy('role')
    .execute();
  return {
    groups: rows.filter(({ role }) => role === '').map(({ path }) => path),
    roles: rows.filter(({ role }) => role !== ''),
  };
}

/** Of every member who has any: two queries, however many members. */
export async function readRightsOfAll(read: Read, vo: string): Promise<ReadonlyMap<string, Rights>> {
  const groups = await read
    .selectFrom('group_member')
    .select(['user', 'path'])
    .where('vo', '=', vo)
    .orderBy('path')
    .execute();
  const roles = await read
    .selectFrom('role_holder')
    .select(['user', 'path', 'role'])
    .where('vo', '=', vo)
    .orderBy('path')
    .orderBy('role')
    .execute();
  const rights = new Map<string, { groups: string[]; roles: { path: string; role: string }[] }>();
  const of = (user: string) => {
    const known = rights.get(user) ?? { groups: [], roles: [] };
    rights.set(user, known);
    return known;
  };
  for (const { user, path } of groups) of(user).groups.push(path);
  for (const { user, path, role } of roles) of(user).roles.push({ path, role });
  return rights;
}

/** The primary FQAN (the VO itself) first, then groups, then roles. */
export function fqansOf(vo: string, rights: Rights): readonly string[] {
  return [
    fqanOf(vo, ''),
    ...rights.groups.map((path) => fqanOf(vo, path)),
    ...rights.roles.map(({ path, role }) => fqanOf(vo, path, role)),
  ];
}

function memberOf(row: MemberRow, rights: Rights): Member {
  return {
    vo: row.vo,
    user: row.user,
    guid: row.guid,
    status: row.status,
    fullName: row.full_name,
    email: row.email,
    message: row.message,
    expiresAtMs: row.expires_at,
    groups: rights.groups,
    fqans: fqansOf(row.vo, rights),
    hasPassword: row.password !== null,
    createdAtMs: row.created_at,
  };
}
