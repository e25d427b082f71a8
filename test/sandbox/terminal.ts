/** A program on a terminal of its own (util-linux `script` makes the pty), typed at as a person would. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';

export interface TerminalOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Called with what appears on the screen, as it appears. */
  readonly onOutput?: (text: string) => void;
  /** How long `expect` and `prompt` wait where they are not told; 15 s and 30 s where absent. */
  readonly patienceMs?: number;
}

/** A word for `sh -c` that stays one word, whatever is in it. */
export function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Terminals still open; a test file closes them at its end, whatever failed. */
const open = new Set<Terminal>();

/** Ends every program that is still on a terminal. */
export async function closeTerminals(): Promise<void> {
  await Promise.all([...open].map((terminal) => terminal.close()));
}

export class Terminal {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<number>;
  readonly #waiters = new Set<() => void>();
  readonly #patienceMs: number | undefined;
  #screen = '';
  #consumed = 0;
  #lastOutputAt = performance.now();
  #status: number | undefined;

  /** @param command run by `sh -c` as leader of a new session whose controlling terminal is the new pty. */
  constructor(command: string, options: TerminalOptions = {}) {
    this.#patienceMs = options.patienceMs;
    this.#child = spawn('script', ['-qefc', command, '/dev/null'], {
      env: { ...process.env, TERM: 'dumb', SHELL: '/bin/sh', ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    open.add(this);
    const receive = (chunk: Buffer): void => {
      const text = chunk.toString('utf8');
      this.#screen += text;
      this.#lastOutputAt = performance.now();
      options.onOutput?.(text);
      for (const waiter of this.#waiters) waiter();
    };
    this.#child.stdout.on('data', receive);
    this.#child.stderr.on('data', receive);
    this.#child.stdin.on('error', () => undefined); // the program ended while we typed: `ended` tells
    this.#ended = new Promise((resolve) => {
      this.#child.on('close', (code) => {
        this.#status = code ?? 1;
        open.delete(this);
        for (const waiter of this.#waiters) waiter();
        resolve(this.#status);
      });
    });
  }

  /** All that has appeared so far. */
  get screen(): string {
    return this.#screen;
  }

  /** The exit status once the program has ended. */
  get ended(): Promise<number> {
    return this.#ended;
  }

  type(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  /** Types bytes as they are (control characters). */
  press(bytes: string): void {
    this.#child.stdin.write(bytes);
  }

  /** Waits until `pattern` appears behind what earlier calls matched. @returns the text up to the end of the match. */
  async expect(pattern: RegExp, timeoutMs = this.#patienceMs ?? 15_000): Promise<string> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const fresh = this.#screen.slice(this.#consumed);
      const match = pattern.exec(fresh);
      if (match !== null) {
        const end = match.index + match[0].length;
        this.#consumed += end;
        return fresh.slice(0, end);
      }
      if (this.#status !== undefined)
        throw new Error(`ended (${this.#status}) before ${pattern} appeared:\n${this.#screen}`);
      if (performance.now() > deadline)
        throw new Error(`${pattern} did not appear in ${timeoutMs} ms:\n${this.#screen}`);
      await this.#change(deadline - performance.now());
    }
  }

  /** Waits until the program asks: the last line is not ended and nothing has come for `quietMs`. False when it ended. */
  async prompt(quietMs = 250, timeoutMs = this.#patienceMs ?? 30_000): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      if (this.#status !== undefined) return false;
      const quiet = performance.now() - this.#lastOutputAt;
      const fresh = this.#screen.slice(this.#consumed);
      if (fresh !== '' && !fresh.endsWith('\n') && quiet >= quietMs) {
        this.#consumed = this.#screen.length;
        return true;
      }
      if (performance.now() > deadline) throw new Error(`no prompt in ${timeoutMs} ms:\n${this.#screen}`);
      await this.#change(50);
    }
  }

  /** Ends the program if it has not ended by itself. */
  async close(): Promise<void> {
    if (this.#status === undefined) this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5_000);
    await this.#ended;
    clearTimeout(timer);
  }

  #change(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(done);
        resolve();
      };
      const timer = setTimeout(done, Math.max(1, milliseconds));
      this.#waiters.add(done);
    });
  }
}
