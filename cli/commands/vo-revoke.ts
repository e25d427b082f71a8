import type { RevocationReason, RevocationRequest } from '@xtreemos/vo-client';
import { Option } from 'commander';
import type { Invocation, Perform } from '../invocation.ts';
import { type Identity, identityValue, voValue } from '../option-values.ts';
import type { Report } from '../output/report.ts';
import { stableJson } from '../output/stable-json.ts';
import { confirmPlainly } from '../prompt/confirmation.ts';
import { addSignInOptions, type ConnectionOptions, withVoClient } from '../vo-connection.ts';
import { addCommand, type XosCommand } from '../xos-command.ts';

const reasons: readonly RevocationReason[] = [
  'unspecified',
  'keyCompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'privilegeWithdrawn',
];

interface RevokeOptions extends ConnectionOptions {
  readonly yes?: boolean;
  readonly reason?: RevocationReason;
}

/** Taking back what a VO gave: final, and on connected nodes within 30 s. */
export function addVoRevokeCommands(vo: XosCommand, perform: Perform): void {
  const revoke = addCommand(vo, 'revoke', {
    summary: 'take back a membership, a certificate or a node',
    description:
      'Take back a membership, a certificate or a node, for good. The revocation list is published at once and pushed ' +
      'to the nodes, which end the sessions concerned within 30 s.',
  });
  addRevokeOptions(
    addCommand(revoke, 'member', {
      summary: 'end a membership and revoke all its certificates',
      description:
        'End a membership and revoke all its certificates. The user name is never given to another person.',
      examples: [['xos vo revoke member mallory@physics.example.org --reason privilegeWithdrawn', '']],
    }).argument('<identity>', 'USER@VO', identityValue),
  ).action(perform(revokeMember));
  addRevokeOptions(
    addCommand(revoke, 'certificate', {
      summary: 'revoke one certificate',
      examples: [
        [
          'xos vo revoke certificate physics.example.org 4f02a1 --reason keyCompromise',
          'X.509, serial in hexadecimal',
        ],
        ['xos vo revoke certificate physics.example.org 8813 --ssh', 'an SSH certificate, serial in decimal'],
      ],
    })
      .argument('<vo>', 'id of the VO', voValue)
      .argument('<serial>', 'serial number, as `xos vo certificates` lists it')
      .option('--ssh', 'the serial is that of an SSH certificate'),
  ).action(perform(revokeCertificate));
  addRevokeOptions(
    addCommand(revoke, 'node', {
      summary: 'put a node out of the VO',
      examples: [['xos vo revoke node physics.example.org host1.example.org', '']],
    })
      .argument('<vo>', 'id of the VO', voValue)
      .argument('<hostname>', 'fully qualified name of the node'),
  ).action(perform(revokeNode));
}

function addRevokeOptions(command: XosCommand): XosCommand {
  return addSignInOptions(
    command
      .addOption(new Option('--reason <reason>', 'why (RFC 5280, 5.3.1)').choices(reasons))
      .option('--yes', 'do not ask'),
  );
}

async function revokeMember(
  invocation: Invocation,
  options: RevokeOptions,
  { user, vo }: Identity,
): Promise<Report> {
  await confirmPlainly(
    invocation.prompts,
    options.yes,
    `End the membership of ${user} in ${vo} for good, and all sessions?`,
    `Revoking ${user}`,
  );
  const member = await withVoClient(invocation, options, vo, 'administrator', (client) =>
    client.revokeMember(vo, user, requestOf(options)),
  );
  return { data: stableJson(member), text: () => `${user} is no member of ${vo} any more.\n` };
}

async function revokeCertificate(
  invocation: Invocation,
  options: RevokeOptions & { readonly ssh?: boolean },
  vo: string,
  serial: string,
): Promise<Report> {
  await confirmPlainly(
    invocation.prompts,
    options.yes,
    `Revoke certificate ${serial} of ${vo} for good?`,
    `Revoking certificate ${serial}`,
  );
  await withVoClient(invocation, options, vo, 'administrator', (client) =>
    options.ssh === true
      ? client.revokeSshCertificate(vo, serial, requestOf(options))
      : client.revokeCertificate(vo, hexSerial(serial), requestOf(options)),
  );
  return { data: { vo, serial, revoked: true }, text: () => `Certificate ${serial} of ${vo} is revoked.\n` };
}

/** As openssl prints it too: in capitals (`-serial`), or with colons (`-text`). */
function hexSerial(serial: string): string {
  return serial.replaceAll(':', '').toLowerCase();
}

async function revokeNode(
  invocation: Invocation,
  options: RevokeOptions,
  vo: string,
  hostname: string,
): Promise<Report> {
  await confirmPlainly(
    invocation.prompts,
    options.yes,
    `Put node ${hostname} out of ${vo} and end the sessions of its members there?`,
    `Revoking node ${hostname}`,
  );
  const node = await withVoClient(invocation, options, vo, 'administrator', (client) =>
    client.revokeNode(vo, hostname, requestOf(options)),
  );
  return { data: stableJson(node), text: () => `Node ${hostname} is out of ${vo}.\n` };
}

function requestOf(options: RevokeOptions): RevocationRequest {
  return options.reason === undefined ? {} : { reason: options.reason };
}
