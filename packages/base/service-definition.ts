import type { Clock } from './clock.ts';
import type { ConfigurationOf, ConfigurationSchema } from './configuration.ts';
import type { Logger } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { ServiceSockets } from './service-sockets.ts';

/** What a daemon tells `runService`; its main.ts is this and nothing more. */
export interface ServiceDefinition<Schema extends ConfigurationSchema> {
  /** `accounts`: reads accounts.conf and logs as xos-accounts. */
  readonly name: string;
  readonly version: string;
  /** `[Service]` with LogLevel= and MetricsSocket= is added to it. */
  readonly configuration: Schema;
  /**
   * Further checks, at `--check-config`, start and reload: files that the configuration names, values that contradict.
   * @throws XosError XOS_CONFIGURATION_BAD or any other; the message is shown in one line.
   */
  readonly check?: (configuration: ConfigurationOf<Schema>) => void | Promise<void>;
  /** Starts serving; READY=1 is sent when it resolves. A refusal ends the process with one line and a non-zero exit. */
  readonly start: (
    context: ServiceContext<ConfigurationOf<Schema>>,
  ) => Promise<RunningService<ConfigurationOf<Schema>>>;
  /** How long `stop` may take after SIGTERM. Default 10 s; then the process exits all the same. */
  readonly drainMs?: number;
}

export interface RunningService<Configuration> {
  /** Stops taking work, finishes what runs. The signal aborts when the drain time is over. */
  stop(deadline: AbortSignal): Promise<void>;
  /**
   * Applies a new, checked configuration at SIGHUP. When it throws, the error is logged: the old one has to stay.
   * Without it, SIGHUP checks the configuration and applies LogLevel= alone, and the log says so.
   */
  reload?(configuration: Configuration): Promise<void>;
  /** False stops the watchdog's keep-alive: PID 1 then restarts the service. */
  healthy?(): boolean;
}

export interface ServiceContext<Configuration> {
  readonly configuration: Configuration;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly sockets: ServiceSockets;
  /** One line for `systemctl status`: what the service does now, in figures. Told to PID 1 at most once a second. */
  setStatus(text: string): void;
}
