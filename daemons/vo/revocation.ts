import { XosError } from '@xtreemos/base';
import type { IssuedCertificateRecord, NodeRecord, RevocationReason } from '@xtreemos/vo-client';
import type { Read } from './database.ts';
import type { CertificateRow, CertificateRowKind } from './database-schema.ts';
import { requireNode, showNode } from './node-record.ts';
import { type Change, changeRegistry } from './registry-change.ts';
import type { VoContext } from './vo-context.ts';

/** Certificates not yet expired, the newest first. */
export async function listCertificates(
  context: VoContext,
  vo: string,
  user: string | undefined,
): Promise<readonly IssuedCertificateRecord[]> {
  const rows = await context.database.read
    .selectFrom('certificate')
    .selectAll()
    .where('vo', '=', vo)
    .where('not_after', '>', context.clock.nowMs())
    .$if(user !== undefined, (query) => query.where('subject', '=', user ?? '').where('kind', '!=', 'host'))
    .orderBy('not_before', 'desc')
    .limit(1000)
    .execute();
  return rows.map((row) => ({
    vo: row.vo,
    kind: row.kind,
    serial: row.serial,
    subject: row.subject,
    notBeforeMs: row.not_before,
    notAfterMs: row.not_after,
    revokedAtMs: row.revoked_at,
    revocationReason: row.revocation_reason,
  }));
}

/** Which certificate: X.509 serials are hexadecimal, SSH serials decimal; the two spaces are apart. */
export interface CertificateName {
  readonly vo: string;
  readonly space: 'x509' | 'ssh';
  readonly serial: string;
}

/** Throws XOS_NOT_FOUND. */
export async function findCertificate(read: Read, name: CertificateName): Promise<CertificateRow> {
  const row = await read
    .selectFrom('certificate')
    .selectAll()
    .where('vo', '=', name.vo)
    .where('serial', '=', name.serial)
    .where('kind', name.space === 'ssh' ? '=' : '!=', 'ssh')
    .executeTakeFirst();
  if (row === undefined) throw new XosError('XOS_NOT_FOUND', { what: 'certificate', name: name.serial });
  return row;
}

/** Throws XOS_NOT_FOUND, XOS_STATE_WRONG when it was revoked already. */
export async function revokeCertificate(
  context: VoContext,
  actor: string,
  name: CertificateName,
  reason: RevocationReason,
): Promise<void> {
  await changeRegistry(context, actor, async (change) => {
    const row = await findCertificate(change.write, name);
    if (row.revoked_at !== null) {
      throw new XosError('XOS_STATE_WRONG', {
        attempt: `revoke certificate ${name.serial}`,
        what: 'it',
        state: 'revoked already',
        wanted: 'valid',
      });
    }
    await change.write
      .updateTable('certificate')
      .set({ revoked_at: change.nowMs, revocation_reason: reason })
      .where('vo', '=', name.vo)
      .where('serial', '=', name.serial)
      .where('kind', '=', row.kind)
      .execute();
    await change.audit({
      vo: name.vo,
      action: 'certificate.revoke',
      subject: row.subject,
      details: { kind: row.kind, serial: name.serial, reason },
    });
    await announce(change, name.vo, [row.kind]);
  });
}

/** All of a member that have not expired: X.509, session and SSH. */
export async function revokeMemberCertificates(
  change: Change,
  vo: string,
  user: string,
  reason: RevocationReason,
): Promise<void> {
  await revokeAll(change, vo, user, ['user', 'session', 'ssh'], reason);
}

/** The node's certificates are void, its connection ends, its name may join again with a new token. */
export async function revokeNode(
  context: VoContext,
  actor: string,
  vo: string,
  hostname: string,
  ending: { readonly status: 'left' | 'revoked'; readonly reason: RevocationReason },
): Promise<NodeRecord> {
  const { status, reason } = ending;
  return changeRegistry(context, actor, async (change) => {
    const node = await requireNode(change.write, vo, hostname);
    if (node.status !== 'active') {
      throw new XosError('XOS_STATE_WRONG', {
        attempt: `end the membership of node ${hostname}`,
        what: 'it',
        state: node.status,
        wanted: 'active',
      });
    }
    await change.write
      .updateTable('node')
      .set({ status })
      .where('vo', '=', vo)
      .where('hostname', '=', hostname)
      .execute();
    await revokeAll(change, vo, hostname, ['host'], reason);
    const action = status === 'left' ? 'node.leave' : 'node.revoke';
    await change.audit({ vo, action, subject: hostname, details: { reason } });
    const why = status === 'left' ? 'the node left the VO' : 'the node was revoked';
    change.afterCommit(() => context.hub.dismiss({ type: 'gone', vo, reason: why }, hostname));
    return showNode(change.write, vo, hostname);
  });
}

async function revokeAll(
  change: Change,
  vo: string,
  subject: string,
  kinds: readonly CertificateRowKind[],
  reason: RevocationReason,
): Promise<void> {
  const rows = await change.write
    .updateTable('certificate')
    .set({ revoked_at: change.nowMs, revocation_reason: reason })
    .where('vo', '=', vo)
    .where('subject', '=', subject)
    .where('kind', 'in', kinds)
    .where('revoked_at', 'is', null)
    .where('not_after', '>', change.nowMs)
    .returning(['serial', 'kind'])
    .execute();
  for (const { serial, kind } of rows) {
    await change.audit({ vo, action: 'certificate.revoke', subject, details: { kind, serial, reason } });
  }
  await announce(
    change,
    vo,
    rows.map(({ kind }) => kind),
  );
}

/** X.509 goes onto the issuer's CRL, SSH serials onto the membership list. */
async function announce(change: Change, vo: string, kinds: readonly CertificateRowKind[]): Promise<void> {
  if (kinds.some((kind) => kind === 'user' || kind === 'session'))
    await change.certificatesRevoked(vo, 'cda');
  if (kinds.includes('host')) await change.certificatesRevoked(vo, 'rca');
  if (kinds.includes('ssh')) await change.membershipChanged(vo);
}
