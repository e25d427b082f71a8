import type { Member, MemberStatus } from '@xtreemos/vo-client';
import { Option } from 'commander';
import type { Invocation, Perform } from '../invocation.ts';
import { expiryValue, gathered, lifetimeValue, userValue, voValue } from '../option-values.ts';
import { fields } from '../output/fields.ts';
import type { Report } from '../output/report.ts';
import { stableJson } from '../output/stable-json.ts';
import { table } from '../output/table.ts';
import { momentText, timeText } from '../output/time-text.ts';
import { confirmPlainly } from '../prompt/confirmation.ts';
import { tokenDelivery } from '../token-delivery.ts';
import { findUserCredential } from '../user-credential.ts';
import { addSignInOptions, type ConnectionOptions, withVoClient } from '../vo-connection.ts';
import { addCommand, type XosCommand } from '../xos-command.ts';

const statuses: readonly MemberStatus[] = ['invited', 'asked', 'active', 'suspended', 'expired', 'revoked'];

interface InviteOptions extends ConnectionOptions {
  readonly fullName?: string;
  readonly email?: string;
  readonly group?: readonly string[];
  readonly expires?: number | null;
  readonly valid?: number;
  readonly tokenFile?: string;
}

interface ApproveOptions extends ConnectionOptions {
  readonly group?: readonly string[];
  readonly expires?: number | null;
}

interface ChangeOptions extends ConnectionOptions {
  readonly fullName?: string;
  readonly email?: string;
  readonly expires?: number | null;
}

/** Who is in a VO: invitations, requests, members, their passwords. */
export function addVoMemberCommands(vo: XosCommand, perform: Perform): void {
  addMembershipOptions(
    addSignInOptions(
      addCommand(vo, 'invite', {
        summary: 'invite a person into a VO',
        description:
          'Invite a person: makes the membership and a one-time token, which the person trades for a certificate with ' +
          '`xos cert request`. Hand the token over on a way you trust; it is shown once.',
        examples: [
          [
            'xos vo invite physics.example.org alice --group atlas --token-file alice.token',
            'the token goes to a file',
          ],
        ],
      })
        .argument('<vo>', 'id of the VO', voValue)
        .argument('<user>', 'user name within the VO', userValue)
        .option('--full-name <name>', "the person's name")
        .option('--email <address>', "the person's e-mail address")
        .option('--valid <span>', 'how long the invitation stands (default 7d)', lifetimeValue)
        .option('--token-file <file>', 'write the token to a new FILE (mode 0600) instead of printing it'),
    ),
  ).action(perform(invite));

  addSignInOptions(
    addCommand(vo, 'requests', {
      summary: 'list who asks to join a VO',
      examples: [['xos vo requests physics.example.org', '']],
    }).argument('<vo>', 'id of the VO', voValue),
  ).action(perform(listRequests));

  addMembershipOptions(
    addSignInOptions(
      addCommand(vo, 'approve', {
        summary: 'admit a person who asked to join',
        examples: [['xos vo approve physics.example.org bob --expires 2027-12-31', 'until the end of 2027']],
      })
        .argument('<vo>', 'id of the VO', voValue)
        .argument('<user>', 'user name within the VO', userValue),
    ),
  ).action(perform(approve));

  addSignInOptions(
    addCommand(vo, 'reject', {
      summary: 'turn down a person who asked to join',
      examples: [['xos vo reject physics.example.org mallory', '']],
    })
      .argument('<vo>', 'id of the VO', voValue)
      .argument('<user>', 'user name within the VO', userValue),
  ).action(perform(reject));

  addMemberNoun(vo, perform);
  addPassword(vo, perform);
}

function addMembershipOptions(command: XosCommand): XosCommand {
  return command
    .option('--group <path>', 'make the person a member of this group; may be given more than once', gathered)
    .option(
      '--expires <date>',
      'end of the membership: 2027-12-31, an RFC 3339 moment, or never',
      expiryValue,
    );
}

function addMemberNoun(vo: XosCommand, perform: Perform): void {
  const member = addCommand(vo, 'member', { summary: 'list, show and change the members of a VO' });

  addSignInOptions(
    addCommand(member, 'list', {
      summary: 'list members',
      examples: [['xos vo member list physics.example.org --status suspended', '']],
    })
      .argument('<vo>', 'id of the VO', voValue)
      .addOption(new Option('--status <status>', 'only these').choices(statuses)),
  ).action(perform(listMembers));

  addSignInOptions(
    addMemberArguments(
      addCommand(member, 'show', {
        summary: 'show one member',
        examples: [['xos vo member show physics.example.org alice', '']],
      }),
    ),
  ).action(perform(showMember));

  addSignInOptions(
    addMemberArguments(
      addCommand(member, 'change', {
        summary: 'change name, e-mail address or end of membership',
        examples: [['xos vo member change physics.example.org alice --expires never', '']],
      }),
    )
      .option('--full-name <name>', "the person's name")
      .option('--email <address>', "the person's e-mail address")
      .option(
        '--expires <date>',
        'end of the membership: 2027-12-31, an RFC 3339 moment, or never',
        expiryValue,
      ),
  ).action(perform(changeMember));

  addSignInOptions(
    addMemberArguments(
      addCommand(member, 'suspend', {
        summary: 'keep a member out for a while',
        description:
          'Keep a member out until resumed: nodes end the sessions at once, no certificate is issued.',
        examples: [['xos vo member suspend physics.example.org alice', '']],
      }),
    ).option('--yes', 'do not ask'),
  ).action(perform(suspend));

  addSignInOptions(
    addMemberArguments(
      addCommand(member, 'resume', {
        summary: 'let a suspended member in again',
        examples: [['xos vo member resume physics.example.org alice', '']],
      }),
    ),
  ).action(perform(resume));

  addSignInOptions(
    addMemberArguments(
      addCommand(member, 'token', {
        summary: 'make a new one-time token, as for a lost password',
        examples: [['xos vo member token physics.example.org alice --token-file alice.token', '']],
      }),
    ).option('--token-file <file>', 'write the token to a new FILE (mode 0600) instead of printing it'),
  ).action(perform(issueToken));
}

function addMemberArguments(command: XosCommand): XosCommand {
  return command
    .argument('<vo>', 'id of the VO', voValue)
    .argument('<user>', 'user name within the VO', userValue);
}

function addPassword(vo: XosCommand, perform: Perform): void {
  addSignInOptions(
    addCommand(vo, 'password', {
      summary: 'set a VO password',
      description:
        'Set your own VO password, signed in with your certificate; or, as the local administrator, that of a member. ' +
        'The password is asked for twice, 8 to 256 bytes.',
      examples: [
        ['xos vo password physics.example.org', 'your own'],
        ['xos vo password physics.example.org alice', "alice's, as root on the VO host"],
      ],
    })
      .argument('<vo>', 'id of the VO', voValue)
      .argument('[user]', 'the member; yourself when left out', userValue)
      .option('--password-file <file>', 'the new password is the first line of FILE; - is standard input'),
  ).action(perform(setPassword));
}

async function invite(
  invocation: Invocation,
  options: InviteOptions,
  vo: string,
  user: string,
): Promise<Report> {
  const delivery = tokenDelivery(options.tokenFile);
  const { member, ...token } = await withVoClient(invocation, options, vo, 'administrator', (client) =>
    client.invite(vo, {
      user,
      ...(options.fullName === undefined ? {} : { fullName: options.fullName }),
      ...(options.email === undefined ? {} : { email: options.email }),
      ...(options.expires === undefined ? {} : { expiresAtMs: options.expires }),
      ...(options.group === undefined ? {} : { groups: options.group }),
      ...(options.valid === undefined ? {} : { tokenLifetimeSeconds: options.valid }),
    }),
  );
  const delivered = await delivery.deliver(token);
  return {
    data: { member: stableJson(member), ...delivered.data },
    text: () =>
      `${member.user}@${vo} is invited until ${timeText(token.expiresAtMs)}.\n${delivered.text}` +
      `The person asks for a certificate with: xos cert request ${member.user}@${vo}\n`,
  };
}

async function listRequests(invocation: Invocation, options: ConnectionOptions, vo: string): Promise<Report> {
  const asking = await withVoClient(invocation, options, vo, 'administrator', (client) =>
    client.listMembers(vo, { status: 'asked' }),
  );
  return {
    data: { requests: asking.map(stableJson) },
    text: (terminal) =>
      table(
        asking,
        [
          { title: 'USER', value: (member) => member.user },
          { title: 'NAME', value: (member) => member.fullName, mayShrink: true },
          { title: 'E-MAIL', value: (member) => member.email, mayShrink: true },
          { title: 'ASKED', value: (member) => timeText(member.createdAtMs) },
        ],
        terminal,
        `Nobody asks to join ${vo}.`,
      ),
  };
}

async function approve(
  invocation: Invocation,
  options: ApproveOptions,
  vo: string,
  user: string,
): Promise<Report> {
  const member = await withVoClient(invocation, options, vo, 'administrator', (client) =>
    client.approve(vo, user, {
      ...(options.expires === undefined ? {} : { expiresAtMs: options.expires }),
      ...(options.group === undefined ? {} : { groups: options.group }),
    }),
  );
  return memberReport(member, `${user} is a member of ${vo} now.`);
}

async function reject(
  invocation: Invocation,
  options: ConnectionOptions,
  vo: string,
  user: string,
): Promise<Report> {
  await withVoClient(invocation, options, vo, 'administrator', (client) => client.reject(vo, user));
  return { data: { vo, user, rejected: true }, text: () => `The request of ${user} is turned down.\n` };
}

async function listMembers(
  invocation: Invocation,
  options: ConnectionOptions & { readonly status?: MemberStatus },
  vo: string,
): Promise<Report> {
  const members = await withVoClient(invocation, options, vo, 'administrator', (client) =>
    client.listMembers(vo, options.status === undefined ? {} : { status: options.status }),
  );
  return {
    data: { members: members.map(stableJson) },
    text: (terminal) =>
      table(
        members,
        [
          { title: 'USER', value: (member) => member.user },
          { title: 'STATUS', value: (member) => member.status },
          {
            title: 'UNTIL',
            value: (member) => (member.expiresAtMs === null ? 'open' : timeText(member.expiresAtMs)),
          },
          { title: 'GROUPS', value: (member) => member.groups.join(' '), mayShrink: true },
          { title: 'NAME', value: (member) => member.fullName, mayShrink: true },
        ],
        terminal,
        `${vo} has no such members.`,
      ),
  };
}

async function showMember(
  invocation: Invocation,
  options: ConnectionOptions,
  vo: string,
  user: string,
): Promise<Report> {
  const member = await withVoClient(invocation, options, vo, 'administrator', (client) =>
    client.showMember(vo, user),
  );
  return {
    data: stableJson(member),
    text: (terminal) => fields(memberFields(member, invocation.nowMs()), terminal),
  };
}

function memberFields(member: Member, nowMs: number): Parameters<typeof fields>[0] {
  return [
    ['User', `${member.user}@${member.vo}`],
    ['Name', member.fullName === '' ? undefined : member.fullName],
    ['E-mail', member.email === '' ? undefined : member.email],
    ['Status', member.status],
    ['GUID', member.guid],
    ['Until', member.expiresAtMs === null ? 'open' : momentText(member.expiresAtMs, nowMs)],
    ['Groups', member.groups.length === 0 ? undefined : member.groups],
    ['FQANs', member.fqans],
    ['Password', member.hasPassword ? 'set' : 'none'],
    ['Since', momentText(member.createdAtMs, nowMs)],
  ];
}

async function changeMember(
  invocation: Invocation,
  options: ChangeOptions,
  vo: string,
  user: string,
): Promise<Report> {
  const member = await withVoClient(invocation, options, vo, 'administrator', (client) =>
    client.changeMember(vo, user, {
      ...(options.fullName === undefined ? {} : { fullName: options.fullName }),
      ...(options.email === undefined ? {} : { email: options.email }),
      ...(options.expires === undefined ? {} : { expiresAtMs: options.expires }),
    }),
  );
  return memberReport(member, `The record of ${user} in ${vo} is changed.`);
}

async function suspend(
  invocation: Invocation,
  options: ConnectionOptions & { readonly yes?: boolean },
  vo: string,
  user: string,
): Promise<Report> {
  await confirmPlainly(
    invocation.prompts,
    options.yes,
    `Suspend ${user} in ${vo} and end the sessions?`,
    `Suspending ${user}`,
  );
  const member = await withVoClient(invocation, options, vo, 'administrator', (client) =>
    client.changeMember(vo, user, { status: 'suspended' }),
  );
  return memberReport(member, `${user} is suspended in ${vo}.`);
}

async function resume(
  invocation: Invocation,
  options: ConnectionOptions,
  vo: string,
  user: string,
): Promise<Report> {
  const member = await withVoClient(invocation, options, vo, 'administrator', (client) =>
    client.changeMember(vo, user, { status: 'active' }),
  );
  return memberReport(member, `${user} may use ${vo} again.`);
}

async function issueToken(
  invocation: Invocation,
  options: ConnectionOptions & { readonly tokenFile?: string },
  vo: string,
  user: string,
): Promise<Report> {
  const delivery = tokenDelivery(options.tokenFile);
  const token = await withVoClient(invocation, options, vo, 'administrator', (client) =>
    client.issueToken(vo, user),
  );
  const delivered = await delivery.deliver(token);
  return {
    data: { vo, user, ...delivered.data },
    text: () => `${delivered.text}It is good for one certificate until ${timeText(token.expiresAtMs)}.\n`,
  };
}

async function setPassword(
  invocation: Invocation,
  options: ConnectionOptions & { readonly passwordFile?: string },
  vo: string,
  user: string | undefined,
): Promise<Report> {
  const own = user === undefined ? await findUserCredential(invocation, options, vo) : undefined;
  const member = user ?? own?.credential.certificate.subject.commonName ?? '';
  const password = await invocation.prompts.newSecret(
    { what: 'VO password', option: '--password-file', file: options.passwordFile },
    `New password for ${member}@${vo}:`,
    8,
  );
  await withVoClient(invocation, options, vo, own?.credential ?? 'administrator', (client) =>
    client.setPassword(vo, member, password),
  );
  return { data: { vo, user: member, changed: true }, text: () => 'The password is set.\n' };
}

function memberReport(member: Member, sentence: string): Report {
  return { data: stableJson(member), text: () => `${sentence}\n` };
}
