import type {
  InvitationRequest,
  MemberApproval,
  MemberChange,
  MemberStatus,
  RevocationRequest,
} from '@xtreemos/vo-client';
import {
  addToGroup,
  createGroup,
  destroyGroup,
  grantRole,
  listGroups,
  removeFromGroup,
  withdrawRole,
} from './group-registry.ts';
import { listMembers, showMember } from './member-record.ts';
import {
  approve,
  changeMember,
  invite,
  issueToken,
  reject,
  revokeMember,
  setPassword,
} from './member-registry.ts';
import { requireVo } from './registry-change.ts';
import type { Route } from './route.ts';
import { pageLimit } from './routes-service.ts';
import { showVo } from './vo-registry.ts';

/** Members, groups and roles of a VO. */
export const memberRoutes: readonly Route[] = [
  {
    method: 'GET',
    url: '/v1/vos/:vo',
    operation: 'vo.show',
    summary: 'The record of a VO',
    answer: 'Vo',
    handle: ({ context, params }) => showVo(context.database.read, params.vo),
  },
  {
    method: 'GET',
    url: '/v1/vos/:vo/members',
    operation: 'member.list',
    summary: 'Members in order of name; pass the last name as `after` for the next page',
    query: ['status', 'after', 'limit'],
    answer: 'Members',
    handle: async ({ context, params, query }) => {
      await requireVo(context.database.read, params.vo);
      return listMembers(context.database.read, params.vo, {
        status: query.status as MemberStatus | undefined,
        after: query.after,
        limit: pageLimit(query, 1000),
      });
    },
  },
  {
    method: 'POST',
    url: '/v1/vos/:vo/members',
    operation: 'member.manage',
    summary: 'Invite a person; the token goes to them',
    body: 'InvitationRequest',
    answer: 'Invitation',
    status: 201,
    handle: ({ context, actor, params, body }) =>
      invite(context, actor, params.vo, body as InvitationRequest),
  },
  {
    method: 'GET',
    url: '/v1/vos/:vo/members/:user',
    operation: 'member.show',
    summary: 'The record of a member',
    answer: 'Member',
    handle: ({ context, params }) => showMember(context.database.read, params.vo, params.user),
  },
  {
    method: 'PATCH',
    url: '/v1/vos/:vo/members/:user',
    operation: 'member.manage',
    summary: 'Change name, address or end of a membership; suspend or resume it',
    body: 'MemberChange',
    answer: 'Member',
    handle: ({ context, actor, params, body }) =>
      changeMember(context, actor, params.vo, params.user, body as MemberChange),
  },
  {
    method: 'POST',
    url: '/v1/vos/:vo/members/:user/approve',
    operation: 'member.manage',
    summary: 'Approve a request to join',
    body: 'MemberApproval',
    answer: 'Member',
    handle: ({ context, actor, params, body }) =>
      approve(context, actor, params.vo, params.user, body as MemberApproval),
  },
  {
    method: 'POST',
    url: '/v1/vos/:vo/members/:user/reject',
    operation: 'member.manage',
    summary: 'Turn away an unanswered request or invitation; the name becomes free',
    body: 'Empty',
    answer: null,
    handle: ({ context, actor, params }) => reject(context, actor, params.vo, params.user),
  },
  {
    method: 'POST',
    url: '/v1/vos/:vo/members/:user/revoke',
    operation: 'member.manage',
    summary: 'End a membership for good and revoke every certificate of the member',
    body: 'RevocationRequest',
    answer: 'Member',
    handle: ({ context, actor, params, body }) => {
      const { reason = 'privilegeWithdrawn' } = body as RevocationRequest;
      return revokeMember(context, actor, params.vo, params.user, reason);
    },
  },
  {
    method: 'POST',
    url: '/v1/vos/:vo/members/:user/tokens',
    operation: 'member.manage',
    summary: 'A new one-time token; earlier ones are void',
    body: 'Empty',
    answer: 'OneTimeToken',
    status: 201,
    handle: ({ context, actor, params }) => issueToken(context, actor, params.vo, params.user),
  },
  {
    method: 'PUT',
    url: '/v1/vos/:vo/members/:user/password',
    operation: 'member.password',
    summary: 'Set the VO password',
    body: 'PasswordChange',
    answer: null,
    handle: ({ context, actor, params, body }) =>
      setPassword(context, actor, params.vo, params.user, (body as { readonly password: string }).password),
  },
  {
    method: 'PUT',
    url: '/v1/vos/:vo/members/:user/groups/:group',
    operation: 'member.manage',
    summary: 'Put a member into a group and those above it',
    body: 'Empty',
    answer: 'Member',
    handle: ({ context, actor, params }) => addToGroup(context, actor, params.vo, params.group, params.user),
  },
  {
    method: 'DELETE',
    url: '/v1/vos/:vo/members/:user/groups/:group',
    operation: 'member.manage',
    summary: 'Take a member out of a group and those below it',
    answer: 'Member',
    handle: ({ context, actor, params }) =>
      removeFromGroup(context, actor, params.vo, params.group, params.user),
  },
  {
    method: 'PUT',
    url: '/v1/vos/:vo/members/:user/roles/:role',
    operation: 'member.manage',
    summary: 'Grant a role in a group, or in the VO itself when `group` is left out',
    query: ['group'],
    body: 'Empty',
    answer: 'Member',
    handle: ({ context, actor, params, query }) =>
      grantRole(context, actor, params.vo, query.group ?? '', params.role, params.user),
  },
  {
    method: 'DELETE',
    url: '/v1/vos/:vo/members/:user/roles/:role',
    operation: 'member.manage',
    summary: 'Withdraw a role',
    query: ['group'],
    answer: 'Member',
    handle: ({ context, actor, params, query }) =>
      withdrawRole(context, actor, params.vo, query.group ?? '', params.role, params.user),
  },
  {
    method: 'GET',
    url: '/v1/vos/:vo/groups',
    operation: 'group.list',
    summary: 'Groups of a VO',
    answer: 'Groups',
    handle: ({ context, params }) => listGroups(context.database.read, params.vo),
  },
  {
    method: 'PUT',
    url: '/v1/vos/:vo/groups/:group',
    operation: 'group.manage',
    summary: 'A new group; missing parents are made (the slashes of the path percent-encoded)',
    body: 'GroupCreation',
    answer: 'Group',
    status: 201,
    handle: ({ context, actor, params, body }) => {
      const { description = '' } = body as { readonly description?: string };
      return createGroup(context, actor, params.vo, params.group, description);
    },
  },
  {
    method: 'DELETE',
    url: '/v1/vos/:vo/groups/:group',
    operation: 'group.manage',
    summary: 'Remove a group and those below it',
    answer: null,
    handle: ({ context, actor, params }) => destroyGroup(context, actor, params.vo, params.group),
  },
];
