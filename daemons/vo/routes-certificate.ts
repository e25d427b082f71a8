import { XosError } from '@xtreemos/base';
import type {
  CertificateRequest,
  HostRenewalRequest,
  NodeTokenRequest,
  RevocationRequest,
  SessionCertificateRequest,
  SshCertificateRequest,
} from '@xtreemos/vo-client';
import type { Target } from './authorization.ts';
import type { NodeCaller } from './caller.ts';
import { issueForPerson, issueForSession, issueSsh } from './certificate-issuance.ts';
import { streamEvents } from './event-push.ts';
import { listNodes } from './node-record.ts';
import { createNodeToken, renewHostCertificates } from './node-registry.ts';
import { requireVo } from './registry-change.ts';
import {
  type CertificateName,
  findCertificate,
  listCertificates,
  revokeCertificate,
  revokeNode,
} from './revocation.ts';
import type { Route, RouteCall } from './route.ts';

/** Certificates, and what nodes ask for. */
export const certificateRoutes: readonly Route[] = [
  {
    method: 'POST',
    url: '/v1/vos/:vo/certificates',
    operation: 'certificate.issue',
    summary: 'An XOS certificate for a CSR; signed in by user certificate, password or one-time token',
    body: 'CertificateRequest',
    answer: 'IssuedCertificate',
    status: 201,
    handle: ({ context, caller, actor, params, body }) =>
      issueForPerson(context, caller, actor, params.vo, body as CertificateRequest),
  },
  {
    method: 'POST',
    url: '/v1/vos/:vo/ssh-certificates',
    operation: 'ssh-certificate.issue',
    summary: 'An OpenSSH user certificate for a public key; signed in as above',
    body: 'SshCertificateRequest',
    answer: 'IssuedSshCertificate',
    status: 201,
    handle: ({ context, caller, actor, params, body }) =>
      issueSsh(context, caller, actor, params.vo, body as SshCertificateRequest),
  },
  {
    method: 'POST',
    url: '/v1/vos/:vo/session-certificates',
    operation: 'session-certificate.issue',
    summary: 'A certificate good on the asking node alone, for a login there by password or SSH certificate',
    body: 'SessionCertificateRequest',
    answer: 'IssuedCertificate',
    status: 201,
    handle: ({ context, caller, actor, params, body }) =>
      issueForSession(context, asNode(caller), actor, params.vo, body as SessionCertificateRequest),
  },
  {
    method: 'GET',
    url: '/v1/vos/:vo/certificates',
    operation: 'certificate.list',
    summary: 'Certificates that have not expired, the newest first',
    query: ['user'],
    answer: 'IssuedCertificateRecords',
    handle: ({ context, params, query }) => listCertificates(context, params.vo, query.user),
  },
  {
    method: 'POST',
    url: '/v1/vos/:vo/certificates/:serial/revoke',
    operation: 'certificate.revoke',
    summary: 'Revoke an X.509 certificate; the CRL is published at once',
    body: 'RevocationRequest',
    answer: null,
    target: (call) => ownerOf(call, 'x509'),
    handle: (call) => revoke(call, 'x509'),
  },
  {
    method: 'POST',
    url: '/v1/vos/:vo/ssh-certificates/:serial/revoke',
    operation: 'certificate.revoke',
    summary: 'Revoke an OpenSSH certificate; its serial goes into the membership list',
    body: 'RevocationRequest',
    answer: null,
    target: (call) => ownerOf(call, 'ssh'),
    handle: (call) => revoke(call, 'ssh'),
  },
  {
    method: 'GET',
    url: '/v1/vos/:vo/nodes',
    operation: 'node.list',
    summary: 'Nodes of a VO',
    answer: 'NodeRecords',
    handle: ({ context, params }) => listNodes(context.database.read, params.vo),
  },
  {
    method: 'POST',
    url: '/v1/vos/:vo/node-tokens',
    operation: 'node.token',
    summary: 'A single-use token for a node to join with',
    body: 'NodeTokenRequest',
    answer: 'OneTimeToken',
    status: 201,
    handle: ({ context, actor, params, body }) =>
      createNodeToken(context, actor, params.vo, body as NodeTokenRequest),
  },
  {
    method: 'POST',
    url: '/v1/vos/:vo/nodes/:hostname/revoke',
    operation: 'node.revoke',
    summary: 'Put a node out of the VO; its certificates are revoked',
    body: 'RevocationRequest',
    answer: 'NodeRecord',
    handle: ({ context, actor, params, body }) => {
      const { reason = 'privilegeWithdrawn' } = body as RevocationRequest;
      return revokeNode(context, actor, params.vo, params.hostname, { status: 'revoked', reason });
    },
  },
  {
    method: 'POST',
    url: '/v1/vos/:vo/nodes/:hostname/leave',
    operation: 'node.leave',
    summary: 'The node leaves by itself; its certificates are revoked',
    body: 'Empty',
    answer: null,
    handle: async ({ context, actor, params }) => {
      await revokeNode(context, actor, params.vo, params.hostname, {
        status: 'left',
        reason: 'cessationOfOperation',
      });
    },
  },
  {
    method: 'POST',
    url: '/v1/vos/:vo/nodes/:hostname/certificates',
    operation: 'node.renew',
    summary: 'Renew host certificates',
    body: 'HostRenewalRequest',
    answer: 'HostCertificates',
    status: 201,
    handle: ({ context, actor, params, body }) =>
      renewHostCertificates(context, actor, params.vo, params.hostname, body as HostRenewalRequest),
  },
  {
    method: 'GET',
    url: '/v1/vos/:vo/membership',
    operation: 'membership.show',
    summary: 'The signed membership list; 304 when If-None-Match holds its version',
    answer: 'MembershipDocument',
    handle: async ({ context, membership, params, headers, reply }) => {
      await requireVo(context.database.read, params.vo);
      const { version, bytes } = await membership.current(params.vo);
      const etag = `"${version}"`;
      if (headers['if-none-match'] === etag) return reply.code(304).header('etag', etag).send();
      return reply.header('etag', etag).type('application/octet-stream').send(bytes);
    },
  },
  {
    method: 'GET',
    url: '/v1/node/events',
    operation: 'events.watch',
    summary: 'What changed, as newline-delimited JSON, until the node hangs up',
    answer: 'NodeEvents',
    handle: ({ context, caller, reply }) => streamEvents(context, asNode(caller), reply),
  },
];

/** The table lets nodes alone come here. */
function asNode(caller: RouteCall['caller']): NodeCaller {
  if (caller.kind !== 'node') {
    throw new XosError('XOS_INTERNAL', { attempt: 'serve a node', reason: `the caller is ${caller.kind}` });
  }
  return caller;
}

/** For `self`: who a serial belongs to. Of a serial that is unknown only administrators are told so. */
async function ownerOf(call: Omit<RouteCall, 'reply'>, space: CertificateName['space']): Promise<Target> {
  const { vo, serial } = call.params;
  const row = await findCertificate(call.context.database.read, { vo, space, serial }).catch(() => undefined);
  return { vo, ...(row === undefined || row.kind === 'host' ? {} : { user: row.subject }) };
}

async function revoke(call: RouteCall, space: CertificateName['space']): Promise<void> {
  const { vo, serial } = call.params;
  const { reason = 'unspecified' } = call.body as RevocationRequest;
  await revokeCertificate(call.context, call.actor, { vo, space, serial }, reason);
}
