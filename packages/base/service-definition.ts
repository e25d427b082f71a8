import type { Server } from 'node:net';
import type { Clock } from './clock.ts';
import type { ConfigurationOf, ConfigurationSchema } from './configuration.ts';
import type { Logger } from './log.ts';
import type { Metrics } from './metrics.ts';

/** What a daemon tells `runService`; its main.ts is this and nothing more. */
export interface ServiceDefinition<Schema extends ConfigurationSchema> {
  /** `accounts`: reads accounts.conf and logs as xos-accounts. */
  readonly name: string;
  readonly version: string;
  readonly configuration: Schema;
  /**
   * Further checks, at `--check-config`, start and reload: files that the configuration names, values that contradict.
   * @throws XosError XOS_CONFIGURATION_BAD or any other; the message is shown in one line.
   */
  readonly check?: (configuration: ConfigurationOf<Schema>) => void | Promise<void>;
  /** Starts serving; READY=1 is sent when it resolves. A refusal ends the process with exit code 1 and one line. */
  readonly start: (
    context: ServiceContext<ConfigurationOf<Schema>>,
  ) => Promise<RunningService<ConfigurationOf<Schema>>>;
  /** How long `stop` may take after SIGTERM. Default 10 s; then the process exits all the same. */
  readonly drainMs?: number;
}

export interface RunningService<Configuration> {
  /** Stops taking work, finishes what runs. The signal aborts when the drain time is over. */
  stop(deadline: AbortSignal): Promise<void>;
  /** Applies a new, checked configuration at SIGHUP. When it throws, the error is logged and the old one stays. */
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
  /** One line for `systemctl status`. */
  setStatus(text: string): void;
}

export interface UnixSocketOptions {
  /** FileDescriptorName= of the .socket unit. */
  readonly name: string;
  /** Bound here when PID 1 handed nothing over under that name. */
  readonly path: string;
  /** Permission bits when bound here, 0600 unless given. */
  readonly mode?: number;
  /** Group when bound here. */
  readonly gid?: number;
}

export interface ServiceSockets {
  /**
   * Lets a net, http or tls server listen on the socket PID 1 passed, else on one bound here: a stale socket file is
   * replaced, a live one refused, the mode is set before anyone can connect, and the file is removed at the end.
   * @throws XosError XOS_EXISTS when another process serves it, XOS_STORAGE_FAILED when it cannot be bound.
   */
  listenUnix(server: Server, options: UnixSocketOptions): Promise<void>;
  /** Descriptor that PID 1 passed under the name, for servers that are no `net.Server`; undefined when there is none. */
  takeDescriptor(name: string): number | undefined;
}
