import { productVersion } from '@xtreemos/base';
import type { InvitationAcceptance, JoinRequest, NodeJoinRequest, ServiceStatus } from '@xtreemos/vo-client';
import type { Caller } from './caller.ts';
import { acceptInvitation, askToJoin } from './member-registry.ts';
import { joinNode } from './node-registry.ts';
import type { Route } from './route.ts';
import { crlBundle, trustBundle } from './trust-bundle.ts';
import type { VoContext } from './vo-context.ts';

/** Needs no sign-in; rate-limited by address. */
export const publicRoutes: readonly Route[] = [
  {
    method: 'GET',
    url: '/v1/status',
    operation: 'status.show',
    summary: 'That the service is up, its version and clock',
    answer: 'ServiceStatus',
    handle: async ({ context }): Promise<ServiceStatus> => ({
      service: 'xos-vo',
      version: productVersion,
      timeMs: context.clock.nowMs(),
      defaultDomain: context.settings.domain,
    }),
  },
  {
    method: 'GET',
    url: '/v1/trust/:name',
    operation: 'trust.show',
    summary: 'Trust anchors with signing policies, and SSH user CAs, of a VO or a trust domain',
    answer: 'TrustBundle',
    handle: ({ context, params }) => trustBundle(context, params.name),
  },
  {
    method: 'GET',
    url: '/v1/vos/:vo/crls',
    operation: 'crl.show',
    summary: 'The current CRLs of every authority that matters to the VO',
    answer: 'CrlBundle',
    handle: ({ context, params }) => crlBundle(context, params.vo),
  },
  {
    method: 'POST',
    url: '/v1/vos/:vo/join-requests',
    operation: 'member.ask',
    summary: 'Ask to join; the token is good for a certificate once an administrator approved',
    body: 'JoinRequest',
    answer: 'JoinRequestReceipt',
    status: 201,
    handle: ({ context, caller, actor, params, body }) => {
      const request = body as JoinRequest;
      // Deriving a hash costs as much as checking one: strangers get as few of either.
      if (request.password !== undefined) {
        const address = 'address' in caller ? caller.address : undefined;
        context.limits.countSignIn(`${request.user}@${params.vo}`, address);
      }
      return askToJoin(context, actor, params.vo, request);
    },
  },
  {
    method: 'POST',
    url: '/v1/vos/:vo/invitations/accept',
    operation: 'member.accept',
    summary: 'Accept an invitation and, if wanted, set a password; the token is used up',
    body: 'InvitationAcceptance',
    answer: 'Member',
    handle: ({ context, caller, actor, params, body }) => {
      const acceptance = body as InvitationAcceptance;
      const name = `${acceptance.user}@${params.vo}`;
      return limited(context, caller, name, () => acceptInvitation(context, actor, params.vo, acceptance));
    },
  },
  {
    method: 'POST',
    url: '/v1/vos/:vo/nodes',
    operation: 'node.join',
    summary: 'A node joins with a token of the VO administrator: host certificates for the CSRs',
    body: 'NodeJoinRequest',
    answer: 'NodeJoinResult',
    status: 201,
    handle: ({ context, caller, actor, params, body }) => {
      const request = body as NodeJoinRequest;
      const name = `node:${request.hostname}@${params.vo}`;
      return limited(context, caller, name, () => joinNode(context, actor, params.vo, request));
    },
  },
];

/** A token is tried: counts as an attempt to sign in, until it proves right. */
async function limited<Result>(
  context: VoContext,
  caller: Caller,
  name: string,
  work: () => Promise<Result>,
): Promise<Result> {
  const address = 'address' in caller ? caller.address : undefined;
  context.limits.countSignIn(name, address);
  const result = await work();
  context.limits.signedIn(name, address);
  return result;
}
