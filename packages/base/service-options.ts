import { parseArgs } from 'node:util';
import { reasonOf, XosError } from './xos-error.ts';

export interface ServiceOptions {
  readonly action: 'run' | 'check-config' | 'show-config' | 'version' | 'help';
  readonly configurationFile: string | undefined;
}

/** @throws XosError XOS_USAGE */
export function parseServiceOptions(args: readonly string[], program: string): ServiceOptions {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        config: { type: 'string' },
        'check-config': { type: 'boolean' },
        'show-config': { type: 'boolean' },
        version: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    const actions = ['help', 'version', 'show-config', 'check-config'] as const;
    const action = actions.find((candidate) => values[candidate] === true) ?? 'run';
    return { action, configurationFile: values.config };
  } catch (error) {
    throw new XosError('XOS_USAGE', { reason: reasonOf(error), help: `${program} --help` }, { cause: error });
  }
}

export function serviceHelp(program: string, name: string): string {
  return `Usage: ${program} [OPTIONS]

  --config FILE    read FILE instead of ${name}.conf in /usr/lib/xtreemos and /etc/xtreemos
  --check-config   read the configuration, say what is wrong with it, and exit
  --show-config    print every key with its value and where that comes from, and exit
  --version        print the version and exit
  --help           print this and exit

SIGTERM and SIGINT finish what runs and exit, SIGHUP reloads the configuration.
`;
}
