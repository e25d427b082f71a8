import { existsSync } from 'node:fs';
import { writeFileAtomically, XosError } from '@xtreemos/base';
import type { TrustDomain } from '@xtreemos/vo-client';
import type { Invocation, Perform } from '../invocation.ts';
import type { Report } from '../output/report.ts';
import { stableJson } from '../output/stable-json.ts';
import { table } from '../output/table.ts';
import { timeText } from '../output/time-text.ts';
import { confirmPlainly } from '../prompt/confirmation.ts';
import { readRootKey } from '../root-key.ts';
import { addServiceOptions, type ConnectionOptions, withVoClient } from '../vo-connection.ts';
import { addCommand, type XosCommand } from '../xos-command.ts';

interface KeyOptions extends ConnectionOptions {
  readonly rootPassphraseFile?: string;
}

const rootPassphraseBytes = 12;

/** Trust domains and their root keys; the local administrator's. */
export function addVoRootCommands(vo: XosCommand, perform: Perform): void {
  const root = addCommand(vo, 'root', {
    summary: 'trust domains and their root keys',
    description:
      'Trust domains and their root keys. A root key may leave the service and be kept offline: it is needed only to ' +
      'make VOs and to publish the yearly revocation list of the root. Only the local administrator may.',
  });

  addServiceOptions(
    addCommand(root, 'list', { summary: 'list trust domains', examples: [['xos vo root list', '']] }),
  ).action(perform(listDomains));

  addServiceOptions(
    addCommand(root, 'create', {
      summary: 'make a trust domain with a root of its own',
      examples: [['xos vo root create federation', '']],
    }).argument('<domain>', 'name of the trust domain'),
  ).action(perform(createDomain));

  addServiceOptions(
    addCommand(root, 'export', {
      summary: 'move a root key out of the service',
      description:
        'Move the key of a root out of the service into a file, encrypted under a passphrase of at least 12 bytes. ' +
        'Afterwards the service cannot make VOs in that trust domain until the key is imported again.',
      examples: [['xos vo root export default --out /media/safe/root.pem', 'asks for a passphrase twice']],
    })
      .argument('<domain>', 'name of the trust domain')
      .requiredOption('--out <file>', 'the new FILE (mode 0600) for the key')
      .option(
        '--root-passphrase-file <file>',
        'the passphrase is the first line of FILE; - is standard input',
      )
      .option('--yes', 'do not ask'),
  ).action(perform(exportRoot));

  addServiceOptions(
    addCommand(root, 'import', {
      summary: 'bring a root key back into the service',
      examples: [['xos vo root import default --in /media/safe/root.pem', '']],
    })
      .argument('<domain>', 'name of the trust domain')
      .requiredOption('--in <file>', 'FILE that `xos vo root export` wrote')
      .option(
        '--root-passphrase-file <file>',
        'the passphrase is the first line of FILE; - is standard input',
      ),
  ).action(perform(importRoot));

  addServiceOptions(
    addCommand(root, 'publish-crl', {
      summary: 'publish a new revocation list of a root',
      examples: [['xos vo root publish-crl default --in /media/safe/root.pem', 'with the offline key']],
    })
      .argument('<domain>', 'name of the trust domain')
      .option('--in <file>', 'FILE with the key of an offline root')
      .option(
        '--root-passphrase-file <file>',
        'the passphrase is the first line of FILE; - is standard input',
      ),
  ).action(perform(publishRootCrl));
}

async function listDomains(invocation: Invocation, options: ConnectionOptions): Promise<Report> {
  const domains = await withVoClient(invocation, options, undefined, 'administrator', (client) =>
    client.listDomains(),
  );
  return {
    data: { domains: domains.map(stableJson) },
    text: (terminal) =>
      table(
        domains,
        [
          { title: 'DOMAIN', value: (domain) => domain.name },
          { title: 'ROOT KEY', value: (domain) => (domain.rootOffline ? 'offline' : 'in the service') },
          { title: 'UNTIL', value: (domain) => timeText(domain.rootNotAfterMs) },
          { title: 'VOS', value: (domain) => domain.vos.join(' '), mayShrink: true },
          { title: 'ROOT SHA-256', value: (domain) => domain.rootFingerprint, mayShrink: true },
        ],
        terminal,
        'There is no trust domain.',
      ),
  };
}

async function createDomain(
  invocation: Invocation,
  options: ConnectionOptions,
  name: string,
): Promise<Report> {
  const domain = await withVoClient(invocation, options, undefined, 'administrator', (client) =>
    client.createDomain(name),
  );
  return domainReport(domain, `Trust domain ${domain.name} is there, root ${domain.rootFingerprint}.`);
}

async function exportRoot(
  invocation: Invocation,
  options: KeyOptions & { readonly out: string; readonly yes?: boolean },
  name: string,
): Promise<Report> {
  if (existsSync(options.out)) throw new XosError('XOS_EXISTS', { what: 'The file', name: options.out });
  await confirmPlainly(
    invocation.prompts,
    options.yes,
    `Move the root key of ${name} into ${options.out}? Without that file and its passphrase the root is lost.`,
    `Exporting the root key of ${name}`,
  );
  const passphrase = await invocation.prompts.newSecret(
    { what: 'passphrase', option: '--root-passphrase-file', file: options.rootPassphraseFile },
    'New passphrase for the root key:',
    rootPassphraseBytes,
  );
  // The service gives up its own key only once ours is stored and known to open.
  await withVoClient(invocation, options, undefined, 'administrator', async (client) => {
    const { pem } = await client.exportRoot(name, passphrase);
    await writeFileAtomically(options.out, pem, { mode: 0o600 });
    await client.takeRootOffline(name, { pem, passphrase });
  });
  return {
    data: { domain: name, file: options.out },
    text: () => `The root key of ${name} is in ${options.out} and nowhere else. Store it safely.\n`,
  };
}

async function importRoot(
  invocation: Invocation,
  options: KeyOptions & { readonly in: string },
  name: string,
): Promise<Report> {
  const key = await readRootKey(invocation, options.in, options.rootPassphraseFile);
  const domain = await withVoClient(invocation, options, undefined, 'administrator', (client) =>
    client.importRoot(name, key),
  );
  return domainReport(domain, `The root key of ${name} is in the service again.`);
}

async function publishRootCrl(
  invocation: Invocation,
  options: KeyOptions & { readonly in?: string },
  name: string,
): Promise<Report> {
  const key =
    options.in === undefined
      ? undefined
      : await readRootKey(invocation, options.in, options.rootPassphraseFile);
  await withVoClient(invocation, options, undefined, 'administrator', (client) =>
    client.publishRootCrl(name, key),
  );
  return {
    data: { domain: name, published: true },
    text: () => `The root of ${name} has a new revocation list.\n`,
  };
}

function domainReport(domain: TrustDomain, sentence: string): Report {
  return { data: stableJson(domain), text: () => `${sentence}\n` };
}
