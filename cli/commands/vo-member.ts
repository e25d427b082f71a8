import type { Member, MemberStatus } from '@xtreemos/vo-client';
import { Option } from 'commander';
import type { Invocation, Perform } from '../invocation.ts';
import { expiryValue, type Identity, identityValue, voValue } from '../option-values.ts';
import { fields } from '../output/fields.ts';
import type { Report } from '../output/report.ts';
import { stableJson } from '../output/stable-json.ts';
import { table } from '../output/table.ts';
import { momentText, timeText } from '../output/time-text.ts';
import { confirmPlainly } from '../prompt/confirmation.ts';
import { tokenDelivery } from '../token-delivery.ts';
import { addSignInOptions, type ConnectionOptions, withVoClient } from '../vo-connection.ts';
import { addCommand, type XosCommand } from '../xos-command.ts';

const statuses: readonly MemberStatus[] = ['invited', 'asked', 'active', 'suspended', 'expired', 'revoked'];

interface ChangeOptions extends ConnectionOptions {
  readonly fullName?: string;
  readonly email?: string;
  readonly expires?: number | null;
}

/** Who is in a VO: members and their passwords. */
export function addVoMemberCommands(vo: XosCommand, perform: Perform): void {
  addMemberNoun(vo, perform);
  addPassword(vo, perform);
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
    addMemberArgument(
      addCommand(member, 'show', {
        summary: 'show one member',
        examples: [['xos vo member show alice@physics.example.org', '']],
      }),
    ),
  ).action(perform(showMember));

  addSignInOptions(
    addMemberArgument(
      addCommand(member, 'change', {
        summary: 'change name, e-mail address or end of membership',
        examples: [['xos vo member change alice@physics.example.org --expires never', '']],
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
    addMemberArgument(
      addCommand(member, 'suspend', {
        summary: 'keep a member out for a while',
        description:
          'Keep a member out until resumed: nodes end the sessions at once, no certificate is issued.',
        examples: [['xos vo member suspend alice@physics.example.org', '']],
      }),
    ).option('--yes', 'do not ask'),
  ).action(perform(suspend));

  addSignInOptions(
    addMemberArgument(
      addCommand(member, 'resume', {
        summary: 'let a suspended member in again',
        examples: [['xos vo member resume alice@physics.example.org', '']],
      }),
    ),
  ).action(perform(resume));

  addSignInOptions(
    addMemberArgument(
      addCommand(member, 'token', {
        summary: 'make a new one-time token, as for a lost password',
        examples: [['xos vo member token alice@physics.example.org --out alice.token', '']],
      }),
    ).option('--out <file>', 'write the token to a new FILE (mode 0600) instead of printing it'),
  ).action(perform(issueToken));
}

function addMemberArgument(command: XosCommand): XosCommand {
  return command.argument('<identity>', 'USER@VO', identityValue);
}

function addPassword(vo: XosCommand, perform: Perform): void {
  addSignInOptions(
    addCommand(vo, 'password', {
      summary: 'set a VO password',
      description:
        'Set your own VO password, signed in with your certificate; or, as the local administrator, that of a member. ' +
        'The password is asked for twice, 8 to 256 bytes.',
      examples: [
        ['xos vo password alice@physics.example.org', 'signed in as alice, or as root on the VO host'],
      ],
    })
      .argument('<identity>', 'USER@VO', identityValue)
      .option('--password-file <file>', 'the new password is the first line of FILE; - is standard input'),
  ).action(perform(setPassword));
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
  { user, vo }: Identity,
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
  { user, vo }: Identity,
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
  { user, vo }: Identity,
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
  { user, vo }: Identity,
): Promise<Report> {
  const member = await withVoClient(invocation, options, vo, 'administrator', (client) =>
    client.changeMember(vo, user, { status: 'active' }),
  );
  return memberReport(member, `${user} may use ${vo} again.`);
}

async function issueToken(
  invocation: Invocation,
  options: ConnectionOptions & { readonly out?: string },
  { user, vo }: Identity,
): Promise<Report> {
  const delivery = tokenDelivery(options.out);
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
  { user, vo }: Identity,
): Promise<Report> {
  const password = await invocation.prompts.newSecret(
    { what: 'VO password', option: '--password-file', file: options.passwordFile },
    `New password for ${user}@${vo}:`,
    8,
  );
  await withVoClient(invocation, options, vo, 'administrator', (client) =>
    client.setPassword(vo, user, password),
  );
  return { data: { vo, user, changed: true }, text: () => 'The password is set.\n' };
}

export function memberReport(member: Member, sentence: string): Report {
  return { data: stableJson(member), text: () => `${sentence}\n` };
}
