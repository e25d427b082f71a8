import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import type { Socket } from 'node:net';
import { guardProgram } from '@xtreemos/native-fuse';

/** A process that aborts the connection when this process ends without having released it. */
export interface Guard {
  release(): void;
}

/** @returns undefined where the kernel's control files are not mounted, or not ours to write. */
export async function startGuard(
  connection: number,
  control = '/sys/fs/fuse/connections',
): Promise<Guard | undefined> {
  let abort: number;
  try {
    abort = openSync(`${control}/${connection}/abort`, 'w');
  } catch {
    return undefined;
  }
  try {
    // In a session of its own: the terminal's signals are not for it.
    const child = spawn(guardProgram, [], { stdio: ['pipe', 'ignore', 'ignore', abort], detached: true });
    await once(child, 'spawn');
    child.on('error', () => undefined);
    child.unref();
    // A socket, which would keep the process running.
    const input = child.stdin as Socket;
    input.on('error', () => undefined);
    input.unref();
    return { release: () => input.end('x') };
  } finally {
    closeSync(abort);
  }
}
