import { createPublicKey } from 'node:crypto';
import { XosError } from '@xtreemos/base';
import { sshPublicKeyLine } from '@xtreemos/identity';
import type { Vo, VoCreation } from '@xtreemos/vo-client';
import { rootIssuer } from './authority-store.ts';
import { publishRootCrl } from './crl-publication.ts';
import type { Read } from './database.ts';
import type { VoRow } from './database-schema.ts';
import { makeSshAuthorityKey } from './key-store.ts';
import { checkVoId } from './names.ts';
import { changeRegistry, requireVo } from './registry-change.ts';
import { announceDomainCrl, makeIntermediate, makeTrustDomain, requireDomain } from './trust-domain.ts';
import type { VoContext } from './vo-context.ts';

/** VOs that exist, by id; only those named when a list is given. */
export async function listVos(read: Read, ids?: readonly string[]): Promise<readonly Vo[]> {
  const rows = await read
    .selectFrom('vo')
    .selectAll()
    .where('destroyed_at', 'is', null)
    .$if(ids !== undefined, (query) => query.where('id', 'in', ids ?? []))
    .orderBy('id')
    .execute();
  return Promise.all(rows.map((row) => describeVo(read, row)));
}

/** Throws XOS_NOT_FOUND. */
export async function showVo(read: Read, id: string): Promise<Vo> {
  const [vo] = await listVos(read, [id]);
  if (vo === undefined) throw new XosError('XOS_NOT_FOUND', { what: 'VO', name: id });
  return vo;
}

async function describeVo(read: Read, row: VoRow): Promise<Vo> {
  const count = async (table: 'member' | 'node'): Promise<number> => {
    const { total } = await read
      .selectFrom(table)
      .select((expression) => expression.fn.countAll<number>().as('total'))
      .where('vo', '=', row.id)
      .where('status', '=', 'active')
      .executeTakeFirstOrThrow();
    return Number(total);
  };
  const root = await read
    .selectFrom('authority')
    .select('fingerprint')
    .where('domain', '=', row.domain)
    .where('kind', '=', 'root')
    .executeTakeFirstOrThrow();
  return {
    id: row.id,
    description: row.description,
    domain: row.domain,
    rootFingerprint: root.fingerprint,
    membershipVersion: row.membership_version,
    crlVersion: row.crl_version,
    activeMembers: await count('member'),
    activeNodes: await count('node'),
    createdAtMs: row.created_at,
  };
}

/** Throws XOS_EXISTS (also for an id that a destroyed VO had), XOS_TRUST_DOMAIN_OFFLINE, XOS_NOT_FOUND (the domain). */
export async function createVo(context: VoContext, actor: string, creation: VoCreation): Promise<Vo> {
  const { id } = creation;
  checkVoId(id);
  const ownRoot = creation.ownRoot === true;
  const domainName = ownRoot ? id : (creation.domain ?? context.settings.domain);
  const existingRoot = ownRoot
    ? undefined
    : await rootIssuer(
        context.authorities,
        await requireDomain(context.database.read, domainName),
        `create VO ${id}`,
        creation.rootKey,
      );
  await changeRegistry(context, actor, async (change) => {
    const { write, nowMs } = change;
    const known = await write.selectFrom('vo').select('destroyed_at').where('id', '=', id).executeTakeFirst();
    if (known !== undefined) {
      const name = known.destroyed_at === null ? id : `${id} (destroyed; its id is not given again)`;
      throw new XosError('XOS_EXISTS', { what: 'VO', name });
    }
    const root = existingRoot ?? (await makeTrustDomain(context, change, domainName));
    const sshKey = makeSshAuthorityKey();
    await context.authorities.keys.save(`vo/${id}/ssh-ca`, sshKey);
    const row: VoRow = {
      id,
      description: creation.description ?? '',
      domain: domainName,
      ssh_ca: sshPublicKeyLine(createPublicKey(sshKey), id),
      membership_version: 1,
      crl_version: 1,
      created_at: nowMs,
      destroyed_at: null,
    };
    await write.insertInto('vo').values(row).execute();
    await makeIntermediate(context, change, { root, kind: 'cda', domain: domainName, vo: id });
    await makeIntermediate(context, change, { root, kind: 'rca', domain: domainName, vo: id });
    await change.audit({ vo: id, action: 'vo.create', subject: id, details: { domain: domainName } });
    change.afterCommit(() => context.authorities.forget());
  });
  return showVo(context.database.read, id);
}

/**
 * Ends a VO for good: its authorities are revoked on the root's CRL (at once when the root is online, else with the
 * next list), their keys destroyed, connected nodes told. The record and the audit log stay; the id stays taken.
 */
export async function destroyVo(context: VoContext, actor: string, id: string): Promise<void> {
  const { domain: domainName } = await showVo(context.database.read, id);
  const domain = await requireDomain(context.database.read, domainName);
  const root =
    domain.root_offline === 0 ? await rootIssuer(context.authorities, domain, `destroy VO ${id}`) : undefined;
  await changeRegistry(context, actor, async (change) => {
    const { write, nowMs } = change;
    await requireVo(write, id);
    await write.updateTable('vo').set({ destroyed_at: nowMs }).where('id', '=', id).execute();
    await write.updateTable('authority').set({ revoked_at: nowMs }).where('vo', '=', id).execute();
    await write.deleteFrom('one_time_token').where('vo', '=', id).execute();
    await change.audit({
      vo: id,
      action: 'vo.destroy',
      subject: id,
      details: { rootCrl: root !== undefined },
    });
    change.afterCommit(() => {
      context.authorities.forget();
      context.hub.dismiss({ type: 'gone', vo: id, reason: 'the VO was destroyed' });
    });
    if (root !== undefined) {
      await publishRootCrl(write, root, domainName, nowMs);
      await announceDomainCrl(context, change, domainName);
    }
  });
  for (const kind of ['cda', 'rca', 'ssh-ca'] as const)
    await context.authorities.keys.remove(`vo/${id}/${kind}`);
}
