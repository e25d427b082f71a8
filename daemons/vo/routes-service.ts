import type { RootKey, VoCreation } from '@xtreemos/vo-client';
import { readAudit, verifyAudit } from './audit-log.ts';
import type { Route, RouteCall } from './route.ts';
import {
  createDomain,
  exportRoot,
  importRoot,
  listDomains,
  publishDomainCrl,
  requireDomain,
  takeRootOffline,
} from './trust-domain.ts';
import { createVo, destroyVo, listVos } from './vo-registry.ts';

/** The service as a whole: trust domains, VOs, the whole audit log. */
export const serviceRoutes: readonly Route[] = [
  {
    method: 'GET',
    url: '/v1/domains',
    operation: 'domain.list',
    summary: 'Trust domains',
    answer: 'TrustDomains',
    handle: ({ context }) => listDomains(context.database.read),
  },
  {
    method: 'POST',
    url: '/v1/domains',
    operation: 'domain.create',
    summary: 'A new trust domain with a root of its own',
    body: 'DomainCreation',
    answer: 'TrustDomain',
    status: 201,
    handle: ({ context, actor, body }) =>
      createDomain(context, actor, (body as { readonly name: string }).name),
  },
  {
    method: 'POST',
    url: '/v1/domains/:domain/root/export',
    operation: 'domain.root',
    summary: "The root's private key, encrypted; the service keeps its own until told to forget it",
    body: 'RootExport',
    answer: 'RootKeyExport',
    handle: ({ context, actor, params, body }) =>
      exportRoot(context, actor, params.domain, (body as { readonly passphrase: string }).passphrase),
  },
  {
    method: 'POST',
    url: '/v1/domains/:domain/root/offline',
    operation: 'domain.root',
    summary: "Forget the root's key; the exported one has to be shown and to open",
    body: 'RootKey',
    answer: 'TrustDomain',
    handle: ({ context, actor, params, body }) =>
      takeRootOffline(context, actor, params.domain, body as RootKey),
  },
  {
    method: 'POST',
    url: '/v1/domains/:domain/root/import',
    operation: 'domain.root',
    summary: "Put an exported root's key back",
    body: 'RootKey',
    answer: 'TrustDomain',
    handle: ({ context, actor, params, body }) => importRoot(context, actor, params.domain, body as RootKey),
  },
  {
    method: 'POST',
    url: '/v1/domains/:domain/crl',
    operation: 'domain.root',
    summary: 'Publish a CRL of the root; its key is needed when it is offline',
    body: 'RootCrl',
    answer: null,
    handle: async ({ context, actor, params, body }) => {
      await requireDomain(context.database.read, params.domain);
      await publishDomainCrl(context, actor, params.domain, (body as { readonly rootKey?: RootKey }).rootKey);
    },
  },
  {
    method: 'GET',
    url: '/v1/audit',
    operation: 'audit.all',
    summary: 'The audit log in order',
    query: ['after', 'limit'],
    answer: 'AuditEntries',
    handle: ({ context, query }) => readAudit(context.database.read, undefined, auditQuery(query)),
  },
  {
    method: 'GET',
    url: '/v1/audit/verification',
    operation: 'audit.all',
    summary: 'Recompute the hash chain of the audit log',
    answer: 'AuditVerification',
    handle: ({ context }) => verifyAudit(context.database.read),
  },
  {
    method: 'POST',
    url: '/v1/vos',
    operation: 'vo.create',
    summary: 'A new VO with CDA, RCA and SSH user CA',
    body: 'VoCreation',
    answer: 'Vo',
    status: 201,
    handle: ({ context, actor, body }) => createVo(context, actor, body as VoCreation),
  },
  {
    method: 'DELETE',
    url: '/v1/vos/:vo',
    operation: 'vo.destroy',
    summary: 'End a VO for good: its authorities are revoked, their keys destroyed',
    answer: null,
    handle: async ({ context, membership, actor, params }) => {
      await destroyVo(context, actor, params.vo);
      membership.forget(params.vo);
    },
  },
  {
    method: 'GET',
    url: '/v1/vos',
    operation: 'vo.list',
    summary: "VOs: all for the local administrator, else the caller's",
    answer: 'Vos',
    handle: ({ context, caller }) => listVos(context.database.read, 'vo' in caller ? [caller.vo] : undefined),
  },
  {
    method: 'GET',
    url: '/v1/vos/:vo/audit',
    operation: 'vo.audit',
    summary: 'Entries of the audit log that concern the VO',
    query: ['after', 'limit'],
    answer: 'AuditEntries',
    handle: ({ context, params, query }) => readAudit(context.database.read, params.vo, auditQuery(query)),
  },
];

function auditQuery(query: RouteCall['query']): { readonly after: number; readonly limit: number } {
  const after = Number(query.after ?? 0);
  return { after: Number.isSafeInteger(after) && after >= 0 ? after : 0, limit: pageLimit(query, 100) };
}

/** At most 1000. */
export function pageLimit(query: RouteCall['query'], fallback: number): number {
  return Math.min(Number(query.limit ?? fallback), 1000);
}
