/**
 * A grid of one host inside test/sandbox/enter --installed: system bus, VO service, helper and account mapping service, all
 * brought up by the commands an administrator types. ./quickstart and test/modules stand on it.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Daemon, startDaemon, waitFor } from './daemon.ts';
import { closeTerminals } from './terminal.ts';

const checkout = path.resolve(import.meta.dirname, '../..');
const node = '/usr/lib/xtreemos/bin/node';

export interface CommandResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command without blocking the event loop; never throws for its exit status. */
export function command(
  words: readonly string[],
  options: { input?: string; env?: NodeJS.ProcessEnv; timeoutMs?: number } = {},
): Promise<CommandResult> {
  const [program = '', ...rest] = words;
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, {
      env: { ...process.env, ...options.env },
      timeout: options.timeoutMs ?? 30_000,
      cwd: '/',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString('utf8');
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString('utf8');
    });
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, stdout, stderr }));
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
  });
}

/** Runs a command that has to succeed. @returns its standard output. @throws Error with all it printed. */
export async function succeed(
  words: readonly string[],
  options: Parameters<typeof command>[1] = {},
): Promise<string> {
  const result = await command(words, options);
  if (result.status !== 0)
    throw new Error(`${words.join(' ')}: status ${result.status}\n${result.stdout}${result.stderr}`);
  return result.stdout;
}

export interface EnrolledUser {
  readonly name: string;
  readonly passphraseFile: string;
  /** A copy of the credential outside the credential directories. */
  readonly credentialFile: string;
}

export class OneHostGrid {
  readonly vo: string;
  readonly alias: string;
  readonly daemons = new Map<string, Daemon>();
  /** Where users' own things lie that are not on the stick: as their laptops would hold them. */
  readonly laptop: string;
  readonly stick = '/media/stick';

  constructor(vo: string, laptop = '/root/laptop') {
    this.vo = vo;
    this.laptop = laptop;
    this.alias = vo.split('.')[0] ?? vo;
    mkdirSync(this.laptop, { recursive: true, mode: 0o700 });
    mkdirSync(this.stick, { recursive: true });
  }

  /** The system bus, the three daemons, the VO, and this host joined to it. */
  async start(roles: readonly string[] = []): Promise<void> {
    startSystemBus();
    await Promise.all([this.startDaemon('helper'), this.startDaemon('vo')]);
    await Promise.all([this.createVo(), this.startDaemon('accounts')]);
    await this.joinVo(roles);
  }

  /** A second VO on the same service and host: `new OneHostGrid(OTHER)` after this grid's start, then this and joinVo. */
  async createVo(): Promise<void> {
    await succeed(['xos', 'vo', 'create', this.vo]);
  }

  /** @param roles of the host; none: those that every host has. */
  async joinVo(roles: readonly string[] = []): Promise<void> {
    const tokenFile = `${this.laptop}/node.token`;
    const asked = roles.flatMap((role) => ['--role', role]);
    await succeed(['xos', 'node', 'token', this.vo, ...asked, '--out', tokenFile]);
    await succeed(['xos', 'node', 'join', ...asked, '--token-file', tokenFile, '--yes']);
    rmSync(tokenFile);
  }

  /** @param runtimeOptions of node itself, such as `--import`. */
  async startDaemon(
    name: 'helper' | 'vo' | 'accounts',
    runtimeOptions: readonly string[] = [],
  ): Promise<Daemon> {
    const daemon = await startDaemon({
      name: `xos-${name}`,
      ...(name === 'helper' ? {} : { user: `xos-${name}` }),
      command: [node, ...runtimeOptions, `${checkout}/daemons/${name}/main.ts`],
    });
    this.daemons.set(name, daemon);
    return daemon;
  }

  daemon(name: 'helper' | 'vo' | 'accounts'): Daemon {
    const daemon = this.daemons.get(name);
    if (daemon === undefined) throw new Error(`xos-${name} was not started`);
    return daemon;
  }

  /**
   * Enrols a user as people do: invited by the administrator, key made by the user, certificate from the CDA.
   * The PKCS#12 is put on the stick (`onStick`, default) and kept on the laptop.
   */
  async enrol(name: string, passphrase: string, options: { onStick?: boolean } = {}): Promise<EnrolledUser> {
    const tokenFile = `${this.laptop}/${name}.token`;
    const passphraseFile = `${this.laptop}/${name}.passphrase`;
    const credentialFile = `${this.laptop}/${name}.p12`;
    writeFileSync(passphraseFile, `${passphrase}\n`, { mode: 0o600 });
    await succeed(['xos', 'vo', 'invite', `${name}@${this.vo}`, '--out', tokenFile]);
    await succeed([
      'xos',
      'cert',
      'request',
      `${name}@${this.vo}`,
      '--token-file',
      tokenFile,
      '--passphrase-file',
      passphraseFile,
      '--out',
      credentialFile,
    ]);
    rmSync(tokenFile);
    if (options.onStick !== false) {
      writeFileSync(`${this.stick}/${name}.p12`, readFileSync(credentialFile), { mode: 0o600 });
    }
    await waitFor(
      async () => (await command(['getent', 'passwd', `${name}@${this.alias}`])).status === 0,
      10_000,
      `${name}@${this.alias} does not resolve`,
    );
    return { name, passphraseFile, credentialFile };
  }

  /** Stops what is still running; the sandbox would end it anyway, but a daemon that cannot stop is a defect. */
  async stop(): Promise<void> {
    await closeTerminals();
    for (const name of ['accounts', 'vo', 'helper']) await this.daemons.get(name)?.stop();
  }

  /** What the daemons logged, for a failed test's message. */
  logs(): string {
    return [...this.daemons.values()].map((daemon) => `== ${daemon.name}\n${daemon.log()}`).join('\n');
  }
}

function startSystemBus(): void {
  mkdirSync('/run/dbus', { recursive: true });
  const result = spawnSync('dbus-daemon', ['--system', '--fork', '--nopidfile'], { encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`dbus-daemon: ${result.stderr}`);
}
