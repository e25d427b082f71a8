import { closeSync, openSync, writeSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import { printable } from '../output/printable.ts';

/** The person pressed Ctrl-C (or Ctrl-D on an empty line) at a prompt. */
export class PromptInterrupted extends Error {
  constructor() {
    super('interrupted at a prompt');
    this.name = 'PromptInterrupted';
  }
}

const longestLineBytes = 4096;
const fatalSignals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/**
 * The person's terminal (/dev/tty), whatever standard input and output are: a secret never mixes with piped data.
 *
 * Without echo the line is read in raw mode and edited here (erase, kill line), so the kernel cannot show it; the former
 * mode comes back however the prompt ends: answered, Ctrl-C, a signal or an error.
 */
export class ControllingTerminal {
  readonly #fileDescriptor: number;
  readonly #input: ReadStream;
  /** Bytes typed ahead of the next prompt, as when several lines are pasted. */
  #ahead: Buffer = Buffer.alloc(0);

  private constructor(fileDescriptor: number) {
    this.#fileDescriptor = fileDescriptor;
    this.#input = new ReadStream(fileDescriptor);
    this.#input.pause();
  }

  /** Null where the process has no controlling terminal (cron, a service, CI). */
  static open(path = '/dev/tty'): ControllingTerminal | null {
    let fileDescriptor: number;
    try {
      fileDescriptor = openSync(path, 'r+');
    } catch {
      return null; // ENXIO: no controlling terminal; ENOENT: no /dev/tty in this namespace
    }
    try {
      return new ControllingTerminal(fileDescriptor);
    } catch {
      closeSync(fileDescriptor);
      return null;
    }
  }

  close(): void {
    this.#input.destroy();
  }

  /** Writes a line that explains the next question. */
  say(text: string): void {
    this.#write(`${text}\n`);
  }

  /** One line as typed, echoed by the terminal. Throws PromptInterrupted. */
  async ask(question: string): Promise<string> {
    this.#write(`${printable(question)} `);
    const line = await this.#line((byte) => byte === 0x0a);
    if (line === null) throw new PromptInterrupted();
    return line.toString('utf8').replace(/\r$/, '');
  }

  /** One line that the terminal does not show. Throws PromptInterrupted. */
  async askSecret(question: string): Promise<string> {
    const restore = (): void => {
      this.#input.setRawMode(false);
    };
    const onSignal = (signal: NodeJS.Signals): void => {
      restore();
      this.#write('\n');
      for (const name of fatalSignals) process.off(name, onSignal);
      process.kill(process.pid, signal);
    };
    // The mode changes before the question shows: whoever sees the question may type at once.
    this.#input.setRawMode(true);
    for (const name of fatalSignals) process.on(name, onSignal);
    try {
      this.#write(`${printable(question)} `);
      return await this.#editedLine();
    } finally {
      for (const name of fatalSignals) process.off(name, onSignal);
      restore();
      this.#write('\n');
    }
  }

  async #editedLine(): Promise<string> {
    let typed = '';
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    for (;;) {
      const byte = await this.#byte();
      if (byte === null || byte === 0x03) throw new PromptInterrupted();
      if (byte === 0x0d || byte === 0x0a) return typed + decoder.decode();
      if (byte === 0x04) {
        if (typed === '') throw new PromptInterrupted();
      } else if (byte === 0x7f || byte === 0x08) {
        typed = [...typed].slice(0, -1).join('');
      } else if (byte === 0x15) {
        typed = '';
      } else if (byte >= 0x20 || byte === 0x09) {
        typed += decoder.decode(Buffer.from([byte]), { stream: true });
      }
      if (typed.length > longestLineBytes) throw new PromptInterrupted();
    }
  }

  async #line(ends: (byte: number) => boolean): Promise<Buffer | null> {
    const bytes: number[] = [];
    for (;;) {
      const byte = await this.#byte();
      if (byte === null) return bytes.length === 0 ? null : Buffer.from(bytes);
      if (ends(byte)) return Buffer.from(bytes);
      bytes.push(byte);
      if (bytes.length > longestLineBytes) return null;
    }
  }

  async #byte(): Promise<number | null> {
    while (this.#ahead.length === 0) {
      const chunk = await this.#chunk();
      if (chunk === null) return null;
      this.#ahead = chunk;
    }
    const byte = this.#ahead[0] ?? 0;
    this.#ahead = this.#ahead.subarray(1);
    return byte;
  }

  /** The next bytes typed; null at the end of input (Ctrl-D on an empty line, or the terminal went away). */
  #chunk(): Promise<Buffer | null> {
    return new Promise((resolve) => {
      const done = (chunk: Buffer | null): void => {
        this.#input.off('data', onData);
        this.#input.off('end', onEnd);
        this.#input.off('error', onEnd);
        this.#input.pause();
        resolve(chunk);
      };
      const onData = (chunk: Buffer): void => done(chunk);
      const onEnd = (): void => done(null);
      this.#input.on('data', onData);
      this.#input.on('end', onEnd);
      this.#input.on('error', onEnd);
      this.#input.resume();
    });
  }

  #write(text: string): void {
    writeSync(this.#fileDescriptor, text);
  }
}
