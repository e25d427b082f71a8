import { crlPem, type Issuer, makeCrl, type RevokedCertificate } from '@xtreemos/identity';
import type { Write } from './commit-queue.ts';

/** A certificate stays on the list for a day beyond its end (RFC 5280 3.3: at least one list after it expired). */
const keepRevokedMs = 86_400_000;
/** The root's key may be offline: its list has to last. */
export const rootCrlLifetimeMs = 365 * 86_400_000;

export interface CrlColumns {
  readonly crl: string;
  readonly crl_number: number;
  readonly crl_this_update: number;
  readonly crl_next_update: number;
}

export function signCrl(
  issuer: Issuer,
  list: {
    readonly number: number;
    readonly revoked: readonly RevokedCertificate[];
    readonly nowMs: number;
    readonly lifetimeMs: number;
  },
): CrlColumns {
  const nextUpdateMs = list.nowMs + list.lifetimeMs;
  const der = makeCrl({
    issuer,
    number: list.number,
    revoked: list.revoked,
    thisUpdate: new Date(list.nowMs),
    nextUpdate: new Date(nextUpdateMs),
  });
  return {
    crl: crlPem(der),
    crl_number: list.number,
    crl_this_update: list.nowMs,
    crl_next_update: nextUpdateMs,
  };
}

/** A fresh list of a VO's CDA or RCA from what the database says was revoked. */
export async function publishVoCrl(
  write: Write,
  issuer: Issuer,
  which: {
    readonly vo: string;
    readonly kind: 'cda' | 'rca';
    readonly nowMs: number;
    readonly lifetimeMs: number;
  },
): Promise<void> {
  const kinds = which.kind === 'rca' ? (['host'] as const) : (['user', 'session'] as const);
  const rows = await write
    .selectFrom('certificate')
    .select(['serial', 'revoked_at', 'revocation_reason'])
    .where('vo', '=', which.vo)
    .where('kind', 'in', kinds)
    .where('revoked_at', 'is not', null)
    .where('not_after', '>', which.nowMs - keepRevokedMs)
    .execute();
  const revoked = rows.map((row) => ({
    serial: row.serial,
    revokedAt: new Date(row.revoked_at ?? which.nowMs),
    ...(row.revocation_reason === null ? {} : { reason: row.revocation_reason }),
  }));
  await replaceCrl(write, issuer, revoked, which.nowMs, which.lifetimeMs);
}

/** The root's list: authorities of VOs that were destroyed. */
export async function publishRootCrl(
  write: Write,
  issuer: Issuer,
  domain: string,
  nowMs: number,
): Promise<void> {
  const rows = await write
    .selectFrom('authority')
    .select(['serial', 'revoked_at'])
    .where('domain', '=', domain)
    .where('revoked_at', 'is not', null)
    .where('not_after', '>', nowMs - keepRevokedMs)
    .execute();
  const revoked = rows.map((row) => ({
    serial: row.serial,
    revokedAt: new Date(row.revoked_at ?? nowMs),
    reason: 'cessationOfOperation' as const,
  }));
  await replaceCrl(write, issuer, revoked, nowMs, rootCrlLifetimeMs);
}

/** A list of the service authority, which revokes nothing: its certificates live as long as the process. */
export async function publishServicesCrl(
  write: Write,
  issuer: Issuer,
  nowMs: number,
  lifetimeMs: number,
): Promise<void> {
  await replaceCrl(write, issuer, [], nowMs, lifetimeMs);
}

async function replaceCrl(
  write: Write,
  issuer: Issuer,
  revoked: readonly RevokedCertificate[],
  nowMs: number,
  lifetimeMs: number,
): Promise<void> {
  const { fingerprint } = issuer.certificate;
  const row = await write
    .selectFrom('authority')
    .select('crl_number')
    .where('fingerprint', '=', fingerprint)
    .executeTakeFirstOrThrow();
  const columns = signCrl(issuer, { number: row.crl_number + 1, revoked, nowMs, lifetimeMs });
  await write.updateTable('authority').set(columns).where('fingerprint', '=', fingerprint).execute();
}
