import type { Invocation, Perform } from '../invocation.ts';
import { type Identity, identityValue } from '../option-values.ts';
import type { Report } from '../output/report.ts';
import { stableJson } from '../output/stable-json.ts';
import { timeText } from '../output/time-text.ts';
import { tokenDelivery } from '../token-delivery.ts';
import { addServiceOptions, type ConnectionOptions, withVoClient } from '../vo-connection.ts';
import { addCommand, type XosCommand } from '../xos-command.ts';

interface AskOptions extends ConnectionOptions {
  readonly fullName?: string;
  readonly email?: string;
  readonly message?: string;
  readonly out?: string;
  readonly password?: boolean;
  readonly passwordFile?: string;
}

interface AcceptOptions extends ConnectionOptions {
  readonly tokenFile?: string;
  readonly password?: boolean;
  readonly passwordFile?: string;
}

/** How a person comes into a VO. */
export function addVoJoinCommands(vo: XosCommand, perform: Perform): void {
  addAskCommand(vo, 'ask', perform);

  addServiceOptions(
    addCommand(vo, 'accept', {
      summary: 'accept an invitation and choose a VO password',
      description:
        'Accept an invitation and choose a VO password for later sign-in. Not needed where a certificate is wanted at ' +
        'once: `xos cert request` takes the invitation as it is.',
      examples: [
        ['xos vo accept alice@physics.example.org --token-file alice.token', 'asks for the new password'],
      ],
    })
      .argument('<identity>', 'USER@VO', identityValue)
      .option('--token-file <file>', "the invitation's token is the first line of FILE; - is standard input")
      .option('--password-file <file>', 'the new password is the first line of FILE; - is standard input'),
  ).action(perform(accept));
}

/** `xos join`: the same as `xos vo ask`, where a newcomer looks for it. */
export function addJoinCommand(program: XosCommand, perform: Perform): void {
  addAskCommand(program, 'join', perform);
}

function addAskCommand(parent: XosCommand, name: string, perform: Perform): void {
  const path = `${parent.path()} ${name}`;
  addServiceOptions(
    addCommand(parent, name, {
      summary: 'ask to join a VO',
      description:
        'Ask to join a VO. An administrator of the VO approves or rejects. The answer holds a one-time token, good for ' +
        'one certificate once you are admitted; --password chooses a VO password beside it.',
      examples: [
        [
          `${path} bob@physics.example.org --full-name 'Bob Miller' --out bob.token`,
          'ask; then wait for the approval',
        ],
        ['xos cert request bob@physics.example.org --token-file bob.token', 'once approved'],
      ],
    })
      .argument('<identity>', 'USER@VO, the user name being the one you wish for', identityValue)
      .option('--full-name <name>', 'your name')
      .option('--email <address>', 'your e-mail address')
      .option('--message <text>', 'a word to the administrator')
      .option('--out <file>', 'write the token to a new FILE (mode 0600) instead of printing it')
      .option('--password', 'choose a VO password, asked for twice')
      .option('--password-file <file>', 'the VO password is the first line of FILE; - is standard input'),
  ).action(perform(ask));
}

async function ask(invocation: Invocation, options: AskOptions, identity: Identity): Promise<Report> {
  const delivery = tokenDelivery(options.out);
  const password = await chosenPassword(invocation, options, identity);
  const { token, expiresAtMs } = await withVoClient(invocation, options, identity.vo, 'public', (client) =>
    client.askToJoin(identity.vo, {
      user: identity.user,
      ...(options.fullName === undefined ? {} : { fullName: options.fullName }),
      ...(options.email === undefined ? {} : { email: options.email }),
      ...(options.message === undefined ? {} : { message: options.message }),
      ...(password === undefined ? {} : { password }),
    }),
  );
  const delivered = await delivery.deliver({ token, expiresAtMs });
  return {
    data: { user: identity.user, vo: identity.vo, status: 'asked', ...delivered.data },
    text: () =>
      `You asked to join ${identity.vo} as ${identity.user}; an administrator decides.\n${delivered.text}` +
      `Once admitted, until ${timeText(expiresAtMs)}: xos cert request ${identity.user}@${identity.vo}\n`,
  };
}

async function accept(invocation: Invocation, options: AcceptOptions, identity: Identity): Promise<Report> {
  const token = await invocation.prompts.secret(
    { what: 'token', option: '--token-file', file: options.tokenFile },
    'Token of the invitation:',
  );
  const password = await chosenPassword(invocation, { ...options, password: true }, identity);
  const member = await withVoClient(invocation, options, identity.vo, 'public', (client) =>
    client.acceptInvitation(identity.vo, {
      user: identity.user,
      token,
      ...(password === undefined ? {} : { password }),
    }),
  );
  return {
    data: stableJson(member),
    text: () =>
      `You are a member of ${identity.vo}. Ask for a certificate: xos cert request ${member.user}@${member.vo}\n`,
  };
}

async function chosenPassword(
  invocation: Invocation,
  options: { readonly password?: boolean; readonly passwordFile?: string },
  identity: Identity,
): Promise<string | undefined> {
  if (options.password !== true && options.passwordFile === undefined) return undefined;
  return invocation.prompts.newSecret(
    { what: 'VO password', option: '--password-file', file: options.passwordFile },
    `New VO password for ${identity.user}@${identity.vo}:`,
    8,
  );
}
