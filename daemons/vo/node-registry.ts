import { randomUUID } from 'node:crypto';
import { XosError } from '@xtreemos/base';
import { certificatePem, issueHostCertificate, parseCertificateRequest } from '@xtreemos/identity';
import {
  formatNodeToken,
  type HostCertificates,
  type HostRenewalRequest,
  type HostRole,
  type NodeJoinRequest,
  type NodeJoinResult,
  type NodeTokenRequest,
  type OneTimeToken,
} from '@xtreemos/vo-client';
import type { NodeRow } from './database-schema.ts';
import { recordCertificate } from './issued-certificate.ts';
import { requireNode, rolesOf, showNode } from './node-record.ts';
import { makeToken, useToken } from './one-time-token.ts';
import { type Change, changeRegistry, requireVo } from './registry-change.ts';
import { trustBundle } from './trust-bundle.ts';
import type { VoContext } from './vo-context.ts';

const tokenLifetimeSeconds = 3600;

/** The VO's consent to a node: a token that its administrator takes to the node. */
export async function createNodeToken(
  context: VoContext,
  actor: string,
  vo: string,
  request: NodeTokenRequest,
): Promise<OneTimeToken> {
  const root = await context.authorities.rootOrServices('root', context.settings.domain);
  return changeRegistry(context, actor, async (change) => {
    await requireVo(change.write, vo);
    const roles = request.roles ?? ['accounts'];
    const { token: secret, expiresAtMs } = await makeToken(change, {
      kind: 'node',
      vo,
      hostname: request.hostname ?? null,
      roles,
      lifetimeSeconds: request.lifetimeSeconds ?? tokenLifetimeSeconds,
    });
    await change.audit({
      vo,
      action: 'node.token',
      subject: request.hostname ?? '*',
      details: { roles: roles.join(' '), expiresAtMs },
    });
    const token = formatNodeToken({
      url: context.publicUrl(),
      vo,
      caFingerprint: root.fingerprint,
      secret,
      expiresAtMs,
    });
    return { token, expiresAtMs };
  });
}

/** Throws XOS_TOKEN_INVALID, XOS_EXISTS (a node of that name is active), XOS_PERMISSION (role or name not in the token). */
export async function joinNode(
  context: VoContext,
  actor: string,
  vo: string,
  request: NodeJoinRequest,
): Promise<NodeJoinResult> {
  const keys = parseRequests(request.csrs);
  const { hostname } = request;
  const certificates = await changeRegistry(context, actor, async (change) => {
    await requireVo(change.write, vo);
    const token = await useToken(change, { kind: 'node', vo, secret: request.secret });
    if (token.hostname !== null && token.hostname !== hostname) {
      throw new XosError('XOS_PERMISSION', {
        who: hostname,
        attempt: `join ${vo}`,
        reason: 'the token is for another host name',
      });
    }
    requireRoles(hostname, [...keys.keys()], rolesOf(token));
    const node = await insertNode(change, vo, hostname, [...keys.keys()]);
    const issued = await issueForNode(context, change, node, keys);
    await change.audit({
      vo,
      action: 'node.join',
      subject: hostname,
      details: { guid: node.guid, roles: [...keys.keys()].join(' ') },
    });
    return issued;
  });
  const { read } = context.database;
  return { node: await showNode(read, vo, hostname), certificates, trust: await trustBundle(context, vo) };
}

/** For roles the node has. The caller was signed in as this node. */
export async function renewHostCertificates(
  context: VoContext,
  actor: string,
  vo: string,
  hostname: string,
  request: HostRenewalRequest,
): Promise<HostCertificates> {
  const keys = parseRequests(request.csrs);
  return changeRegistry(context, actor, async (change) => {
    await requireVo(change.write, vo);
    const node = await requireNode(change.write, vo, hostname);
    if (node.status !== 'active') throw new XosError('XOS_NODE_UNKNOWN', { node: hostname, vo });
    requireRoles(hostname, [...keys.keys()], rolesOf(node));
    return issueForNode(context, change, node, keys);
  });
}

type KeyOfRole = ReadonlyMap<HostRole, ReturnType<typeof parseCertificateRequest>['publicKey']>;

function parseRequests(csrs: NodeJoinRequest['csrs']): KeyOfRole {
  const entries = Object.entries(csrs) as [HostRole, string][];
  return new Map(entries.map(([role, csr]) => [role, parseCertificateRequest(csr).publicKey]));
}

function requireRoles(hostname: string, wanted: readonly HostRole[], allowed: readonly HostRole[]): void {
  const excess = wanted.filter((role) => !allowed.includes(role));
  if (excess.length > 0) {
    throw new XosError('XOS_PERMISSION', {
      who: hostname,
      attempt: `hold the role ${excess.join(', ')}`,
      reason: `the VO allowed ${allowed.join(', ')}`,
    });
  }
}

/** A name that left or was revoked may come back, as another node (GUID). */
async function insertNode(
  change: Change,
  vo: string,
  hostname: string,
  roles: readonly HostRole[],
): Promise<NodeRow> {
  const row: NodeRow = {
    vo,
    hostname,
    guid: randomUUID(),
    status: 'active',
    roles: JSON.stringify(roles),
    joined_at: change.nowMs,
    last_seen_at: null,
  };
  const known = await change.write
    .selectFrom('node')
    .select('status')
    .where('vo', '=', vo)
    .where('hostname', '=', hostname)
    .executeTakeFirst();
  if (known?.status === 'active') {
    throw new XosError('XOS_EXISTS', {
      what: 'Node',
      name: `${hostname} (revoke it first when it was set up anew)`,
    });
  }
  await change.write
    .insertInto('node')
    .values(row)
    .onConflict((conflict) => conflict.columns(['vo', 'hostname']).doUpdateSet(row))
    .execute();
  return row;
}

async function issueForNode(
  context: VoContext,
  change: Change,
  node: NodeRow,
  keys: KeyOfRole,
): Promise<HostCertificates> {
  const issuer = await context.authorities.issuer('rca', node.vo);
  const lifetimeSeconds = context.settings.configuration.Certificates.HostLifetime / 1000;
  const certificates: Partial<Record<HostRole, string>> = {};
  for (const [role, publicKey] of keys) {
    const issued = issueHostCertificate({
      issuer,
      publicKey,
      vo: node.vo,
      role,
      hostGuid: node.guid,
      hostname: node.hostname,
      now: new Date(change.nowMs),
      lifetimeSeconds,
    });
    await recordCertificate(
      context,
      change,
      { vo: node.vo, kind: 'host', subject: node.hostname, details: { role } },
      issued,
    );
    certificates[role] = certificatePem(issued, issuer.certificate);
  }
  return certificates;
}
