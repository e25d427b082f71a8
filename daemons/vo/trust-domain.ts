import { createPublicKey } from 'node:crypto';
import { XosError } from '@xtreemos/base';
import {
  type AuthorityKind,
  certificatePem,
  encryptPrivateKey,
  type Issuer,
  issueIntermediateCertificate,
  issueRootCertificate,
  parseCertificate,
} from '@xtreemos/identity';
import type { RootKey, TrustDomain } from '@xtreemos/vo-client';
import { openRootKey, rootIssuer } from './authority-store.ts';
import { publishRootCrl, rootCrlLifetimeMs, signCrl } from './crl-publication.ts';
import type { Read } from './database.ts';
import type { AuthorityRow, AuthorityRowKind, TrustDomainRow } from './database-schema.ts';
import { makeAuthorityKey } from './key-store.ts';
import { type Change, changeRegistry } from './registry-change.ts';
import type { VoContext } from './vo-context.ts';

const rootLifetimeSeconds = 20 * 365 * 86_400;
const intermediateLifetimeSeconds = 10 * 365 * 86_400;

/** Throws XOS_NOT_FOUND. */
export async function requireDomain(read: Read, name: string): Promise<TrustDomainRow> {
  const row = await read.selectFrom('trust_domain').selectAll().where('name', '=', name).executeTakeFirst();
  if (row === undefined) throw new XosError('XOS_NOT_FOUND', { what: 'trust domain', name });
  return row;
}

/** A new root and, beneath it, the authority for VO services' certificates. Answers the root. */
export async function makeTrustDomain(context: VoContext, change: Change, name: string): Promise<Issuer> {
  const { write, nowMs } = change;
  const known = await write
    .selectFrom('trust_domain')
    .select('name')
    .where('name', '=', name)
    .executeTakeFirst();
  if (known !== undefined) throw new XosError('XOS_EXISTS', { what: 'Trust domain', name });
  const key = makeAuthorityKey();
  const { der } = issueRootCertificate({
    key,
    domain: name,
    now: new Date(nowMs),
    lifetimeSeconds: rootLifetimeSeconds,
  });
  const root: Issuer = { certificate: parseCertificate(der), key };
  await context.authorities.keys.save(`domain/${name}/root`, key);
  await write.insertInto('trust_domain').values({ name, root_offline: 0, created_at: nowMs }).execute();
  await insertAuthority(change, root, {
    kind: 'root',
    domain: name,
    vo: null,
    lifetimeMs: rootCrlLifetimeMs,
  });
  await makeIntermediate(context, change, { root, kind: 'services', domain: name, vo: null });
  await change.audit({
    vo: null,
    action: 'domain.create',
    subject: name,
    details: { rootFingerprint: root.certificate.fingerprint },
  });
  change.afterCommit(() => context.authorities.forget());
  return root;
}

const authorityKinds = { cda: 'CDA', rca: 'RCA', services: 'SERVICE' } as const satisfies Record<
  string,
  AuthorityKind
>;

/** CDA, RCA or services authority with a key of its own, signed by the root. */
export async function makeIntermediate(
  context: VoContext,
  change: Change,
  wanted: {
    readonly root: Issuer;
    readonly kind: 'cda' | 'rca' | 'services';
    readonly domain: string;
    readonly vo: string | null;
  },
): Promise<void> {
  const key = makeAuthorityKey();
  const { der } = issueIntermediateCertificate({
    issuer: wanted.root,
    publicKey: createPublicKey(key),
    kind: authorityKinds[wanted.kind],
    vos: wanted.vo === null ? [] : [wanted.vo],
    now: new Date(change.nowMs),
    lifetimeSeconds: intermediateLifetimeSeconds,
  });
  const { keys } = context.authorities;
  if (wanted.kind === 'services') await keys.save(`domain/${wanted.domain}/services`, key);
  else await keys.save(`vo/${wanted.vo ?? ''}/${wanted.kind}`, key);
  const issuer: Issuer = { certificate: parseCertificate(der), key };
  const lifetimeMs = context.settings.configuration.Certificates.CrlLifetime;
  await insertAuthority(change, issuer, {
    kind: wanted.kind,
    domain: wanted.domain,
    vo: wanted.vo,
    lifetimeMs,
  });
}

async function insertAuthority(
  change: Change,
  issuer: Issuer,
  owner: {
    readonly kind: AuthorityRowKind;
    readonly domain: string;
    readonly vo: string | null;
    readonly lifetimeMs: number;
  },
): Promise<void> {
  const { certificate } = issuer;
  const crl = signCrl(issuer, { number: 1, revoked: [], nowMs: change.nowMs, lifetimeMs: owner.lifetimeMs });
  const row: AuthorityRow = {
    fingerprint: certificate.fingerprint,
    kind: owner.kind,
    domain: owner.domain,
    vo: owner.vo,
    certificate: certificatePem(certificate),
    serial: certificate.serial,
    not_after: certificate.notAfter.getTime(),
    ...crl,
    revoked_at: null,
  };
  await change.write.insertInto('authority').values(row).execute();
}

export async function listDomains(read: Read): Promise<readonly TrustDomain[]> {
  const domains = await read.selectFrom('trust_domain').selectAll().orderBy('name').execute();
  return Promise.all(domains.map((row) => describeDomain(read, row)));
}

async function describeDomain(read: Read, row: TrustDomainRow): Promise<TrustDomain> {
  const root = await read
    .selectFrom('authority')
    .select(['fingerprint', 'not_after'])
    .where('domain', '=', row.name)
    .where('kind', '=', 'root')
    .executeTakeFirstOrThrow();
  const vos = await read
    .selectFrom('vo')
    .select('id')
    .where('domain', '=', row.name)
    .where('destroyed_at', 'is', null)
    .orderBy('id')
    .execute();
  return {
    name: row.name,
    rootFingerprint: root.fingerprint,
    rootOffline: row.root_offline !== 0,
    rootNotAfterMs: root.not_after,
    vos: vos.map(({ id }) => id),
  };
}

export async function createDomain(context: VoContext, actor: string, name: string): Promise<TrustDomain> {
  await changeRegistry(context, actor, (change) => makeTrustDomain(context, change, name));
  return describeDomain(context.database.read, await requireDomain(context.database.read, name));
}

/** The root's key, encrypted. The service keeps its own until `takeRootOffline` shows that this one opens. */
export async function exportRoot(
  context: VoContext,
  actor: string,
  name: string,
  passphrase: string,
): Promise<{ readonly pem: string }> {
  const domain = await requireDomain(context.database.read, name);
  const { key } = await rootIssuer(context.authorities, domain, 'export the root key');
  const pem = await encryptPrivateKey(key, passphrase);
  await changeRegistry(context, actor, (change) =>
    change.audit({ vo: null, action: 'domain.export-root', subject: name }),
  );
  return { pem };
}

/** Removes the service's copy of the root's key; the exported one, which has to open, is then the only one. */
export async function takeRootOffline(
  context: VoContext,
  actor: string,
  name: string,
  rootKey: RootKey,
): Promise<TrustDomain> {
  await requireDomain(context.database.read, name);
  await openRootKey(name, await context.authorities.rootOrServices('root', name), rootKey);
  await setOffline(context, actor, name, true);
  await context.authorities.keys.remove(`domain/${name}/root`);
  return describeDomain(context.database.read, await requireDomain(context.database.read, name));
}

export async function importRoot(
  context: VoContext,
  actor: string,
  name: string,
  rootKey: RootKey,
): Promise<TrustDomain> {
  await requireDomain(context.database.read, name);
  const key = await openRootKey(name, await context.authorities.rootOrServices('root', name), rootKey);
  await context.authorities.keys.save(`domain/${name}/root`, key);
  await setOffline(context, actor, name, false);
  return describeDomain(context.database.read, await requireDomain(context.database.read, name));
}

async function setOffline(context: VoContext, actor: string, name: string, offline: boolean): Promise<void> {
  await changeRegistry(context, actor, async (change) => {
    await change.write
      .updateTable('trust_domain')
      .set({ root_offline: offline ? 1 : 0 })
      .where('name', '=', name)
      .execute();
    await change.audit({
      vo: null,
      action: offline ? 'domain.root-offline' : 'domain.root-online',
      subject: name,
    });
  });
}

export async function publishDomainCrl(
  context: VoContext,
  actor: string,
  name: string,
  rootKey?: RootKey,
): Promise<void> {
  const domain = await requireDomain(context.database.read, name);
  const root = await rootIssuer(context.authorities, domain, 'publish the CRL of the root', rootKey);
  await changeRegistry(context, actor, async (change) => {
    await publishRootCrl(change.write, root, name, change.nowMs);
    await change.audit({ vo: null, action: 'domain.crl', subject: name });
    await announceDomainCrl(context, change, name);
  });
}

/** Nodes of every VO under the root fetch its new list. */
export async function announceDomainCrl(context: VoContext, change: Change, name: string): Promise<void> {
  const rows = await change.write
    .updateTable('vo')
    .set((expression) => ({ crl_version: expression('crl_version', '+', 1) }))
    .where('domain', '=', name)
    .where('destroyed_at', 'is', null)
    .returning(['id', 'crl_version'])
    .execute();
  for (const { id, crl_version: version } of rows) {
    change.afterCommit(() => context.hub.publish({ type: 'crl', vo: id, version }));
  }
}
