import { XosError } from '@xtreemos/base';
import type { Group, Member } from '@xtreemos/vo-client';
import { type RawBuilder, type SqlBool, sql } from 'kysely';
import type { Read } from './database.ts';
import { requireMember, showMember } from './member-record.ts';
import { checkGroup, fqanOf, withParents } from './names.ts';
import { type Change, changeRegistry, requireVo } from './registry-change.ts';
import type { VoContext } from './vo-context.ts';

/** Groups of a VO: bounds what a certificate and a node's map may have to hold. */
const maximumGroups = 1000;

export async function listGroups(read: Read, vo: string): Promise<readonly Group[]> {
  const rows = await read
    .selectFrom('vo_group')
    .leftJoin('group_member', (join) =>
      join.onRef('group_member.vo', '=', 'vo_group.vo').onRef('group_member.path', '=', 'vo_group.path'),
    )
    .select(['vo_group.path', 'vo_group.description'])
    .select((expression) => expression.fn.count<number>('group_member.user').as('members'))
    .where('vo_group.vo', '=', vo)
    .groupBy(['vo_group.path', 'vo_group.description'])
    .orderBy('vo_group.path')
    .execute();
  return rows.map((row) => ({ ...row, members: Number(row.members) }));
}

/** Parents are made when missing. Throws XOS_EXISTS. */
export async function createGroup(
  context: VoContext,
  actor: string,
  vo: string,
  path: string,
  description: string,
): Promise<Group> {
  checkGroup(path);
  return changeRegistry(context, actor, async (change) => {
    await requireVo(change.write, vo);
    const { total } = await change.write
      .selectFrom('vo_group')
      .select((expression) => expression.fn.countAll<number>().as('total'))
      .where('vo', '=', vo)
      .executeTakeFirstOrThrow();
    if (Number(total) >= maximumGroups) {
      throw new XosError('XOS_RESOURCE_EXHAUSTED', {
        attempt: `create group ${path}`,
        resource: `the groups of ${vo}`,
        limit: maximumGroups,
      });
    }
    for (const each of withParents(path)) {
      const { numInsertedOrUpdatedRows } = await change.write
        .insertInto('vo_group')
        .values({ vo, path: each, description: each === path ? description : '' })
        .onConflict((conflict) => conflict.columns(['vo', 'path']).doNothing())
        .executeTakeFirstOrThrow();
      if (numInsertedOrUpdatedRows === 1n) await change.audit({ vo, action: 'group.create', subject: each });
      else if (each === path) throw new XosError('XOS_EXISTS', { what: 'Group', name: path });
    }
    return { path, description, members: 0 };
  });
}

/** With the groups below it, all memberships and roles in them. */
export async function destroyGroup(
  context: VoContext,
  actor: string,
  vo: string,
  path: string,
): Promise<void> {
  await changeRegistry(context, actor, async (change) => {
    await requireGroup(change, vo, path);
    for (const table of ['role_holder', 'group_member', 'vo_group'] as const) {
      await change.write.deleteFrom(table).where('vo', '=', vo).where(isWithin(path)).execute();
    }
    await change.audit({ vo, action: 'group.destroy', subject: path });
    await change.membershipChanged(vo);
  });
}

export async function addToGroup(
  context: VoContext,
  actor: string,
  vo: string,
  path: string,
  user: string,
): Promise<Member> {
  return changeRegistry(context, actor, async (change) => {
    await requireMember(change.write, vo, user);
    await addMemberToGroup(change, vo, path, user);
    await change.membershipChanged(vo);
    return showMember(change.write, vo, user);
  });
}

/** Into the group and those above it. Throws XOS_NOT_FOUND. */
export async function addMemberToGroup(
  change: Change,
  vo: string,
  path: string,
  user: string,
): Promise<void> {
  await requireGroup(change, vo, path);
  for (const each of withParents(path)) {
    await change.write
      .insertInto('group_member')
      .values({ vo, path: each, user })
      .onConflict((conflict) => conflict.columns(['vo', 'user', 'path']).doNothing())
      .execute();
  }
  await change.audit({ vo, action: 'group.add', subject: user, details: { group: path } });
}

/** Out of the group and those below it, with the roles held there. */
export async function removeFromGroup(
  context: VoContext,
  actor: string,
  vo: string,
  path: string,
  user: string,
): Promise<Member> {
  return changeRegistry(context, actor, async (change) => {
    await requireMember(change.write, vo, user);
    await requireGroup(change, vo, path);
    for (const table of ['role_holder', 'group_member'] as const) {
      await change.write
        .deleteFrom(table)
        .where('vo', '=', vo)
        .where('user', '=', user)
        .where(isWithin(path))
        .execute();
    }
    await change.audit({ vo, action: 'group.remove', subject: user, details: { group: path } });
    await change.membershipChanged(vo);
    return showMember(change.write, vo, user);
  });
}

/** The member has to be in the group; everybody is in the VO itself (path ''). */
export async function grantRole(
  context: VoContext,
  actor: string,
  vo: string,
  path: string,
  role: string,
  user: string,
): Promise<Member> {
  return changeRegistry(context, actor, async (change) => {
    const { status } = await requireMember(change.write, vo, user);
    if (status === 'revoked') {
      throw new XosError('XOS_STATE_WRONG', {
        attempt: `grant the role ${role}`,
        what: `member ${user}`,
        state: status,
        wanted: 'a member',
      });
    }
    if (path !== '') await requireInGroup(change, vo, path, user);
    await change.write
      .insertInto('role_holder')
      .values({ vo, path, role, user })
      .onConflict((conflict) => conflict.columns(['vo', 'user', 'path', 'role']).doNothing())
      .execute();
    await change.audit({
      vo,
      action: 'role.grant',
      subject: user,
      details: { fqan: fqanOf(vo, path, role) },
    });
    await change.membershipChanged(vo);
    return showMember(change.write, vo, user);
  });
}

/** Throws XOS_NOT_FOUND when the member does not hold the role. */
export async function withdrawRole(
  context: VoContext,
  actor: string,
  vo: string,
  path: string,
  role: string,
  user: string,
): Promise<Member> {
  return changeRegistry(context, actor, async (change) => {
    await requireMember(change.write, vo, user);
    const { numDeletedRows } = await change.write
      .deleteFrom('role_holder')
      .where('vo', '=', vo)
      .where('path', '=', path)
      .where('role', '=', role)
      .where('user', '=', user)
      .executeTakeFirstOrThrow();
    const fqan = fqanOf(vo, path, role);
    if (numDeletedRows === 0n) throw new XosError('XOS_NOT_FOUND', { what: `role of ${user}`, name: fqan });
    await change.audit({ vo, action: 'role.withdraw', subject: user, details: { fqan } });
    await change.membershipChanged(vo);
    return showMember(change.write, vo, user);
  });
}

async function requireGroup(change: Change, vo: string, path: string): Promise<void> {
  const row = await change.write
    .selectFrom('vo_group')
    .select('path')
    .where('vo', '=', vo)
    .where('path', '=', path)
    .executeTakeFirst();
  if (row === undefined) throw new XosError('XOS_NOT_FOUND', { what: 'group', name: path });
}

async function requireInGroup(change: Change, vo: string, path: string, user: string): Promise<void> {
  const row = await change.write
    .selectFrom('group_member')
    .select('path')
    .where('vo', '=', vo)
    .where('path', '=', path)
    .where('user', '=', user)
    .executeTakeFirst();
  if (row === undefined) {
    throw new XosError('XOS_STATE_WRONG', {
      attempt: 'grant a role',
      what: `${user}`,
      state: `not in group ${path}`,
      wanted: 'in the group first',
    });
  }
}

/** True for the group itself and those below it; `_` in a name must not match any character. */
function isWithin(path: string): RawBuilder<SqlBool> {
  const below = `${path.replace(/[_%!]/g, '!$&')}/%`;
  return sql<SqlBool>`(path = ${path} or path like ${below} escape '!')`;
}
