import { execFile, spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { reasonOf, XosError } from '@xtreemos/base';

/** xos-launch, the C program beside this daemon (daemons/helper/launcher). */
export interface Launcher {
  /** Kills every process of the uid; how many are left after `seconds`. @throws XosError XOS_LAUNCH_FAILED */
  killUid(uid: number, seconds: number): Promise<number>;
  /** Removes System V IPC objects and clears keyrings of the uid. @throws XosError XOS_LAUNCH_FAILED */
  removeLeftovers(uid: number): Promise<Leftovers>;
  /**
   * Starts a program and waits until it runs. The launcher stays as its parent until it ends.
   * @throws XosError XOS_LAUNCH_FAILED
   */
  run(options: RunOptions): Promise<StartedProgram>;
}

export interface Leftovers {
  readonly memory: number;
  readonly semaphores: number;
  readonly queues: number;
  readonly keyrings: number;
}

export interface RunOptions {
  readonly uid: number;
  /** `--uid`, `--gid` ... of xos-launch --run, in pairs. */
  readonly options: readonly string[];
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

export interface StartedProgram {
  readonly launcherPid: number;
  /** Resolves when the launcher has ended: the program has, and its session is closed. */
  readonly ended: Promise<void>;
  /** Asks the launcher to end the program: SIGTERM, and after 10 s SIGKILL. */
  stop(): void;
}

const maximumOutputBytes = 4096;
const startTimeoutMs = 60_000;

export function createLauncher(path: string): Launcher {
  /** No environment: the launcher needs none, and LD_* would work on it. */
  function runToEnd(
    uid: number,
    arguments_: readonly string[],
    timeoutMs: number,
  ): Promise<Map<string, number>> {
    return new Promise((resolve, reject) => {
      execFile(
        path,
        arguments_,
        { env: {}, timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: maximumOutputBytes },
        (error, stdout, stderr) => {
          // 3: processes are left, which the output says as well.
          if (error !== null && (error as { code?: unknown }).code !== 3) {
            const reason = stderr.trim() === '' ? error.message : stderr.trim();
            reject(
              new XosError(
                'XOS_LAUNCH_FAILED',
                { what: `${path} ${arguments_[0]}`, uid, reason },
                { cause: error },
              ),
            );
          } else {
            resolve(
              new Map(
                [...stdout.matchAll(/([a-z]+)=(\d+)/g)].map(([, name = '', value]) => [name, Number(value)]),
              ),
            );
          }
        },
      );
    });
  }

  return {
    async killUid(uid, seconds) {
      const answer = await runToEnd(
        uid,
        ['--kill-uid', String(uid), String(seconds)],
        seconds * 1000 + 10_000,
      );
      return answer.get('left') ?? 0;
    },
    async removeLeftovers(uid) {
      const answer = await runToEnd(uid, ['--remove-leftovers', String(uid)], 30_000);
      const count = (name: string) => answer.get(name) ?? 0;
      return {
        memory: count('memory'),
        semaphores: count('semaphores'),
        queues: count('queues'),
        keyrings: count('keyrings'),
      };
    },
    run: (options) => startProgram(path, options),
  };
}

async function startProgram(path: string, options: RunOptions): Promise<StartedProgram> {
  const child = spawn(path, ['--run', ...options.options, '--', ...options.command], {
    env: {},
    cwd: '/',
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', () => resolve());
  });
  const what = options.command[0] ?? '';
  try {
    const { pid } = child;
    if (pid === undefined) {
      await new Promise((_resolve, reject) => child.once('error', reject));
      throw new Error('no process was made');
    }
    const report = readReport(child.stdio[4] as Duplex);
    const environment = child.stdio[3] as Duplex;
    // A launcher that refuses its options closes without reading; the report, or its absence, says why.
    environment.on('error', () => undefined);
    environment.end(
      Object.entries(options.environment)
        .map(([name, value]) => `${name}=${value}\0`)
        .join(''),
    );
    const line = await report;
    if (!line.startsWith('started ')) {
      throw new Error(line === '' ? 'the launcher refused its options' : line.trim());
    }
    // A service outlives the helper; only who stops it waits for it.
    child.unref();
    const stop = () => {
      child.ref();
      child.kill('SIGTERM');
    };
    return { launcherPid: pid, ended, stop };
  } catch (error) {
    child.kill('SIGKILL');
    throw new XosError(
      'XOS_LAUNCH_FAILED',
      { what, uid: options.uid, reason: reasonOf(error) },
      { cause: error },
    );
  }
}

/** One line, or what came until the end. */
function readReport(stream: Duplex): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => finish(new Error('the launcher did not report in time')), startTimeoutMs);
    const finish = (error?: Error) => {
      clearTimeout(timer);
      stream.destroy();
      if (error === undefined) resolve(text);
      else reject(error);
    };
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (text.includes('\n') || text.length > maximumOutputBytes) finish();
    });
    stream.once('end', () => finish());
    stream.once('error', (error) => finish(error));
  });
}
