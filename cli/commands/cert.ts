import { Option } from 'commander';
import { requestCertificate } from '../certificate/certificate-enrolment.ts';
import { renewCertificate } from '../certificate/certificate-renewal.ts';
import { showCredential } from '../certificate/credential-display.ts';
import { exportCredential } from '../certificate/credential-export.ts';
import { verifyCredential } from '../certificate/credential-verification.ts';
import { requestSshCertificate } from '../certificate/ssh-enrolment.ts';
import type { Perform } from '../invocation.ts';
import { gathered, identityValue, lifetimeValue } from '../option-values.ts';
import { addServiceOptions, addSignInOptions } from '../vo-connection.ts';
import { addCommand, type XosCommand } from '../xos-command.ts';

const keyTypes = ['ecdsa-p256', 'rsa-3072', 'ed25519'] as const;
const passphraseOption = [
  '--passphrase-file <file>',
  "the key's passphrase is the first line of FILE; - is standard input",
] as const;

/** `xos cert`: a person's grid certificates. */
export function addCertCommands(program: XosCommand, perform: Perform): void {
  const cert = addCommand(program, 'cert', {
    summary: 'get, look at and check grid certificates',
    description:
      'Get, look at and check grid certificates. Keys are made here and never leave; only a signing request travels. ' +
      'Credentials lie in ~/.config/xtreemos, their keys encrypted. Where FILE is left out, the only credential there ' +
      'is meant, or that of the session.',
  });

  addKeyOptions(
    addServiceOptions(
      addCommand(cert, 'request', {
        summary: 'get a certificate, signing in with a one-time token or VO password',
        examples: [
          ['xos cert request alice@physics.example.org', 'asks for token or password, then for a passphrase'],
          ['xos cert request alice@physics.example.org --token-file alice.token', 'with an invitation'],
          [
            'xos cert request alice@physics.example.org --out /media/stick/alice.p12',
            'onto a USB stick, for logging in on a console',
          ],
          [
            'xos cert request alice@physics.example.org --fqan /physics.example.org/atlas/Role=operator',
            'asserting one role only',
          ],
        ],
      })
        .argument('<identity>', 'USER@VO', identityValue)
        .option('--token-file <file>', 'the one-time token is the first line of FILE; - is standard input')
        .option('--password', 'ask for the VO password, not for a token')
        .option('--password-file <file>', 'the VO password is the first line of FILE; - is standard input')
        .option(
          '--fqan <fqan>',
          'assert this FQAN, the first one given being the primary; default all',
          gathered,
        ),
    ),
  ).action(perform(requestCertificate));

  addKeyOptions(
    addServiceOptions(
      addCommand(cert, 'renew', {
        summary: 'trade a still valid certificate for a new one',
        description:
          'Trade a still valid certificate for a new one, with a new key of the same type and the same passphrase. The ' +
          'file is replaced at once or not at all.',
        examples: [['xos cert renew', '']],
      }).argument('[file]', 'credential to renew'),
    ),
    { withKeyType: false },
  ).action(perform(renewCertificate));

  addCommand(cert, 'show', {
    summary: 'show what a certificate says',
    description: 'Show what a certificate says. Nothing is checked: that is `xos cert verify`.',
    examples: [
      ['xos cert show /media/stick/alice.p12', 'asks for the passphrase: PKCS#12 hides its certificates'],
    ],
  })
    .argument('[file]', 'credential or certificate')
    .option(...passphraseOption)
    .action(perform(showCredential));

  addCommand(cert, 'verify', {
    summary: 'check a certificate as a node of the grid would',
    description:
      'Check a certificate as a node of the grid would: chain, signing policies, revocation, validity with 300 s of ' +
      'clock skew, VO. Exits with 5 and says why where it does not hold.',
    examples: [
      ['xos cert verify', ''],
      ['xos cert verify --trust-directory ./anchors alice.pem', 'against other trust anchors'],
    ],
  })
    .argument('[file]', 'credential or certificate')
    .option('--trust-directory <directory>', 'trust anchors in IGTF layout (default: those of this host)')
    .option('--crl-directory <directory>', 'take revocation lists from here too')
    .option('--without-crls', 'accept where a revocation list is missing')
    .option(...passphraseOption)
    .action(perform(verifyCredential));

  addCommand(cert, 'export', {
    summary: 'write a credential in another format',
    description:
      'Write a credential in another format: pem (certificate, encrypted key, chain), pkcs12, certificate (PEM without ' +
      'key), chain (its issuers). The passphrase stays the same unless --new-passphrase asks for another.',
    examples: [
      ['xos cert export --format pkcs12 --out alice.p12', 'for a browser'],
      ['xos cert export --format certificate', 'the certificate alone, to standard output'],
    ],
  })
    .argument('[file]', 'credential')
    .addOption(
      new Option('--format <format>', 'what to write')
        .choices(['pem', 'pkcs12', 'certificate', 'chain'])
        .default('pem'),
    )
    .option('--out <file>', 'the new FILE (mode 0600); without it, standard output (not for pkcs12)')
    .option('--force', 'replace FILE where it exists')
    .option(...passphraseOption)
    .option('--new-passphrase', 'ask for another passphrase, twice')
    .option(
      '--new-passphrase-file <file>',
      'the other passphrase is the first line of FILE; - is standard input',
    )
    .action(perform(exportCredential));

  addSignInOptions(
    addCommand(cert, 'ssh', {
      summary: 'get an SSH certificate for an SSH key',
      description:
        'Get an SSH user certificate for an SSH public key, for hosts of the grid. Signs in with your grid certificate; ' +
        'with USER@VO also with token or password. The certificate is written beside the key, where ssh(1) finds it.',
      examples: [
        ['xos cert ssh --key ~/.ssh/id_ed25519.pub', 'signed in with your grid certificate'],
        ['xos cert ssh alice@physics.example.org --password', 'signed in with the VO password'],
      ],
    })
      .argument('[identity]', 'USER@VO', identityValue)
      .option('--key <file>', 'SSH public key (default: ~/.ssh/id_ed25519.pub, id_ecdsa.pub, id_rsa.pub)')
      .option('--out <file>', 'FILE for the certificate (default: KEY-cert.pub)')
      .option('--lifetime <span>', 'how long it shall be valid, such as 8h', lifetimeValue)
      .option('--token-file <file>', 'the one-time token is the first line of FILE; - is standard input')
      .option('--password', 'sign in with the VO password')
      .option('--password-file <file>', 'the VO password is the first line of FILE; - is standard input'),
  ).action(perform(requestSshCertificate));
}

function addKeyOptions(
  command: XosCommand,
  choice: { readonly withKeyType: boolean } = { withKeyType: true },
): XosCommand {
  if (choice.withKeyType) {
    command.addOption(
      new Option('--key-type <type>', 'the key to make').choices(keyTypes).default('ecdsa-p256'),
    );
    command
      .addOption(
        new Option(
          '--format <format>',
          'of the credential (default: by the name of --out, else pem)',
        ).choices(['pem', 'pkcs12']),
      )
      .option('--force', 'replace the file of --out where it exists');
  }
  return command
    .option('--out <file>', 'FILE for the credential (mode 0600) instead of ~/.config/xtreemos')
    .option('--lifetime <span>', 'how long it shall be valid, such as 8h (default 12h)', lifetimeValue)
    .option(...passphraseOption);
}
