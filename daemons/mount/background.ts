/** mount(8) waits until the volume is mounted, and no longer: the process that serves it is another one. */
import { spawn } from 'node:child_process';
import { closeSync, writeSync } from 'node:fs';
import { exitStatus } from './mount-failure.ts';

/** Set in the process that stays: the descriptor on which it says how it went. */
const variable = 'XTREEMOS_MOUNT_REPORT';
const descriptor = 3;

/** True in the process that stays when there is somebody who waits. */
export function isWaitedFor(): boolean {
  return process.env[variable] === String(descriptor);
}

/** Starts the process that stays. @returns the exit status: once the volume is mounted, or cannot be */
export async function mountInBackground(main: string, argv: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [...process.execArgv, main, ...argv], {
    detached: true,
    // Whoever reads what mount(8) says would wait for the end of the mount.
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    env: { ...process.env, [variable]: String(descriptor) },
  });
  const report = child.stdio[descriptor];
  let text = '';
  report?.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8');
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  report?.once('end', resolve);
  child.once('error', (error) => {
    text = `${exitStatus.system} ${error.message}`;
    resolve();
  });
  await promise;
  const [, status = String(exitStatus.failure), message = 'the process that serves it ended at once'] =
    /^(\d+) ?(.*)$/s.exec(text) ?? [];
  if (Number(status) !== exitStatus.done) process.stderr.write(`mount.xtreemfs: ${message}\n`);
  child.unref();
  return Number(status);
}

/** Says how it went, and lets go of the one who waits. */
export function tellWaiting(status: number, message = ''): void {
  if (!isWaitedFor()) return;
  delete process.env[variable];
  writeSync(descriptor, `${status} ${message}`);
  closeSync(descriptor);
}
