import type { Invocation, Perform } from '../invocation.ts';
import {
  expiryValue,
  gathered,
  type Identity,
  identityValue,
  lifetimeValue,
  voValue,
} from '../option-values.ts';
import type { Report } from '../output/report.ts';
import { stableJson } from '../output/stable-json.ts';
import { table } from '../output/table.ts';
import { timeText } from '../output/time-text.ts';
import { tokenDelivery } from '../token-delivery.ts';
import { addSignInOptions, type ConnectionOptions, withVoClient } from '../vo-connection.ts';
import { addCommand, type XosCommand } from '../xos-command.ts';
import { memberReport } from './vo-member.ts';

interface InviteOptions extends ConnectionOptions {
  readonly fullName?: string;
  readonly email?: string;
  readonly group?: readonly string[];
  readonly expires?: number | null;
  readonly valid?: number;
  readonly out?: string;
}

interface ApproveOptions extends ConnectionOptions {
  readonly group?: readonly string[];
  readonly expires?: number | null;
}

/** How an administrator lets people into a VO: invitations, and answers to those who ask. */
export function addVoAdmissionCommands(vo: XosCommand, perform: Perform): void {
  addMembershipOptions(
    addSignInOptions(
      addCommand(vo, 'invite', {
        summary: 'invite a person into a VO',
        description:
          'Invite a person: makes the membership and a one-time token, which the person trades for a certificate with ' +
          '`xos cert request`. Hand the token over on a way you trust; it is shown once.',
        examples: [
          [
            'xos vo invite alice@physics.example.org --group atlas --out alice.token',
            'the token goes to a file',
          ],
        ],
      })
        .argument('<identity>', 'USER@VO', identityValue)
        .option('--full-name <name>', "the person's name")
        .option('--email <address>', "the person's e-mail address")
        .option('--valid <span>', 'how long the invitation stands (default 7d)', lifetimeValue)
        .option('--out <file>', 'write the token to a new FILE (mode 0600) instead of printing it'),
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
        examples: [['xos vo approve bob@physics.example.org --expires 2027-12-31', 'until the end of 2027']],
      }).argument('<identity>', 'USER@VO', identityValue),
    ),
  ).action(perform(approve));

  addSignInOptions(
    addCommand(vo, 'reject', {
      summary: 'turn down a person who asked to join',
      examples: [['xos vo reject mallory@physics.example.org', '']],
    }).argument('<identity>', 'USER@VO', identityValue),
  ).action(perform(reject));
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

async function invite(
  invocation: Invocation,
  options: InviteOptions,
  { user, vo }: Identity,
): Promise<Report> {
  const delivery = tokenDelivery(options.out);
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
  { user, vo }: Identity,
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
  { user, vo }: Identity,
): Promise<Report> {
  await withVoClient(invocation, options, vo, 'administrator', (client) => client.reject(vo, user));
  return { data: { vo, user, rejected: true }, text: () => `The request of ${user} is turned down.\n` };
}
