/** The control connection of a running QEMU (QMP: lines of JSON, answers in order, events in between). */
import { connect, type Socket } from 'node:net';

type Waiting = { readonly resolve: (value: unknown) => void; readonly reject: (error: Error) => void };

interface Line {
  readonly QMP?: object;
  readonly return?: unknown;
  readonly error?: { readonly class: string; readonly desc: string };
  readonly event?: string;
  readonly data?: { readonly [name: string]: unknown };
}

export class Qmp {
  readonly #socket: Socket;
  readonly #waiting: Waiting[] = [];
  readonly #listeners = new Set<(line: Line) => void>();
  #text = '';

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => this.#receive(chunk));
    socket.on('error', () => undefined); // 'close' follows
    socket.on('close', () => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error('QEMU has ended'));
    });
  }

  /** @throws the socket's error when QEMU does not listen (yet). */
  static async connect(path: string): Promise<Qmp> {
    const qmp = new Qmp(await connected(path));
    await qmp.execute('qmp_capabilities');
    return qmp;
  }

  /** @throws Error with QEMU's description. */
  execute(command: string, words: { readonly [name: string]: unknown } = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void =>
        reject(new Error(`QEMU refuses ${command}: ${error.message}`, { cause: error }));
      if (this.#socket.destroyed) {
        fail(new Error('QEMU has ended'));
        return;
      }
      this.#waiting.push({ resolve, reject: fail });
      this.#socket.write(`${JSON.stringify({ execute: command, arguments: words })}\n`);
    });
  }

  /** Resolves with the next event of this name for this device. Ask before the command that causes it. */
  event(name: string, device: string): Promise<void> {
    return new Promise((resolve) => {
      const listen = (line: Line): void => {
        if (line.event !== name || line.data?.['device'] !== device) return;
        this.#listeners.delete(listen);
        resolve();
      };
      this.#listeners.add(listen);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(chunk: string): void {
    this.#text += chunk;
    for (;;) {
      const end = this.#text.indexOf('\n');
      if (end < 0) return;
      const line = JSON.parse(this.#text.slice(0, end)) as Line;
      this.#text = this.#text.slice(end + 1);
      if (line.event !== undefined) {
        for (const listener of this.#listeners) listener(line);
      } else if (line.error !== undefined) {
        this.#waiting.shift()?.reject(new Error(line.error.desc));
      } else if (line.QMP === undefined) {
        this.#waiting.shift()?.resolve(line.return);
      }
    }
  }
}

/** A connected Unix socket. */
export function connected(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => {
      socket.removeListener('error', reject);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}
