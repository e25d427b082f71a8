import { type HostRole, hostRoles } from '@xtreemos/vo-client';
import { InvalidArgumentError } from 'commander';
import type { Invocation, Perform } from '../invocation.ts';
import { joinNode } from '../node/node-join.ts';
import { leaveNode } from '../node/node-leave.ts';
import { nodeStatus } from '../node/node-status.ts';
import { lifetimeValue, voValue } from '../option-values.ts';
import type { Report } from '../output/report.ts';
import { timeText } from '../output/time-text.ts';
import { tokenDelivery } from '../token-delivery.ts';
import { addSignInOptions, type ConnectionOptions, withVoClient } from '../vo-connection.ts';
import { addCommand, type XosCommand } from '../xos-command.ts';

/** `xos node`: hosts as members of VOs. Both sides consent: the VO gives a token, the host's root uses it. */
export function addNodeCommands(program: XosCommand, perform: Perform): void {
  const node = addCommand(program, 'node', {
    summary: 'let this host join and leave VOs',
    description:
      "Let this host join and leave VOs. Both sides have to agree: an administrator of the VO makes a token, the host's " +
      'root uses it.',
  });

  addSignInOptions(
    addCommand(node, 'token', {
      summary: 'make a token with which a host may join (VO administrator)',
      examples: [
        [
          'xos node token physics.example.org --host host1.example.org --out host1.token',
          'for one host, into a file',
        ],
        [
          'xos node token physics.example.org --role accounts --role exec',
          'printed; fits one host of any name',
        ],
      ],
    })
      .argument('<vo>', 'id of the VO', voValue)
      .option('--host <name>', 'only for the host of this fully qualified name')
      .option(
        '--role <role>',
        `what the host may be: ${hostRoles.join(', ')} (default accounts); may repeat`,
        roles,
      )
      .option('--lifetime <span>', 'how long the token is good (default 1h, at most 7d)', lifetimeValue)
      .option('--out <file>', 'write the token to a new FILE (mode 0600) instead of printing it'),
  ).action(perform(makeNodeToken));

  addCommand(node, 'join', {
    summary: 'let this host join a VO (root)',
    description:
      'Let this host join a VO. Shows the VO and asks; makes host keys here; installs trust anchors, host certificates ' +
      'and SSH authorities, all or nothing. Where the host has joined before and all is in place, nothing is changed.',
    examples: [
      ['xos node join', 'asks for the token'],
      ['xos node join --token-file host1.token --yes', 'unattended'],
      [
        'xos node join --role accounts --role dir --role osd',
        'with servers of the file system, which then start (the token has to allow the roles)',
      ],
      [
        'ssh vo-host xos node token physics.example.org | tail -1 | xos node join --token-file -',
        'from standard input',
      ],
    ],
  })
    .option('--token-file <file>', 'the token is the first line of FILE; - is standard input')
    .option('--hostname <name>', 'fully qualified name of this host (default: what hostname --fqdn says)')
    .option('--alias <alias>', "the VO's name in login names here (default: the first label of its id)")
    .option(
      '--role <role>',
      `what this host is: ${hostRoles.join(', ')} (default accounts); may repeat`,
      roles,
    )
    .option('--yes', 'do not ask')
    .action(perform(joinNode));

  addCommand(node, 'leave', {
    summary: 'let this host leave a VO (root)',
    description: 'Let this host leave a VO: the service is told, then all that joining installed is removed.',
    examples: [['xos node leave physics.example.org', '']],
  })
    .argument('<vo>', 'id or alias of the VO')
    .option('--force', 'leave even where the service cannot be told')
    .option('--yes', 'do not ask')
    .action(perform(leaveNode));

  addCommand(node, 'status', {
    summary: 'which VOs this host has joined, and until when its certificates hold',
    examples: [['xos node status --json=pretty', '']],
  }).action(perform(nodeStatus));
}

interface TokenOptions extends ConnectionOptions {
  readonly host?: string;
  readonly role?: readonly HostRole[];
  readonly lifetime?: number;
  readonly out?: string;
}

async function makeNodeToken(invocation: Invocation, options: TokenOptions, vo: string): Promise<Report> {
  const delivery = tokenDelivery(options.out);
  const token = await withVoClient(invocation, options, vo, 'administrator', (client) =>
    client.createNodeToken(vo, {
      ...(options.host === undefined ? {} : { hostname: options.host.toLowerCase() }),
      ...(options.role === undefined ? {} : { roles: options.role }),
      ...(options.lifetime === undefined ? {} : { lifetimeSeconds: options.lifetime }),
    }),
  );
  const delivered = await delivery.deliver(token);
  return {
    data: { vo, ...delivered.data },
    text: () =>
      `A host may join ${vo} once with this token until ${timeText(token.expiresAtMs)}: xos node join\n${delivered.text}`,
  };
}

function roles(text: string, former: readonly HostRole[] | undefined): readonly HostRole[] {
  const role = hostRoles.find((known) => known === text);
  if (role === undefined) throw new InvalidArgumentError(`It has to be one of ${hostRoles.join(', ')}.`);
  return [...(former ?? []), role];
}
