import { defineEvent } from '@xtreemos/base';
import { rootIssuer } from './authority-store.ts';
import { publishRootCrl, publishServicesCrl, publishVoCrl } from './crl-publication.ts';
import { expireMembers } from './member-registry.ts';
import { changeRegistry } from './registry-change.ts';
import { announceDomainCrl } from './trust-domain.ts';
import type { VoContext } from './vo-context.ts';

const maintenanceFailed = defineEvent('vo.maintenance-failed');
const rootCrlEnding = defineEvent('vo.root-crl-ending');

const expiryIntervalMs = 60_000;
/** The root's list is made anew when less than this is left, as long as its key is online. */
const rootCrlMarginMs = 180 * 86_400_000;
/** Used and expired tokens are kept so long, for whoever asks why one was refused. */
const keepTokensMs = 30 * 86_400_000;

/** Expiry of memberships every minute, republication at its interval, until the function it answers is called. */
export function startMaintenance(context: VoContext): () => void {
  const { RepublishInterval } = context.settings.configuration.Certificates;
  const run = (what: string, work: () => Promise<unknown>) => {
    work().catch((error: unknown) => {
      const cause = error instanceof Error ? error : new Error(String(error));
      context.logger.error(maintenanceFailed, `${what} failed: ${cause.message}`, { error: cause });
    });
  };
  const expiry = setInterval(
    () => run('expiring memberships', () => expireMembers(context)),
    expiryIntervalMs,
  );
  const republication = setInterval(() => run('republication', () => republish(context)), RepublishInterval);
  run('republication', () => republish(context));
  return () => {
    clearInterval(expiry);
    clearInterval(republication);
  };
}

/** CRLs and membership lists of every VO anew, so that none on a connected node is older than the interval. */
export async function republish(context: VoContext): Promise<void> {
  await expireMembers(context);
  const domains = await context.database.read.selectFrom('trust_domain').selectAll().execute();
  for (const domain of domains) {
    await republishServices(context, domain.name);
    await republishRoot(context, domain);
  }
  const vos = await context.database.read
    .selectFrom('vo')
    .select('id')
    .where('destroyed_at', 'is', null)
    .execute();
  for (const { id } of vos) await republishVo(context, id);
  const before = context.clock.nowMs() - keepTokensMs;
  await context.database.commits.run((write) =>
    write.deleteFrom('one_time_token').where('expires_at', '<', before).execute(),
  );
}

async function republishVo(context: VoContext, vo: string): Promise<void> {
  await changeRegistry(context, 'service', async (change) => {
    const exists = await change.write
      .selectFrom('vo')
      .select('id')
      .where('id', '=', vo)
      .where('destroyed_at', 'is', null)
      .executeTakeFirst();
    if (exists === undefined) return;
    const lifetimeMs = context.settings.configuration.Certificates.CrlLifetime;
    const rca = await context.authorities.issuer('rca', vo);
    await publishVoCrl(change.write, rca, { vo, kind: 'rca', nowMs: change.nowMs, lifetimeMs });
    await change.certificatesRevoked(vo, 'cda');
    await change.membershipChanged(vo);
  });
}

async function republishServices(context: VoContext, domain: string): Promise<void> {
  const issuer = await context.authorities.services(domain);
  const lifetimeMs = context.settings.configuration.Certificates.CrlLifetime;
  await context.database.commits.run((write) =>
    publishServicesCrl(write, issuer, context.clock.nowMs(), lifetimeMs),
  );
}

async function republishRoot(
  context: VoContext,
  domain: { readonly name: string; readonly root_offline: number },
): Promise<void> {
  const row = await context.database.read
    .selectFrom('authority')
    .select('crl_next_update')
    .where('domain', '=', domain.name)
    .where('kind', '=', 'root')
    .executeTakeFirstOrThrow();
  if (row.crl_next_update - context.clock.nowMs() > rootCrlMarginMs) return;
  if (domain.root_offline !== 0) {
    const until = new Date(row.crl_next_update).toISOString();
    const message = `the root CRL of ${domain.name} ends at ${until}: bring the root key and publish one`;
    context.logger.warning(rootCrlEnding, message, { domain: domain.name });
    return;
  }
  const root = await rootIssuer(context.authorities, domain, 'publish the CRL of the root');
  await changeRegistry(context, 'service', async (change) => {
    await publishRootCrl(change.write, root, domain.name, change.nowMs);
    await announceDomainCrl(context, change, domain.name);
  });
}
