import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { XosError } from '@xtreemos/base';
import { peerChain, validatePath } from '@xtreemos/identity';
import type { VoContext } from './vo-context.ts';

/** Who sent a request. */
export type Caller = AnonymousCaller | LocalAdministrator | UserCaller | NodeCaller;

export interface AnonymousCaller {
  readonly kind: 'anonymous';
  readonly address: string;
}

export interface LocalAdministrator {
  readonly kind: 'local-admin';
}

export interface UserCaller {
  readonly kind: 'user';
  readonly vo: string;
  readonly user: string;
  readonly fqans: readonly string[];
  readonly serial: string;
  readonly notAfterMs: number;
  readonly address: string;
}

/** A host with role accounts: what other roles may ask of the service comes with those daemons. */
export interface NodeCaller {
  readonly kind: 'node';
  readonly vo: string;
  readonly hostname: string;
  readonly guid: string;
  readonly serial: string;
  readonly notAfterMs: number;
}

/** As the audit log names it. */
export function actorOf(caller: Caller): string {
  switch (caller.kind) {
    case 'anonymous':
      return `anonymous:${caller.address}`;
    case 'local-admin':
      return 'local-admin';
    case 'user':
      return `user:${caller.user}@${caller.vo}`;
    case 'node':
      return `node:${caller.hostname}@${caller.vo}`;
  }
}

/** The path is judged once per connection, revocation and membership at each request. */
const judged = new WeakMap<TLSSocket, Promise<UserCaller | NodeCaller>>();

/**
 * The caller behind a TLS connection. No certificate is anonymous; one that does not hold is refused rather than taken
 * for none, so that its owner learns why. Throws XOS_CHAIN_*, XOS_CREDENTIAL_*.
 */
export async function tlsCaller(context: VoContext, socket: Socket): Promise<Caller> {
  const address = socket.remoteAddress ?? 'unknown';
  if (!(socket instanceof TLSSocket)) throw new TypeError('a TLS socket was expected');
  let known = judged.get(socket);
  if (known === undefined) {
    if (socket.getPeerX509Certificate() === undefined) return { kind: 'anonymous', address };
    known = judge(context, socket);
    known.catch(() => undefined);
    judged.set(socket, known);
  }
  const caller = await known;
  await requireStanding(context, caller);
  return caller;
}

async function judge(context: VoContext, socket: TLSSocket): Promise<UserCaller | NodeCaller> {
  const store = await context.authorities.trust();
  const path = validatePath(peerChain(socket), {
    store,
    now: new Date(context.clock.nowMs()),
    voRoots: await context.authorities.roots(),
    allowProxies: false,
    // The record of issued certificates is asked at every request: newer than any CRL.
    revocation: 'when-present',
    signingPolicy: 'when-present',
  });
  const { serial } = path.endEntity;
  const notAfterMs = path.notAfter.getTime();
  if (path.user !== undefined) {
    const { user, vo, fqans } = path.user;
    if (path.boundToHost !== undefined) {
      throw new XosError('XOS_CREDENTIAL_KIND', { actual: 'session', wanted: 'user' });
    }
    return { kind: 'user', vo, user, fqans, serial, notAfterMs, address: socket.remoteAddress ?? 'unknown' };
  }
  if (path.host?.role === 'accounts' && path.host.vo !== undefined) {
    const { hostname, vo, hostGuid = '' } = path.host;
    return { kind: 'node', vo, hostname, guid: hostGuid, serial, notAfterMs };
  }
  throw new XosError('XOS_CREDENTIAL_KIND', {
    actual: path.host?.role ?? 'foreign',
    wanted: 'user or accounts',
  });
}

/** Still valid, in our record, not revoked, and its owner still a member or node in good standing. */
async function requireStanding(context: VoContext, caller: UserCaller | NodeCaller): Promise<void> {
  const nowMs = context.clock.nowMs();
  const subject = caller.kind === 'user' ? `${caller.user}@${caller.vo}` : caller.hostname;
  if (nowMs > caller.notAfterMs + 300_000) {
    throw new XosError('XOS_CREDENTIAL_EXPIRED', {
      subject,
      notAfter: new Date(caller.notAfterMs).toISOString(),
    });
  }
  const owner = caller.kind === 'user' ? memberStatus(context, caller) : nodeStatus(context, caller);
  const row = await owner;
  if (row === undefined) {
    throw new XosError('XOS_CREDENTIAL_IDENTITY', {
      actual: subject,
      wanted: 'a certificate of this service',
    });
  }
  if (row.revoked_at !== null) {
    throw new XosError('XOS_CREDENTIAL_REVOKED', {
      subject,
      serial: caller.serial,
      revokedAt: new Date(row.revoked_at).toISOString(),
      reason: row.revocation_reason ?? 'unspecified',
    });
  }
  if (row.status === 'active') return;
  if (caller.kind === 'node')
    throw new XosError('XOS_NODE_UNKNOWN', { node: caller.hostname, vo: caller.vo });
  throw row.status === 'suspended'
    ? new XosError('XOS_MEMBER_SUSPENDED', { user: caller.user, vo: caller.vo })
    : new XosError('XOS_MEMBER_UNKNOWN', { user: caller.user, vo: caller.vo });
}

function memberStatus(context: VoContext, caller: UserCaller) {
  return context.database.read
    .selectFrom('certificate')
    .innerJoin('member', (join) =>
      join.onRef('member.vo', '=', 'certificate.vo').onRef('member.user', '=', 'certificate.subject'),
    )
    .innerJoin('vo', 'vo.id', 'certificate.vo')
    .select(['member.status', 'certificate.revoked_at', 'certificate.revocation_reason'])
    .where('certificate.serial', '=', caller.serial)
    .where('certificate.vo', '=', caller.vo)
    .where('certificate.kind', '=', 'user')
    .where('certificate.subject', '=', caller.user)
    .where('vo.destroyed_at', 'is', null)
    .executeTakeFirst();
}

function nodeStatus(context: VoContext, caller: NodeCaller) {
  return context.database.read
    .selectFrom('certificate')
    .innerJoin('node', (join) =>
      join.onRef('node.vo', '=', 'certificate.vo').onRef('node.hostname', '=', 'certificate.subject'),
    )
    .innerJoin('vo', 'vo.id', 'certificate.vo')
    .select(['node.status', 'certificate.revoked_at', 'certificate.revocation_reason'])
    .where('certificate.serial', '=', caller.serial)
    .where('certificate.vo', '=', caller.vo)
    .where('certificate.kind', '=', 'host')
    .where('certificate.subject', '=', caller.hostname)
    .where('node.guid', '=', caller.guid)
    .where('vo.destroyed_at', 'is', null)
    .executeTakeFirst();
}
