import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, renameSync, unlinkSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import { reasonOf, XosError } from './xos-error.ts';

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
   * Lets a net, http or tls server listen on the socket that PID 1 passed under the name, else on one bound here: a
   * stale socket file is replaced, one that is served refused, the mode is set before anyone can connect, a missing
   * directory made (0755), and the file removed when the process ends.
   * @throws XosError XOS_EXISTS when another process serves it, XOS_STORAGE_FAILED when it cannot be bound.
   */
  listenUnix(server: Server, options: UnixSocketOptions): Promise<void>;
  /** The descriptor that PID 1 passed under the name, once; undefined when there is none (left). */
  takeDescriptor(name: string): number | undefined;
}

export interface PassedDescriptor {
  readonly descriptor: number;
  readonly name: string;
}

export interface OwnedSockets extends ServiceSockets {
  /** Removes the socket files bound here; for the very end of the process. */
  removeFiles(): void;
  /** Names of descriptors that nobody took. */
  untaken(): readonly string[];
}

export function createServiceSockets(passed: readonly PassedDescriptor[]): OwnedSockets {
  const waiting = [...passed];
  const bound = new Map<string, { readonly device: number; readonly inode: number }>();
  const takeDescriptor = (name: string) => {
    const index = waiting.findIndex((candidate) => candidate.name === name);
    return index < 0 ? undefined : waiting.splice(index, 1)[0]?.descriptor;
  };
  return {
    takeDescriptor,
    untaken: () => waiting.map(({ name }) => name),
    async listenUnix(server, options) {
      const descriptor = takeDescriptor(options.name);
      if (descriptor !== undefined) {
        await listening(server, { fd: descriptor });
        return;
      }
      await bindUnix(server, options);
      const { dev, ino } = lstatSync(options.path);
      bound.set(options.path, { device: dev, inode: ino });
    },
    removeFiles() {
      for (const [path, { device, inode }] of bound) {
        try {
          const { dev, ino } = lstatSync(path);
          if (dev === device && ino === inode) unlinkSync(path);
        } catch {
          // Gone already, or its directory is: nothing is left to remove.
        }
      }
      bound.clear();
    },
  };
}

/** The kernel's limit of sun_path, without the final NUL (unix(7)). */
const maximumPathBytes = 107;

async function bindUnix(server: Server, { path, mode = 0o600, gid }: UnixSocketOptions): Promise<void> {
  // Bound under another name first, so that the mode is right before the known name exists, and so that taking over
  // a stale file is one atomic rename.
  const temporary = join(dirname(path), `.${randomBytes(4).toString('hex')}`);
  try {
    if (Buffer.byteLength(path) > maximumPathBytes || Buffer.byteLength(temporary) > maximumPathBytes) {
      throw new Error(`the path is longer than the ${maximumPathBytes} bytes a socket can have`);
    }
    makeDirectory(dirname(path));
    await refuseLiveSocket(path);
    await listening(server, { path: temporary });
    if (gid !== undefined) chownSync(temporary, -1, gid);
    chmodSync(temporary, mode);
    renameSync(temporary, path);
  } catch (error) {
    server.close();
    try {
      unlinkSync(temporary);
    } catch {
      // Never made, or renamed.
    }
    if (error instanceof XosError) throw error;
    const details = { attempt: 'listen', path, reason: reasonOf(error) };
    throw new XosError('XOS_STORAGE_FAILED', details, { cause: error });
  }
}

function makeDirectory(directory: string): void {
  if (existsSync(directory)) return;
  mkdirSync(directory, { recursive: true });
  chmodSync(directory, 0o755);
}

/** @throws XosError XOS_EXISTS when somebody answers at the path, or something else than a socket is there. */
async function refuseLiveSocket(path: string): Promise<void> {
  let isSocket: boolean;
  try {
    isSocket = lstatSync(path).isSocket();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if (!isSocket) throw new Error('something that is no socket is there already');
  const probe = connect(path);
  try {
    await once(probe, 'connect');
  } catch {
    return;
  } finally {
    probe.destroy();
  }
  throw new XosError('XOS_EXISTS', { what: 'A process that serves', name: path });
}

function listening(
  server: Server,
  where: { readonly fd: number } | { readonly path: string },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      server.off('listening', succeed);
      reject(error);
    };
    const succeed = () => {
      server.off('error', fail);
      resolve();
    };
    server.once('error', fail);
    server.once('listening', succeed);
    server.listen(where);
  });
}
