import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';

/** A shell on a terminal of its own, made by script(1): what a person sees, and keys to type. */
export class PseudoTerminal {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<void>;
  #screen = '';
  #seen = 0;

  /** `shellCommand` runs with the terminal as standard input and output and as controlling terminal. */
  constructor(shellCommand: string, environment: Readonly<Record<string, string>> = {}) {
    this.#child = spawn('script', ['--quiet', '--flush', '--command', shellCommand, '/dev/null'], {
      env: {
        PATH: process.env['PATH'],
        HOME: '/nonexistent',
        TERM: 'xterm',
        LANG: 'C.UTF-8',
        SHELL: '/bin/sh',
        NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
        ...environment,
      },
      stdio: 'pipe',
    });
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#screen += text;
    });
    this.#child.stdin.on('error', () => undefined);
    this.#ended = new Promise((resolve) => {
      this.#child.on('close', () => resolve());
    });
  }

  /** Everything written so far. */
  get screen(): string {
    return this.#screen;
  }

  /** Waits for text after what was awaited before. @throws Error with the screen after 20 s. */
  async waitFor(text: string): Promise<void> {
    const deadline = performance.now() + 20_000;
    for (;;) {
      const at = this.#screen.indexOf(text, this.#seen);
      if (at >= 0) {
        this.#seen = at + text.length;
        return;
      }
      if (performance.now() > deadline) throw new Error(`no "${text}" on the terminal:\n${this.#screen}`);
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, 1000);
        this.#child.stdout.once('data', () => {
          clearTimeout(timer);
          resolve(undefined);
        });
      });
    }
  }

  type(keys: string): void {
    this.#child.stdin.write(keys);
  }

  /** Waits for the shell's end. */
  async end(): Promise<string> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 20_000);
    await this.#ended;
    clearTimeout(timer);
    return this.#screen;
  }
}
