import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const pamFolder = join(import.meta.dirname, '..');

/** Builds targets of pam/Makefile; flock, because test files run side by side. */
export function build(...targets: readonly string[]): void {
  execFileSync('flock', ['Makefile', 'make', '-s', ...targets], {
    cwd: pamFolder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

export interface Login extends Disposable {
  readonly folder: string;
  readonly socket: string;
  /** Runs the driver's steps as user; resolves with its output lines, rejects when it dies or takes 30 s. */
  run(user: string, steps: readonly string[], options?: RunOptions): Promise<LoginOutput>;
}

export interface RunOptions {
  readonly answers?: readonly string[];
  /** the conversation call (from 1) that fails, and how: error, again, none (no response), empty (response without text) */
  readonly failAt?: readonly [call: number, how: string];
  readonly wrapper?: readonly string[];
}

export interface LoginOutput {
  readonly lines: readonly string[];
  readonly tookMs: number;
  /** what follows `step ` on its line */
  value(step: string): string | undefined;
}

/** A throw-away PAM service of pam_xos alone whose socket is in a directory of its own. */
export function login(variant: '' | 'asan' = ''): Login {
  const folder = mkdtempSync(join(tmpdir(), 'xos-pam-'));
  const socket = join(folder, 'pam.sock');
  const built = join(pamFolder, 'build', variant);
  const phases = ['auth', 'account', 'session', 'password'];
  const stack = phases.map((phase) => `${phase} required ${join(built, 'pam_xos.so')} socket=${socket}\n`);
  writeFileSync(join(folder, 'xos'), stack.join(''));
  const driver = join(built === join(pamFolder, 'build') ? join(built, 'test') : built, 'driver');
  return {
    folder,
    socket,
    run(user, steps, options = {}) {
      const started = performance.now();
      const [command, ...before] = [...(options.wrapper ?? []), driver];
      return new Promise((resolve, reject) => {
        execFile(
          command ?? driver,
          [...before, folder, 'xos', user, ...steps],
          {
            timeout: 30_000,
            env: {
              PATH: process.env['PATH'] ?? '',
              ...(options.answers && { DRIVER_ANSWERS: options.answers.join('\n') }),
              ...(options.failAt && {
                DRIVER_FAIL_AT: `${options.failAt[0]}`,
                DRIVER_FAIL_HOW: options.failAt[1],
              }),
            },
          },
          (error, stdout, stderr) => {
            if (error !== null)
              return reject(new Error(`the driver failed: ${error.message}\n${stdout}\n${stderr}`));
            const lines = stdout.split('\n').slice(0, -1);
            return resolve({
              lines,
              tookMs: performance.now() - started,
              value: (step) => lines.find((line) => line.startsWith(`${step} `))?.slice(step.length + 1),
            });
          },
        );
      });
    },
    [Symbol.dispose]() {
      rmSync(folder, { recursive: true });
    },
  };
}
