import type { Member } from '@xtreemos/vo-client';
import type { Invocation, Perform } from '../invocation.ts';
import { type Identity, identityValue, userValue, voValue } from '../option-values.ts';
import type { Report } from '../output/report.ts';
import { stableJson } from '../output/stable-json.ts';
import { table } from '../output/table.ts';
import { timeText } from '../output/time-text.ts';
import { confirmPlainly } from '../prompt/confirmation.ts';
import { addSignInOptions, type ConnectionOptions, withVoClient } from '../vo-connection.ts';
import { addCommand, type XosCommand } from '../xos-command.ts';

type YesOption = ConnectionOptions & { readonly yes?: boolean };

/** Groups and roles, and the lists of what a VO has given out. */
export function addVoStructureCommands(vo: XosCommand, perform: Perform): void {
  addGroups(vo, perform);
  addRoles(vo, perform);

  addSignInOptions(
    addCommand(vo, 'certificates', {
      summary: 'list certificates that the VO issued',
      examples: [['xos vo certificates physics.example.org alice', "alice's"]],
    })
      .argument('<vo>', 'id of the VO', voValue)
      .argument('[user]', 'only of this member', userValue),
  ).action(perform(listCertificates));

  addSignInOptions(
    addCommand(vo, 'nodes', {
      summary: 'list the nodes of a VO',
      examples: [['xos vo nodes physics.example.org', '']],
    }).argument('<vo>', 'id of the VO', voValue),
  ).action(perform(listNodes));
}

function addGroups(vo: XosCommand, perform: Perform): void {
  const group = addCommand(vo, 'group', {
    summary: 'groups of a VO',
    description: 'Groups of a VO. A group is named by its path below the VO: atlas, atlas/muons.',
  });
  addSignInOptions(
    addCommand(group, 'list', {
      summary: 'list groups',
      examples: [['xos vo group list physics.example.org', '']],
    }).argument('<vo>', 'id of the VO', voValue),
  ).action(perform(listGroups));
  addSignInOptions(
    addCommand(group, 'create', {
      summary: 'make a group, its parents too',
      examples: [['xos vo group create physics.example.org atlas/muons', '']],
    })
      .argument('<vo>', 'id of the VO', voValue)
      .argument('<path>', 'path of the group')
      .option('--description <text>', 'what the group is, for people'),
  ).action(perform(createGroup));
  addSignInOptions(
    addCommand(group, 'destroy', {
      summary: 'end a group and those below it',
      examples: [['xos vo group destroy physics.example.org atlas/muons', '']],
    })
      .argument('<vo>', 'id of the VO', voValue)
      .argument('<path>', 'path of the group')
      .option('--yes', 'do not ask'),
  ).action(perform(destroyGroup));
  for (const [verb, summary, change] of [
    ['add', 'put a member into a group', addToGroup],
    ['remove', 'take a member out of a group', removeFromGroup],
  ] as const) {
    addSignInOptions(
      addCommand(group, verb, {
        summary,
        examples: [[`xos vo group ${verb} atlas/muons alice@physics.example.org`, '']],
      })
        .argument('<path>', 'path of the group')
        .argument('<identity>', 'USER@VO', identityValue),
    ).action(perform(change));
  }
}

function addRoles(vo: XosCommand, perform: Perform): void {
  const role = addCommand(vo, 'role', {
    summary: 'roles of members',
    description:
      'Roles of members, in the VO or in one of its groups. Role admin in the VO makes a VO administrator.',
  });
  for (const [verb, summary, change] of [
    ['grant', 'give a member a role', grantRole],
    ['withdraw', 'take a role from a member', withdrawRole],
  ] as const) {
    addSignInOptions(
      addCommand(role, verb, {
        summary,
        examples: [
          [`xos vo role ${verb} admin alice@physics.example.org`, 'in the VO'],
          [`xos vo role ${verb} operator alice@physics.example.org --group atlas`, 'in a group'],
        ],
      })
        .argument('<role>', 'the role')
        .argument('<identity>', 'USER@VO', identityValue)
        .option('--group <path>', 'in this group instead of the whole VO'),
    ).action(perform(change));
  }
}

async function listGroups(invocation: Invocation, options: ConnectionOptions, vo: string): Promise<Report> {
  const groups = await withVoClient(invocation, options, vo, 'administrator', (client) =>
    client.listGroups(vo),
  );
  return {
    data: { groups: groups.map(stableJson) },
    text: (terminal) =>
      table(
        groups,
        [
          { title: 'GROUP', value: (group) => group.path },
          { title: 'MEMBERS', value: (group) => String(group.members), align: 'right' },
          { title: 'DESCRIPTION', value: (group) => group.description, mayShrink: true },
        ],
        terminal,
        `${vo} has no groups.`,
      ),
  };
}

async function createGroup(
  invocation: Invocation,
  options: ConnectionOptions & { readonly description?: string },
  vo: string,
  path: string,
): Promise<Report> {
  const group = await withVoClient(invocation, options, vo, 'administrator', (client) =>
    client.createGroup(vo, path, options.description),
  );
  return { data: stableJson(group), text: () => `Group ${group.path} of ${vo} is there.\n` };
}

async function destroyGroup(
  invocation: Invocation,
  options: YesOption,
  vo: string,
  path: string,
): Promise<Report> {
  await confirmPlainly(
    invocation.prompts,
    options.yes,
    `End group ${path} of ${vo} and all groups below it?`,
    `Ending group ${path}`,
  );
  await withVoClient(invocation, options, vo, 'administrator', (client) => client.destroyGroup(vo, path));
  return { data: { vo, path, destroyed: true }, text: () => `Group ${path} of ${vo} is gone.\n` };
}

async function addToGroup(
  invocation: Invocation,
  options: ConnectionOptions,
  path: string,
  { user, vo }: Identity,
): Promise<Report> {
  const member = await withVoClient(invocation, options, vo, 'administrator', (client) =>
    client.addToGroup(vo, path, user),
  );
  return changedMember(member);
}

async function removeFromGroup(
  invocation: Invocation,
  options: ConnectionOptions,
  path: string,
  { user, vo }: Identity,
): Promise<Report> {
  const member = await withVoClient(invocation, options, vo, 'administrator', (client) =>
    client.removeFromGroup(vo, path, user),
  );
  return changedMember(member);
}

type RoleOptions = ConnectionOptions & { readonly group?: string };

async function grantRole(
  invocation: Invocation,
  options: RoleOptions,
  role: string,
  { user, vo }: Identity,
): Promise<Report> {
  const member = await withVoClient(invocation, options, vo, 'administrator', (client) =>
    client.grantRole(vo, options.group ?? '', role, user),
  );
  return changedMember(member);
}

async function withdrawRole(
  invocation: Invocation,
  options: RoleOptions,
  role: string,
  { user, vo }: Identity,
): Promise<Report> {
  const member = await withVoClient(invocation, options, vo, 'administrator', (client) =>
    client.withdrawRole(vo, options.group ?? '', role, user),
  );
  return changedMember(member);
}

function changedMember(member: Member): Report {
  return {
    data: stableJson(member),
    text: () => `${member.user}@${member.vo} has now: ${member.fqans.join(' ')}\n`,
  };
}

async function listCertificates(
  invocation: Invocation,
  options: ConnectionOptions,
  vo: string,
  user: string | undefined,
): Promise<Report> {
  const certificates = await withVoClient(invocation, options, vo, 'administrator', (client) =>
    client.listCertificates(vo, user),
  );
  return {
    data: { certificates: certificates.map(stableJson) },
    text: (terminal) =>
      table(
        certificates,
        [
          { title: 'SERIAL', value: (certificate) => certificate.serial },
          { title: 'KIND', value: (certificate) => certificate.kind },
          { title: 'SUBJECT', value: (certificate) => certificate.subject, mayShrink: true },
          { title: 'UNTIL', value: (certificate) => timeText(certificate.notAfterMs) },
          {
            title: 'REVOKED',
            value: ({ revokedAtMs, revocationReason }) =>
              revokedAtMs === null ? '' : `${timeText(revokedAtMs)} ${revocationReason ?? ''}`.trimEnd(),
            mayShrink: true,
          },
        ],
        terminal,
        'No certificate was issued there.',
      ),
  };
}

async function listNodes(invocation: Invocation, options: ConnectionOptions, vo: string): Promise<Report> {
  const nodes = await withVoClient(invocation, options, vo, 'administrator', (client) =>
    client.listNodes(vo),
  );
  return {
    data: { nodes: nodes.map(stableJson) },
    text: (terminal) =>
      table(
        nodes,
        [
          { title: 'NODE', value: (node) => node.hostname },
          { title: 'STATUS', value: (node) => node.status },
          { title: 'ROLES', value: (node) => node.roles.join(' '), mayShrink: true },
          { title: 'JOINED', value: (node) => timeText(node.joinedAtMs) },
          {
            title: 'LAST SEEN',
            value: (node) => (node.lastSeenAtMs === null ? 'never' : timeText(node.lastSeenAtMs)),
          },
        ],
        terminal,
        `No node has joined ${vo}.`,
      ),
  };
}
