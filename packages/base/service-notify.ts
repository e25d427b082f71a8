import type { SendDatagram } from './journal-transport.ts';

/** sd_notify(3): what the service tells PID 1. Without NOTIFY_SOCKET it tells nobody; it never throws. */
export interface ServiceNotifier {
  ready(status: string): void;
  status(text: string): void;
  reloading(): void;
  stopping(): void;
  watchdog(): void;
  /** How often `watchdog` has to be called, half of what PID 1 tolerates; undefined when it does not watch. */
  readonly watchdogIntervalMs: number | undefined;
}

export interface NotifierOptions {
  readonly environment: NodeJS.ProcessEnv;
  readonly pid: number;
  readonly send: SendDatagram;
  /** CLOCK_MONOTONIC in microseconds. */
  readonly monotonicMicroseconds?: () => bigint;
}

export function createNotifier(options: NotifierOptions): ServiceNotifier {
  const { environment, pid, send, monotonicMicroseconds = () => process.hrtime.bigint() / 1000n } = options;
  const address = environment['NOTIFY_SOCKET'] ?? '';
  const notify = (...lines: readonly string[]) => {
    if (!/^[/@]./.test(address)) return;
    try {
      send(address, Buffer.from(lines.join('\n')));
    } catch {
      // PID 1 reads these at its leisure; a lost keep-alive is followed by the next one in time.
    }
  };
  return {
    ready: (status) => notify('READY=1', `STATUS=${oneLine(status)}`),
    status: (text) => notify(`STATUS=${oneLine(text)}`),
    reloading: () => notify('RELOADING=1', `MONOTONIC_USEC=${monotonicMicroseconds()}`),
    stopping: () => notify('STOPPING=1', 'STATUS=Stopping'),
    watchdog: () => notify('WATCHDOG=1'),
    watchdogIntervalMs: watchdogInterval(environment, pid),
  };
}

/** sd_watchdog_enabled(3). */
function watchdogInterval(environment: NodeJS.ProcessEnv, pid: number): number | undefined {
  const microseconds = Number(environment['WATCHDOG_USEC'] ?? Number.NaN);
  const meant = environment['WATCHDOG_PID'];
  if (!(microseconds > 0) || (meant !== undefined && meant !== String(pid))) return undefined;
  return Math.max(1, Math.floor(microseconds / 2000));
}

function oneLine(text: string): string {
  return text.replace(/[\r\n]+/g, ' ').slice(0, 500);
}
