import { XosError } from '@xtreemos/base';
import { type AuditFact, appendAudit } from './audit-log.ts';
import type { Write } from './commit-queue.ts';
import { publishVoCrl } from './crl-publication.ts';
import type { VoContext } from './vo-context.ts';

/** A change of the registry under way: one transaction, one actor, one moment. */
export interface Change {
  readonly write: Write;
  readonly nowMs: number;
  readonly actor: string;
  audit(fact: Omit<AuditFact, 'actor'>): Promise<void>;
  /** The VO's membership list is another now: its version grows, connected nodes are told after the commit. */
  membershipChanged(vo: string): Promise<void>;
  /** Certificates of this authority were revoked: a CRL is made, connected nodes are told after the commit. */
  certificatesRevoked(vo: string, authority: 'cda' | 'rca'): Promise<void>;
  /** Runs once the change is durable; not at all when it fails. */
  afterCommit(action: () => void): void;
}

/** Runs the work in the next group commit; resolves when it is durable and nodes were told. */
export async function changeRegistry<Result>(
  context: VoContext,
  actor: string,
  work: (change: Change) => Promise<Result>,
): Promise<Result> {
  let actions: (() => void)[] = [];
  const result = await context.database.commits.run((write) => {
    actions = [];
    return work(makeChange(context, write, actor, actions));
  });
  for (const action of actions) action();
  context.hub.touch();
  return result;
}

function makeChange(context: VoContext, write: Write, actor: string, actions: (() => void)[]): Change {
  const nowMs = context.clock.nowMs();
  const announced = new Set<string>();
  const bump = async (vo: string, type: 'membership' | 'crl'): Promise<void> => {
    if (announced.has(`${type} ${vo}`)) return;
    announced.add(`${type} ${vo}`);
    const column = `${type}_version` as const;
    const row = await write
      .updateTable('vo')
      .set((expression) => ({ [column]: expression(column, '+', 1) }))
      .where('id', '=', vo)
      .returning(['membership_version', 'crl_version'])
      .executeTakeFirstOrThrow();
    const version = type === 'crl' ? row.crl_version : row.membership_version;
    actions.push(() => context.hub.publish({ type, vo, version }));
  };
  return {
    write,
    nowMs,
    actor,
    audit: (fact) => appendAudit(write, nowMs, { ...fact, actor }),
    membershipChanged: (vo) => bump(vo, 'membership'),
    async certificatesRevoked(vo, authority) {
      const issuer = await context.authorities.issuer(authority, vo);
      const lifetimeMs = context.settings.configuration.Certificates.CrlLifetime;
      await publishVoCrl(write, issuer, { vo, kind: authority, nowMs, lifetimeMs });
      await bump(vo, 'crl');
    },
    afterCommit: (action) => {
      actions.push(action);
    },
  };
}

/** Throws XOS_NOT_FOUND unless the VO exists and was not destroyed. */
export async function requireVo(read: Pick<Write, 'selectFrom'>, vo: string): Promise<void> {
  const row = await read
    .selectFrom('vo')
    .select('id')
    .where('id', '=', vo)
    .where('destroyed_at', 'is', null)
    .executeTakeFirst();
  if (row === undefined) throw new XosError('XOS_NOT_FOUND', { what: 'VO', name: vo });
}
