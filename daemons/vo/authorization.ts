import { XosError } from '@xtreemos/base';
import { actorOf, type Caller } from './caller.ts';
import type { Read } from './database.ts';
import { adminFqan } from './names.ts';

/**
 * anyone: no sign-in. local-admin: root on the service's own host. vo-admin: a member whose certificate carries
 * /<vo>/Role=admin and who still holds the role. member: any member of the VO. self: the member concerned.
 * node: any node of the VO. own-node: the node concerned.
 */
export type Grant = 'anyone' | 'local-admin' | 'vo-admin' | 'member' | 'self' | 'node' | 'own-node';

const administrators = ['local-admin', 'vo-admin'] as const satisfies readonly Grant[];

/** Who may do what. What does not stand here is refused. */
export const authorizationTable = {
  'status.show': ['anyone'],
  'openapi.show': ['anyone'],
  'trust.show': ['anyone'],
  'crl.show': ['anyone'],
  'member.ask': ['anyone'],
  'member.accept': ['anyone'],
  'node.join': ['anyone'],
  /** Anyone may knock: proveIdentity demands certificate, password or token. */
  'certificate.issue': ['anyone'],
  'ssh-certificate.issue': ['anyone'],

  'domain.list': ['local-admin'],
  'domain.create': ['local-admin'],
  'domain.root': ['local-admin'],
  'audit.all': ['local-admin'],
  'vo.create': ['local-admin'],
  'vo.destroy': ['local-admin'],

  'vo.list': ['local-admin', 'member', 'node'],
  'vo.show': [...administrators, 'member', 'node'],
  'vo.audit': administrators,
  'member.list': administrators,
  'member.show': [...administrators, 'self'],
  'member.manage': administrators,
  'member.password': ['local-admin', 'self'],
  'group.list': [...administrators, 'member'],
  'group.manage': administrators,
  'certificate.list': [...administrators, 'self'],
  'certificate.revoke': [...administrators, 'self'],
  'node.list': administrators,
  'node.token': administrators,
  'node.revoke': administrators,

  'node.leave': ['own-node'],
  'node.renew': ['own-node'],
  'session-certificate.issue': ['node'],
  'membership.show': ['node', ...administrators],
  'events.watch': ['node'],
} as const satisfies Record<string, readonly Grant[]>;

export type Operation = keyof typeof authorizationTable;

/** What the operation is about, as far as it is about something. */
export interface Target {
  readonly vo?: string | undefined;
  readonly user?: string | undefined;
  readonly hostname?: string | undefined;
}

/** Throws XOS_AUTHENTICATION_REQUIRED or XOS_PERMISSION unless a grant of the table fits. */
export async function authorize(
  read: Read,
  operation: Operation,
  caller: Caller,
  target: Target,
): Promise<void> {
  const grants: readonly Grant[] = authorizationTable[operation];
  for (const grant of grants) {
    if (await fits(read, grant, caller, target)) return;
  }
  if (caller.kind === 'anonymous') throw new XosError('XOS_AUTHENTICATION_REQUIRED', { attempt: operation });
  if (caller.kind !== 'local-admin' && target.vo !== undefined && caller.vo !== target.vo) {
    throw new XosError('XOS_VO_WRONG', { actual: caller.vo, wanted: target.vo });
  }
  throw new XosError('XOS_PERMISSION', {
    who: actorOf(caller),
    attempt: operation,
    reason: `that needs ${grants.join(' or ')}`,
  });
}

async function fits(read: Read, grant: Grant, caller: Caller, target: Target): Promise<boolean> {
  switch (grant) {
    case 'anyone':
      return true;
    case 'local-admin':
      return caller.kind === 'local-admin';
    case 'vo-admin':
      return target.vo !== undefined && (await isVoAdmin(read, caller, target.vo));
    case 'member':
      return caller.kind === 'user' && isOfVo(caller, target);
    case 'self':
      return caller.kind === 'user' && caller.vo === target.vo && caller.user === target.user;
    case 'node':
      return caller.kind === 'node' && isOfVo(caller, target);
    case 'own-node':
      return caller.kind === 'node' && caller.vo === target.vo && caller.hostname === target.hostname;
  }
}

/** An operation without a VO in its path answers for the caller's own. */
function isOfVo(caller: { readonly vo: string }, target: Target): boolean {
  return target.vo === undefined || caller.vo === target.vo;
}

/** By certificate and by record: a role withdrawn a moment ago no longer counts. */
async function isVoAdmin(read: Read, caller: Caller, vo: string): Promise<boolean> {
  if (caller.kind !== 'user' || caller.vo !== vo || !caller.fqans.includes(adminFqan(vo))) return false;
  const row = await read
    .selectFrom('role_holder')
    .select('role')
    .where('vo', '=', vo)
    .where('path', '=', '')
    .where('role', '=', 'admin')
    .where('user', '=', caller.user)
    .executeTakeFirst();
  return row !== undefined;
}
