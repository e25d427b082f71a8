import { readFileSync } from 'node:fs';
import { configurationFiles, reasonOf, XosError } from '@xtreemos/base';
import type { Invocation, Perform } from '../invocation.ts';
import type { Report } from '../output/report.ts';
import { addCommand, type XosCommand } from '../xos-command.ts';

export function addConfigCommands(program: XosCommand, perform: Perform): void {
  const config = addCommand(program, 'config', { summary: 'look at the configuration of this host' });
  addCommand(config, 'cat', {
    summary: 'print the files that make up a configuration',
    description:
      'Print the files that make up a configuration, the weakest first, each under a line with its path: a key counts ' +
      'as the last file sets it.',
    examples: [
      [
        'xos config cat accounts',
        '/usr/lib/xtreemos/accounts.conf, /etc/xtreemos/accounts.conf and its drop-ins',
      ],
    ],
  })
    .argument('<name>', 'vo, accounts, helper, client, or the id of a VO this host has joined')
    .action(perform(catConfiguration));
}

async function catConfiguration(invocation: Invocation, _options: unknown, name: string): Promise<Report> {
  if (!/^[a-z0-9][a-z0-9.-]{0,62}$/.test(name)) {
    throw new XosError('XOS_USAGE', {
      reason: `${name} is no name of a configuration`,
      help: '`xos config cat --help`',
    });
  }
  const { paths } = invocation;
  const files = [
    ...configurationFiles({ name, roots: paths.configurationRoots }),
    ...(name === 'accounts' ? existing(`${paths.configurationDirectory}/mapping.conf`) : []),
    ...existing(`${paths.voDirectory}/${name}.conf`),
  ];
  if (files.length === 0) {
    throw new XosError('XOS_NOT_FOUND', {
      what: 'configuration file of',
      name: `${name} in ${[...paths.configurationRoots, paths.voDirectory].join(', ')}; the built-in defaults hold`,
    });
  }
  const contents = files.map((file) => ({ file, content: readText(file) }));
  return {
    data: { files: contents },
    text: ({ paint }) =>
      contents
        .map(
          ({ file, content }) =>
            `${paint.faint(`# ${file}`)}\n${content}${content.endsWith('\n') ? '' : '\n'}`,
        )
        .join('\n'),
  };
}

function existing(file: string): readonly string[] {
  try {
    readFileSync(file);
    return [file];
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? [] : [file];
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new XosError(
      'XOS_CONFIGURATION_BAD',
      { reason: `cannot read ${file}: ${reasonOf(error)}` },
      { cause: error },
    );
  }
}
