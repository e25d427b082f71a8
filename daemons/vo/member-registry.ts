import { randomUUID } from 'node:crypto';
import { XosError } from '@xtreemos/base';
import type {
  Invitation,
  InvitationAcceptance,
  InvitationRequest,
  JoinRequest,
  JoinRequestReceipt,
  Member,
  MemberApproval,
  MemberChange,
  OneTimeToken,
} from '@xtreemos/vo-client';
import type { MemberRow } from './database-schema.ts';
import { addMemberToGroup } from './group-registry.ts';
import { requireMember, showMember } from './member-record.ts';
import { makeToken, useToken, voidTokens } from './one-time-token.ts';
import { type Change, changeRegistry, requireVo } from './registry-change.ts';
import { revokeMemberCertificates } from './revocation.ts';
import type { VoContext } from './vo-context.ts';

const daySeconds = 86_400;
const joinRequestLifetimeSeconds = 30 * daySeconds;
const invitationLifetimeSeconds = 7 * daySeconds;
const enrolmentLifetimeSeconds = daySeconds;

/** Unanswered requests to join that a VO keeps: strangers write them, so they have to be bounded. */
const maximumJoinRequests = 10_000;

/** Throws XOS_EXISTS for a name that anyone has or had. */
export async function invite(
  context: VoContext,
  actor: string,
  vo: string,
  request: InvitationRequest,
): Promise<Invitation> {
  return changeRegistry(context, actor, async (change) => {
    await insertMember(change, vo, {
      user: request.user,
      status: 'invited',
      full_name: request.fullName ?? '',
      email: request.email ?? '',
      expires_at: request.expiresAtMs ?? null,
    });
    for (const group of request.groups ?? []) await addMemberToGroup(change, vo, group, request.user);
    const token = await makeToken(change, {
      kind: 'enrolment',
      vo,
      user: request.user,
      lifetimeSeconds: request.tokenLifetimeSeconds ?? invitationLifetimeSeconds,
    });
    await change.audit({ vo, action: 'member.invite', subject: request.user });
    return { member: await showMember(change.write, vo, request.user), ...token };
  });
}

export async function acceptInvitation(
  context: VoContext,
  actor: string,
  vo: string,
  acceptance: InvitationAcceptance,
): Promise<Member> {
  const { user, password } = acceptance;
  const hash = password === undefined ? null : await context.passwords.hash(password);
  return changeRegistry(context, actor, async (change) => {
    await useToken(change, { kind: 'enrolment', vo, secret: acceptance.token, user });
    const member = await requireMember(change.write, vo, user);
    requireStatus(member, ['invited'], 'accept the invitation');
    if (hash !== null) await updateMember(change, vo, user, { password: hash });
    await activateInvited(change, vo, user);
    return showMember(change.write, vo, user);
  });
}

/** The invited person answered, here or by using the token for a certificate. */
export async function activateInvited(change: Change, vo: string, user: string): Promise<void> {
  await updateMember(change, vo, user, { status: 'active' });
  await change.audit({ vo, action: 'member.accept', subject: user });
  await change.membershipChanged(vo);
}

export async function askToJoin(
  context: VoContext,
  actor: string,
  vo: string,
  request: JoinRequest,
): Promise<JoinRequestReceipt> {
  const { user, password } = request;
  await requireVo(context.database.read, vo);
  const hash = password === undefined ? null : await context.passwords.hash(password);
  return changeRegistry(context, actor, async (change) => {
    const { total } = await change.write
      .selectFrom('member')
      .select((expression) => expression.fn.countAll<number>().as('total'))
      .where('vo', '=', vo)
      .where('status', '=', 'asked')
      .executeTakeFirstOrThrow();
    if (Number(total) >= maximumJoinRequests) {
      throw new XosError('XOS_RESOURCE_EXHAUSTED', {
        attempt: `ask to join ${vo}`,
        resource: 'the list of unanswered requests',
        limit: maximumJoinRequests,
      });
    }
    await insertMember(change, vo, {
      user,
      status: 'asked',
      full_name: request.fullName ?? '',
      email: request.email ?? '',
      message: request.message ?? '',
      password: hash,
    });
    const token = await makeToken(change, {
      kind: 'enrolment',
      vo,
      user,
      lifetimeSeconds: joinRequestLifetimeSeconds,
    });
    await change.audit({ vo, action: 'member.ask', subject: user });
    return { user, status: 'asked', ...token };
  });
}

/** Turns a request to join into a membership. Of two administrators who approve at once, one is told it is done. */
export async function approve(
  context: VoContext,
  actor: string,
  vo: string,
  user: string,
  approval: MemberApproval,
): Promise<Member> {
  return changeRegistry(context, actor, async (change) => {
    const member = await requireMember(change.write, vo, user);
    requireStatus(member, ['asked'], `approve ${user}`);
    await updateMember(change, vo, user, { status: 'active', expires_at: approval.expiresAtMs ?? null });
    for (const group of approval.groups ?? []) await addMemberToGroup(change, vo, group, user);
    await change.audit({ vo, action: 'member.approve', subject: user });
    await change.membershipChanged(vo);
    return showMember(change.write, vo, user);
  });
}

/** An unanswered request or invitation goes away with its token, and the name becomes free. */
export async function reject(context: VoContext, actor: string, vo: string, user: string): Promise<void> {
  await changeRegistry(context, actor, async (change) => {
    const member = await requireMember(change.write, vo, user);
    requireStatus(member, ['asked', 'invited'], `reject ${user}`);
    await voidTokens(change, vo, user);
    for (const table of ['group_member', 'role_holder', 'member'] as const) {
      await change.write.deleteFrom(table).where('vo', '=', vo).where('user', '=', user).execute();
    }
    await change.audit({ vo, action: 'member.reject', subject: user });
  });
}

export async function changeMember(
  context: VoContext,
  actor: string,
  vo: string,
  user: string,
  wanted: MemberChange,
): Promise<Member> {
  return changeRegistry(context, actor, async (change) => {
    const member = await requireMember(change.write, vo, user);
    if (wanted.status !== undefined)
      requireStatus(member, ['active', 'suspended', 'expired'], `change ${user}`);
    const expiresAt = wanted.expiresAtMs === undefined ? member.expires_at : wanted.expiresAtMs;
    const ended = expiresAt !== null && expiresAt <= change.nowMs;
    const status = statusAfter(member, wanted, ended);
    await updateMember(change, vo, user, {
      full_name: wanted.fullName ?? member.full_name,
      email: wanted.email ?? member.email,
      expires_at: expiresAt,
      status,
    });
    const details = { status, expiresAtMs: expiresAt };
    await change.audit({ vo, action: 'member.change', subject: user, details });
    if (status !== member.status || expiresAt !== member.expires_at) await change.membershipChanged(vo);
    return showMember(change.write, vo, user);
  });
}

/** An expired membership becomes active again when its end moves into the future. */
function statusAfter(member: MemberRow, wanted: MemberChange, ended: boolean): MemberRow['status'] {
  const status = wanted.status ?? (member.status === 'expired' ? 'active' : member.status);
  return status === 'active' && ended ? 'expired' : status;
}

/** Final: the membership ends, every certificate of the member is revoked, the name stays taken. */
export async function revokeMember(
  context: VoContext,
  actor: string,
  vo: string,
  user: string,
  reason: Parameters<typeof revokeMemberCertificates>[3],
): Promise<Member> {
  return changeRegistry(context, actor, async (change) => {
    const member = await requireMember(change.write, vo, user);
    requireStatus(member, ['active', 'suspended', 'expired', 'invited', 'asked'], `revoke ${user}`);
    await updateMember(change, vo, user, { status: 'revoked', password: null });
    await voidTokens(change, vo, user);
    await change.write.deleteFrom('role_holder').where('vo', '=', vo).where('user', '=', user).execute();
    await revokeMemberCertificates(change, vo, user, reason);
    await change.audit({ vo, action: 'member.revoke', subject: user, details: { reason } });
    await change.membershipChanged(vo);
    return showMember(change.write, vo, user);
  });
}

export async function issueToken(
  context: VoContext,
  actor: string,
  vo: string,
  user: string,
): Promise<OneTimeToken> {
  return changeRegistry(context, actor, async (change) => {
    const member = await requireMember(change.write, vo, user);
    requireStatus(member, ['active', 'invited'], `issue a token for ${user}`);
    await voidTokens(change, vo, user);
    await change.audit({ vo, action: 'member.token', subject: user });
    return makeToken(change, { kind: 'enrolment', vo, user, lifetimeSeconds: enrolmentLifetimeSeconds });
  });
}

export async function setPassword(
  context: VoContext,
  actor: string,
  vo: string,
  user: string,
  password: string,
): Promise<void> {
  const hash = await context.passwords.hash(password);
  await changeRegistry(context, actor, async (change) => {
    const member = await requireMember(change.write, vo, user);
    requireStatus(member, ['active', 'invited', 'suspended', 'expired'], `set the password of ${user}`);
    await updateMember(change, vo, user, { password: hash });
    await change.audit({ vo, action: 'member.password', subject: user });
  });
}

/** Memberships whose end has come; called every minute. */
export async function expireMembers(context: VoContext): Promise<number> {
  const due = await context.database.read
    .selectFrom('member')
    .select('user')
    .where('status', '=', 'active')
    .where('expires_at', '<=', context.clock.nowMs())
    .limit(1)
    .executeTakeFirst();
  if (due === undefined) return 0;
  return changeRegistry(context, 'service', async (change) => {
    const rows = await change.write
      .updateTable('member')
      .set({ status: 'expired' })
      .where('status', '=', 'active')
      .where('expires_at', '<=', change.nowMs)
      .returning(['vo', 'user'])
      .execute();
    for (const { vo, user } of rows) {
      await change.audit({ vo, action: 'member.expire', subject: user });
      await change.membershipChanged(vo);
    }
    return rows.length;
  });
}

async function insertMember(
  change: Change,
  vo: string,
  member: Pick<MemberRow, 'user' | 'status' | 'full_name' | 'email'> &
    Partial<Pick<MemberRow, 'message' | 'expires_at' | 'password'>>,
): Promise<void> {
  await requireVo(change.write, vo);
  const row: MemberRow = {
    vo,
    guid: randomUUID(),
    message: '',
    expires_at: null,
    password: null,
    created_at: change.nowMs,
    ...member,
  };
  const { numInsertedOrUpdatedRows } = await change.write
    .insertInto('member')
    .values(row)
    .onConflict((conflict) => conflict.columns(['vo', 'user']).doNothing())
    .executeTakeFirstOrThrow();
  if (numInsertedOrUpdatedRows !== 1n)
    throw new XosError('XOS_EXISTS', { what: 'Member', name: member.user });
}

async function updateMember(
  change: Change,
  vo: string,
  user: string,
  columns: Partial<Pick<MemberRow, 'status' | 'full_name' | 'email' | 'expires_at' | 'password'>>,
): Promise<void> {
  await change.write
    .updateTable('member')
    .set(columns)
    .where('vo', '=', vo)
    .where('user', '=', user)
    .execute();
}

function requireStatus(member: MemberRow, wanted: readonly MemberRow['status'][], attempt: string): void {
  if (!wanted.includes(member.status)) {
    throw new XosError('XOS_STATE_WRONG', {
      attempt,
      what: `member ${member.user}`,
      state: member.status,
      wanted: wanted.join(' or '),
    });
  }
}
