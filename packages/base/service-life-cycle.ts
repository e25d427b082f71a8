import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from './clock.ts';
import { type ConfigurationOf, type ConfigurationSchema, formatFinding } from './configuration.ts';
import { journalTransport, stderrIsJournal } from './journal-transport.ts';
import { createLogger, type Logger, type Severity } from './log.ts';
import { defineEvent } from './log-event.ts';
import { createMetrics } from './metrics.ts';
import { createMetricsServer } from './metrics-server.ts';
import type { ServiceConfiguration } from './service.ts';
import type { RunningService, ServiceDefinition } from './service-definition.ts';
import { createNotifier, type ServiceNotifier } from './service-notify.ts';
import { createServiceSockets } from './service-sockets.ts';
import { createServiceStatus } from './service-status.ts';
import { watchEventLoop } from './service-watchdog.ts';
import { stderrTransport } from './stderr-transport.ts';
import { reasonOf, toXosError } from './xos-error.ts';

const events = {
  started: defineEvent('service.started'),
  stopping: defineEvent('service.stopping'),
  stopped: defineEvent('service.stopped'),
  drainIncomplete: defineEvent('service.drain-incomplete'),
  reloaded: defineEvent('service.reloaded'),
  reloadRefused: defineEvent('service.reload-refused'),
  configurationWarning: defineEvent('service.configuration-warning'),
  socketUnused: defineEvent('service.socket-unused'),
  unhealthy: defineEvent('service.unhealthy'),
  stalled: defineEvent('service.stalled'),
  runtimeWarning: defineEvent('service.runtime-warning'),
  defect: defineEvent('service.defect'),
} as const;

const defaultDrainMs = 10_000;

/**
 * Starts a service whose configuration is good and leaves it running under its signals. @throws what `start` throws.
 */
export async function runLifeCycle<Schema extends ConfigurationSchema>(
  definition: ServiceDefinition<Schema>,
  loaded: ServiceConfiguration<ConfigurationOf<Schema>>,
  load: () => Promise<ServiceConfiguration<ConfigurationOf<Schema>>>,
): Promise<void> {
  // Here and not at the top: what needs no daemon (the xos command, tests) needs no addon either.
  const sys = await import('@xtreemos/native-sys');
  const program = `xos-${definition.name}`;
  const send = (path: string, bytes: Uint8Array) =>
    sys.sendDatagram(path, bytes, { memfdWhenTooLarge: true });
  const notifier = createNotifier({ environment: process.env, pid: process.pid, send });
  const status = createServiceStatus((text) => notifier.status(text));
  // Watching the event loop wakes the process all the time: only where somebody wants to know.
  const metrics = createMetrics({ process: loaded.service.MetricsSocket !== undefined });
  const lost = metrics.counter({ name: 'xos_log_lost', help: 'Log entries that could not be written' });
  const threshold = { severity: loaded.service.LogLevel as Severity };
  const logger = createLogger({
    transport: stderrIsJournal()
      ? journalTransport({ identifier: program, send })
      : stderrTransport({ identifier: program }),
    threshold: () => threshold.severity,
    onLost: () => lost.increment({}),
  });
  reportDefects(logger);
  const sockets = createServiceSockets(sys.listenDescriptors());
  process.on('exit', () => sockets.removeFiles());
  for (const warning of loaded.warnings) logger.warning(events.configurationWarning, formatFinding(warning));

  const signals = collectSignals();
  const running = await definition
    .start({
      configuration: loaded.value,
      logger,
      metrics,
      clock: systemClock,
      sockets,
      setStatus: (text) => status.set(text),
    })
    .catch((error: unknown) => {
      const failure = toXosError(error, `starting ${program}`);
      // The one line on stderr names the reason; only a defect needs its stack as well.
      if (failure.code === 'XOS_INTERNAL')
        logger.critical(events.defect, failure.message, { error: failure });
      throw failure;
    });
  const metricsSocket = loaded.service.MetricsSocket;
  const metricsServer = createMetricsServer(metrics);
  if (metricsSocket !== undefined)
    await sockets.listenUnix(metricsServer, { name: 'metrics', path: metricsSocket, mode: 0o660 });
  for (const name of sockets.untaken()) {
    logger.warning(events.socketUnused, `Nothing serves the passed socket ${name}`, { name });
  }
  watch(running, notifier, logger);
  notifier.ready(status.text);
  logger.notice(events.started, `${program} ${definition.version} runs`, { files: loaded.files.join(' ') });

  const reload = async () => {
    notifier.reloading();
    try {
      const next = await load();
      for (const warning of next.warnings)
        logger.warning(events.configurationWarning, formatFinding(warning));
      await running.reload?.(next.value);
      threshold.severity = next.service.LogLevel;
      const message =
        running.reload === undefined
          ? 'Configuration is good; all but LogLevel= takes effect at the next start'
          : 'Configuration reloaded';
      logger.notice(events.reloaded, message, { files: next.files.join(' ') });
      status.setRemark(undefined);
    } catch (error) {
      const refusal = toXosError(error, 'reloading the configuration');
      logger.error(events.reloadRefused, `Reload refused, the old configuration stays: ${refusal.message}`, {
        error: refusal,
      });
      status.setRemark(`the last reload was refused: ${refusal.message}`);
    }
    notifier.ready(status.text);
  };
  const stop = async (signal: string) => {
    status.stop();
    notifier.stopping();
    logger.info(events.stopping, `Stopping on ${signal}`, { signal });
    await drain(running, definition.drainMs ?? defaultDrainMs, logger);
    logger.notice(events.stopped, `${program} stopped`);
    process.exit(0);
  };
  signals.handle({ reload, stop });
}

/** SIGHUP, SIGTERM and SIGINT from the first moment on; what came before `handle` is acted on then. */
function collectSignals() {
  let handlers: { reload: () => Promise<void>; stop: (signal: string) => Promise<void> } | undefined;
  let reloadWanted = false;
  let stopSignal: string | undefined;
  let working = false;
  const work = async () => {
    if (working || handlers === undefined) return;
    working = true;
    while (reloadWanted && stopSignal === undefined) {
      reloadWanted = false;
      await handlers.reload();
    }
    if (stopSignal !== undefined) await handlers.stop(stopSignal);
    working = false;
  };
  const wake = () => {
    void work();
  };
  process.on('SIGHUP', () => {
    reloadWanted = true;
    wake();
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      // Nothing runs yet that a drain could finish; and a second signal means now.
      if (handlers === undefined || stopSignal !== undefined) process.exit(handlers === undefined ? 0 : 1);
      stopSignal = signal;
      wake();
    });
  }
  return {
    handle(wanted: NonNullable<typeof handlers>) {
      handlers = wanted;
      wake();
    },
  };
}

async function drain(running: RunningService<never>, drainMs: number, logger: Logger): Promise<void> {
  const deadline = AbortSignal.timeout(drainMs);
  // A little longer than the signal, so that `stop` can react to it.
  const overdue = delay(drainMs + 500).then(() => 'overdue' as const);
  try {
    const result = await Promise.race([running.stop(deadline), overdue]);
    if (result === 'overdue') {
      logger.warning(events.drainIncomplete, `Work was still running after ${drainMs} ms and is abandoned`, {
        drainMs,
      });
    }
  } catch (error) {
    logger.error(events.drainIncomplete, `Stopping failed: ${reasonOf(error)}`, {
      error: toXosError(error, 'stopping'),
    });
  }
}

/** Keeps the process alive, and PID 1 content as long as it does its work. */
function watch(running: RunningService<never>, notifier: ServiceNotifier, logger: Logger): void {
  watchEventLoop({
    intervalMs: notifier.watchdogIntervalMs ?? 60_000,
    keepAlive: () => notifier.watchdog(),
    healthy: () => running.healthy?.() ?? true,
    onUnhealthy: () =>
      logger.critical(events.unhealthy, 'The service is not healthy; waiting for PID 1 to restart it'),
    onStalled: (lateMs) => {
      const seconds = Math.round(lateMs / 1000);
      logger.warning(
        events.stalled,
        `Nothing was done for ${seconds} s: the process was stopped or held up`,
        {
          lateMs,
        },
      );
    },
  });
}

function reportDefects(logger: Logger): void {
  const defect = (error: unknown) => {
    const cause = error instanceof Error ? error : new Error(String(error));
    logger.critical(events.defect, `Unexpected error, the service ends: ${cause.message}`, { error: cause });
    process.exit(1);
  };
  process.on('uncaughtException', defect);
  process.on('unhandledRejection', defect);
  process.removeAllListeners('warning');
  process.on('warning', (warning) =>
    logger.info(events.runtimeWarning, warning.message, { warning: warning.name }),
  );
}
