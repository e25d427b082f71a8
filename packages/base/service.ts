import type { ConfigurationSchema } from './configuration.ts';
import type { ServiceDefinition } from './service-definition.ts';
import { XosError } from './xos-error.ts';

/**
 * The life of a daemon from argv to exit: options, configuration, start, sd_notify, watchdog, signals, drain.
 * Resolves never in a running daemon: the process exits.
 */
export async function runService<const Schema extends ConfigurationSchema>(
  definition: ServiceDefinition<Schema>,
): Promise<void> {
  throw new XosError('XOS_NOT_SUPPORTED', { what: `Running ${definition.name}`, reason: 'being built' });
}
