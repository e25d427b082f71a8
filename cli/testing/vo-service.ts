import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type XosOptions, type XosResult, xos } from './xos-process.ts';

const daemon = fileURLToPath(new URL('../../daemons/vo/main.ts', import.meta.url));

/** A real VO service, and a host and a person beside it, all in one temporary directory. */
export class VoServiceFixture {
  readonly directory: string;
  /** `--root` of the host, which is also the service's own. */
  readonly root: string;
  readonly home: string;
  readonly url: string;
  readonly #process: ChildProcess;

  private constructor(directory: string, url: string, process: ChildProcess) {
    this.directory = directory;
    this.root = join(directory, 'root');
    this.home = join(directory, 'home');
    this.url = url;
    this.#process = process;
  }

  static async start(): Promise<VoServiceFixture> {
    const directory = mkdtempSync(join(tmpdir(), 'xos-cli-'));
    mkdirSync(join(directory, 'root/run/xtreemos/vo'), { recursive: true });
    mkdirSync(join(directory, 'home'));
    mkdirSync(join(directory, 'root/etc'));
    // What the package xtreemos-accounts makes, so that the host may join.
    writeFileSync(join(directory, 'root/etc/passwd'), 'xos-accounts:x:992:991::/:/bin/false\n');
    writeFileSync(join(directory, 'root/etc/group'), 'xos-accounts:x:991:\n');
    const configuration = join(directory, 'vo.conf');
    writeFileSync(
      configuration,
      [
        '[Service]',
        'Listen=127.0.0.1:0',
        `AdminSocket=${directory}/root/run/xtreemos/vo/admin.sock`,
        `StateDirectory=${directory}/state`,
        'Hostname=localhost',
        '[Limits]',
        'SignInBurst=1000',
        '',
      ].join('\n'),
    );
    const child = spawn(process.execPath, [daemon, '--config', configuration], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    try {
      const url = await urlOf(child);
      return new VoServiceFixture(directory, url, child);
    } catch (error) {
      child.kill('SIGKILL');
      rmSync(directory, { recursive: true });
      throw error;
    }
  }

  /** The bus that the command takes for the system's; nobody listens unless a test starts one there. */
  get busAddress(): string {
    return `unix:path=${this.directory}/bus`;
  }

  /** Runs the command on the host, as the person whose home it is. */
  xos(commandLine: readonly string[], options: XosOptions = {}): Promise<XosResult> {
    return xos(['--root', this.root, ...commandLine], {
      ...options,
      environment: {
        HOME: this.home,
        DBUS_SYSTEM_BUS_ADDRESS: this.busAddress,
        ...options.environment,
      },
    });
  }

  /** As `xos`; @throws Error with its stderr when it fails. */
  async succeed(commandLine: readonly string[], options: XosOptions = {}): Promise<string> {
    const result = await this.xos(commandLine, options);
    if (result.exitCode !== 0)
      throw new Error(`xos ${commandLine.join(' ')}: ${result.exitCode}: ${result.stderr}`);
    return result.stdout;
  }

  /** As `succeed`, with the answer as JSON. */
  async json<T>(commandLine: readonly string[], options: XosOptions = {}): Promise<T> {
    return JSON.parse(await this.succeed(['--json=short', ...commandLine], options)) as T;
  }

  /** A file of mode 0600 with one secret line. */
  secretFile(name: string, secret: string): string {
    const file = join(this.directory, name);
    writeFileSync(file, `${secret}\n`, { mode: 0o600 });
    return file;
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    if (this.#process.exitCode === null) {
      this.#process.kill('SIGTERM');
      const timer = setTimeout(() => this.#process.kill('SIGKILL'), 10_000);
      await ended;
      clearTimeout(timer);
    }
    rmSync(this.directory, { recursive: true });
  }
}

/** The daemon logs the address it serves once it does. */
function urlOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let log = '';
    const timer = setTimeout(() => reject(new Error(`the VO service does not start:\n${log}`)), 30_000);
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      act();
    };
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      log += text;
      const url = /serving (https:\S+)/.exec(log)?.[1];
      if (url !== undefined && log.includes(' runs')) settle(() => resolve(url));
    });
    child.once('exit', (code) =>
      settle(() => reject(new Error(`the VO service ended with ${code}:\n${log}`))),
    );
  });
}
