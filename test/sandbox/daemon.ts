/** Daemons of the sandbox, started as their units will start them: own user, no capabilities, sd_notify for readiness. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { bindDatagram, receiveDatagram } from '@xtreemos/native-sys';

export interface DaemonOptions {
  readonly name: string;
  readonly command: readonly string[];
  /** The service user; root where absent. */
  readonly user?: string;
  readonly readyWithinMs?: number;
}

export interface Daemon {
  readonly name: string;
  readonly process: ChildProcess;
  readonly logFile: string;
  log(): string;
  /** SIGTERM, then SIGKILL after 10 s; resolves with the exit status. */
  stop(): Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
}

/**
 * Starts a daemon and waits until it reports READY=1.
 * @throws Error with the daemon's log when it ends or stays silent.
 */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  mkdirSync('/var/log/xtreemos', { recursive: true });
  const logFile = `/var/log/xtreemos/${options.name}.log`;
  const notifySocket = `/run/notify-${options.name}-${process.pid}`;
  const notify = bindDatagram(notifySocket);
  chmodSync(notifySocket, 0o666);
  const log = openSync(logFile, 'a');
  const [command = '', ...words] = [...dropPrivileges(options.user), ...options.command];
  const child = spawn(command, words, {
    stdio: ['ignore', log, log],
    env: {
      PATH: process.env['PATH'],
      NOTIFY_SOCKET: notifySocket,
      LANG: 'C.UTF-8',
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
    },
    cwd: '/',
  });
  closeSync(log);
  const readLog = (): string => readFileSync(logFile, 'utf8');
  let failure: string | undefined;
  const exited = new Promise<number | null>((resolve) => {
    child.on('error', (error) => {
      failure = error.message;
      resolve(null);
    });
    child.on('exit', (code, signal) => {
      failure = `ended (${code ?? signal})`;
      resolve(code);
    });
  });
  const deadline = performance.now() + (options.readyWithinMs ?? 60_000);
  try {
    while (!(await reportsReady(notify))) {
      if (performance.now() > deadline) failure = 'does not report READY=1';
      if (failure !== undefined) throw new Error(`${options.name} ${failure}:\n${readLog()}`);
    }
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  } finally {
    closeSync(notify);
    rmSync(notifySocket, { force: true });
  }
  return {
    name: options.name,
    process: child,
    logFile,
    log: readLog,
    kill: (signal) => {
      child.kill(signal);
    },
    stop: async () => {
      if (failure === undefined) child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 12_000);
      const code = await exited;
      clearTimeout(timer);
      return code;
    },
  };
}

function dropPrivileges(user: string | undefined): string[] {
  if (user === undefined) return [];
  const identity = ['--reuid', user, '--regid', user, '--clear-groups'];
  return ['setpriv', ...identity, '--inh-caps=-all', '--bounding-set=-all', '--no-new-privs'];
}

/** One look at the notify socket, 100 ms at most. */
async function reportsReady(notify: number): Promise<boolean> {
  try {
    const { bytes } = await receiveDatagram(notify, { timeoutMs: 100 });
    return Buffer.from(bytes).toString('utf8').split('\n').includes('READY=1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ETIMEDOUT') return false;
    throw error;
  }
}

/** Polls until `condition` holds. @throws Error with `what`, as it is then, after `timeoutMs`. */
export async function waitFor(
  condition: () => boolean | Promise<boolean>,
  timeoutMs: number,
  what: string | (() => string),
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline)
      throw new Error(`${typeof what === 'string' ? what : what()} (waited ${timeoutMs} ms)`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
