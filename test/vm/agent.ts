/** Commands in a machine, over the virtio port that test/vm/agent reads there. */
import type { Socket } from 'node:net';
import type { CommandResult } from '../sandbox/one-host-grid.ts';
import { connected } from './qmp.ts';

/**
 * While an answer is waited for, the machine has something to hear this often. Emulated ones were seen to be silent for ten minutes at
 * the end of their boot; a processor that missed its timer sleeps until the next interrupt of anything else.
 */
const knockMs = 2_000;

export class Agent {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, (result: CommandResult) => void>();
  readonly #refusing = new Set<(error: Error) => void>();
  #last = 0;
  #text = '';

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => this.#receive(chunk));
    socket.on('error', () => undefined); // 'close' follows
    const knocking = setInterval(() => {
      if (this.#waiting.size > 0 && socket.writableLength === 0) socket.write('\n'); // no request: the agent passes it over
    }, knockMs);
    socket.on('close', () => {
      clearInterval(knocking);
      for (const refuse of this.#refusing) refuse(new Error('the machine has lost its power'));
    });
    socket.write('\n'); // ends what an earlier caller may have left unfinished
  }

  static async connect(path: string): Promise<Agent> {
    return new Agent(await connected(path));
  }

  /**
   * Runs a line by `sh -c` as a child of the agent, without a unit of its own. A machine that is still booting answers when
   * its agent has started. @returns status null when there is no answer in time. @throws Error when the machine ends.
   */
  run(
    line: string,
    options: { readonly input?: string; readonly timeoutMs: number },
  ): Promise<CommandResult> {
    this.#last += 1;
    const id = this.#last;
    return new Promise((resolve, reject) => {
      const done = (result: CommandResult): void => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        this.#refusing.delete(refuse);
        resolve(result);
      };
      const refuse = (error: Error): void => {
        clearTimeout(timer);
        this.#refusing.delete(refuse);
        reject(new Error(`${line}: ${error.message}`, { cause: error }));
      };
      const late = { status: null, stdout: '', stderr: `no answer in ${options.timeoutMs} ms\n` };
      const timer = setTimeout(() => done(late), options.timeoutMs);
      this.#waiting.set(id, done);
      this.#refusing.add(refuse);
      if (this.#socket.destroyed) refuse(new Error('the machine has lost its power'));
      else this.#socket.write(`${id} ${encode(line)} ${encode(options.input ?? '')}\n`);
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
      const [id = '', status = '', stdout = '-', stderr = '-'] = this.#text.slice(0, end).split(' ');
      this.#text = this.#text.slice(end + 1);
      this.#waiting.get(Number(id))?.({
        status: Number(status),
        stdout: decode(stdout),
        stderr: decode(stderr),
      });
    }
  }
}

function encode(text: string): string {
  return text === '' ? '-' : Buffer.from(text).toString('base64');
}

function decode(text: string): string {
  return text === '-' ? '' : Buffer.from(text, 'base64').toString('utf8');
}
