import {
  type ConfigurationOf,
  type ConfigurationSchema,
  formatFinding,
  type LoadedConfiguration,
  loadConfiguration,
  readConfigurationFiles,
} from './configuration.ts';
import { choice, path } from './configuration-kind.ts';
import { renderConfiguration } from './configuration-render.ts';
import type { ServiceDefinition } from './service-definition.ts';
import { runLifeCycle } from './service-life-cycle.ts';
import { createNotifier } from './service-notify.ts';
import { parseServiceOptions, serviceHelp } from './service-options.ts';
import { toXosError } from './xos-error.ts';

/** Keys that every daemon has, in [Service]. */
export const serviceSection = {
  /** Entries less severe are not logged. */
  LogLevel: choice(['critical', 'error', 'warning', 'notice', 'info', 'debug'], 'info'),
  /** Where OpenMetrics text is served over HTTP; nowhere unless given. */
  MetricsSocket: path(),
} as const;

export type ServiceSection = ConfigurationOf<{ Service: typeof serviceSection }>['Service'];

/** A daemon's schema with what every daemon has. */
export function serviceSchema(schema: ConfigurationSchema): ConfigurationSchema {
  return { ...schema, Service: { ...schema['Service'], ...serviceSection } };
}

/**
 * The life of a daemon from argv to exit: options, configuration, start, sd_notify, watchdog, signals, drain.
 * Resolves when the service runs (the process then lives until a signal), or after `--check-config` and the like.
 * Whatever prevents the start is one line on stderr and a non-zero exit (2: configuration or usage).
 * Sets umask 0077, and XTREEMOS_NSS=off: our own daemons never ask NSS for grid names, which would recurse.
 */
export async function runService<const Schema extends ConfigurationSchema>(
  definition: ServiceDefinition<Schema>,
): Promise<void> {
  process.env['XTREEMOS_NSS'] = 'off';
  process.umask(0o077);
  const program = `xos-${definition.name}`;
  try {
    const options = parseServiceOptions(process.argv.slice(2), program);
    const load = () => readConfiguration(definition, options.configurationFile);
    switch (options.action) {
      case 'help':
        process.stdout.write(serviceHelp(program, definition.name));
        break;
      case 'version':
        process.stdout.write(`${program} ${definition.version}\n`);
        break;
      case 'show-config': {
        const texts = readConfigurationFiles({ name: definition.name, file: options.configurationFile });
        process.stdout.write(renderConfiguration(serviceSchema(definition.configuration), texts));
        break;
      }
      case 'check-config': {
        const { warnings, files } = await load();
        for (const warning of warnings) process.stderr.write(`${program}: ${formatFinding(warning)}\n`);
        process.stdout.write(`${program}: configuration is good (${files.join(', ') || 'defaults only'})\n`);
        break;
      }
      case 'run':
        await runLifeCycle(definition, await load(), load);
    }
  } catch (error) {
    const refusal = toXosError(error, `starting ${program}`);
    process.stderr.write(`${program}: ${refusal.message}\n`);
    await tellServiceManager(refusal.message);
    process.exit(refusal.exitCode);
  }
}

/** `systemctl status` goes on showing why the service is not there. */
async function tellServiceManager(reason: string): Promise<void> {
  if (process.env['NOTIFY_SOCKET'] === undefined) return;
  try {
    const { sendDatagram } = await import('@xtreemos/native-sys');
    createNotifier({ environment: process.env, pid: process.pid, send: sendDatagram }).status(reason);
  } catch {
    // Without the addon nothing runs at all, and the line above says so.
  }
}

export interface ServiceConfiguration<Value> extends LoadedConfiguration<Value> {
  readonly service: ServiceSection;
}

async function readConfiguration<Schema extends ConfigurationSchema>(
  definition: ServiceDefinition<Schema>,
  file: string | undefined,
): Promise<ServiceConfiguration<ConfigurationOf<Schema>>> {
  const loaded = loadConfiguration(serviceSchema(definition.configuration), { name: definition.name, file });
  // The schema was widened by [Service], which the daemon need not know.
  const value = loaded.value as ConfigurationOf<Schema>;
  await definition.check?.(value);
  return { ...loaded, value, service: loaded.value['Service'] as ServiceSection };
}
