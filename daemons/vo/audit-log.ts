import { createHash } from 'node:crypto';
import type { AuditEntry, AuditQuery, AuditVerification } from '@xtreemos/vo-client';
import type { Write } from './commit-queue.ts';
import type { Read } from './database.ts';
import type { AuditRow } from './database-schema.ts';

/** What is written down; never a secret. */
export interface AuditFact {
  readonly vo: string | null;
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly details?: AuditEntry['details'];
}

const firstHash = '0'.repeat(64);

/** Appends within the transaction of what it describes: neither is ever without the other. */
export async function appendAudit(write: Write, atMs: number, fact: AuditFact): Promise<void> {
  const last = await write
    .selectFrom('audit')
    .select(['sequence', 'hash'])
    .orderBy('sequence', 'desc')
    .limit(1)
    .executeTakeFirst();
  const row = {
    sequence: (last?.sequence ?? 0) + 1,
    at: atMs,
    vo: fact.vo,
    actor: fact.actor,
    action: fact.action,
    subject: fact.subject,
    details: JSON.stringify(fact.details ?? {}),
    previous_hash: last?.hash ?? firstHash,
  };
  await write
    .insertInto('audit')
    .values({ ...row, hash: hashOf(row) })
    .execute();
}

/** Entries in order; those of one VO, or of all when `vo` is undefined. */
export async function readAudit(
  read: Read,
  vo: string | undefined,
  query: AuditQuery,
): Promise<readonly AuditEntry[]> {
  const rows = await read
    .selectFrom('audit')
    .selectAll()
    .where('sequence', '>', query.after ?? 0)
    .$if(vo !== undefined, (select) => select.where('vo', '=', vo ?? ''))
    .orderBy('sequence')
    .limit(query.limit ?? 100)
    .execute();
  return rows.map(entryOf);
}

/** Recomputes every hash. */
export async function verifyAudit(read: Read): Promise<AuditVerification> {
  let head = firstHash;
  let entries = 0;
  for (;;) {
    const rows = await read
      .selectFrom('audit')
      .selectAll()
      .where('sequence', '>', entries)
      .orderBy('sequence')
      .limit(1000)
      .execute();
    if (rows.length === 0) return { entries, brokenAt: null, head };
    for (const row of rows) {
      const holds = row.sequence === entries + 1 && row.previous_hash === head && hashOf(row) === row.hash;
      if (!holds) return { entries, brokenAt: entries + 1, head };
      entries = row.sequence;
      head = row.hash;
    }
  }
}

/** A list, not an object: the order of its parts is part of what is hashed. */
function hashOf(row: Omit<AuditRow, 'hash'>): string {
  const canonical = JSON.stringify([
    row.previous_hash,
    row.sequence,
    row.at,
    row.vo,
    row.actor,
    row.action,
    row.subject,
    row.details,
  ]);
  return createHash('sha256').update(canonical).digest('hex');
}

function entryOf(row: AuditRow): AuditEntry {
  return {
    sequence: row.sequence,
    atMs: row.at,
    vo: row.vo,
    actor: row.actor,
    action: row.action,
    subject: row.subject,
    details: JSON.parse(row.details) as AuditEntry['details'],
    previousHash: row.previous_hash,
    hash: row.hash,
  };
}
