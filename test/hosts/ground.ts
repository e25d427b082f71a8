/** The namespaces, memory and cgroup that hosts stand on: test/hosts/ground, seen from the test process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync } from 'node:fs';
import path from 'node:path';
import { waitFor } from '../sandbox/daemon.ts';
import { type CommandResult, command } from '../sandbox/one-host-grid.ts';
import { firstProcess } from './cgroup.ts';

export const checkout = path.resolve(import.meta.dirname, '../..');

/** Where the Debian packages of the last build are. @throws Error when there are none. */
export function packageFolder(): string {
  const build = path.join(checkout, 'build/packages');
  const folder = existsSync(path.join(build, 'deb')) ? path.join(build, 'deb') : build;
  if (globSync(path.join(folder, '*.deb')).length === 0)
    throw new Error(`no packages in ${folder}: run ./packaging/build deb`);
  return folder;
}

/** What processes on the ground see: the checkout in its place there, and nothing of this process's environment. */
const environment: readonly string[] = [
  'env',
  '-i',
  'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  'LANG=C.UTF-8',
  'TERM=dumb',
];

export class Ground {
  readonly #process: ChildProcess;
  readonly #pid: number;
  /** Absolute path of its cgroup; a host's is the child named as the host. */
  readonly cgroup: string;

  private constructor(child: ChildProcess, pid: number, cgroup: string) {
    this.#process = child;
    this.#pid = pid;
    this.cgroup = cgroup;
  }

  /** @throws Error with what the script said, when it cannot make namespaces (not root) or finds no cgroup2. */
  static async make(): Promise<Ground> {
    const child = spawn(path.join(import.meta.dirname, 'ground'), [], { stdio: ['pipe', 'pipe', 'pipe'] });
    let said = '';
    const read = (chunk: Buffer): void => {
      said += chunk.toString('utf8');
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.stdin.on('error', () => undefined); // it ended by itself: `said` tells
    let cgroup: string | undefined;
    await waitFor(
      () => {
        if (child.exitCode !== null) throw new Error(`test/hosts/ground ended (${child.exitCode}): ${said}`);
        cgroup = /^ready (\S+)$/m.exec(said)?.[1];
        return cgroup !== undefined;
      },
      60_000,
      'test/hosts/ground does not get ready',
    );
    const pid = firstProcess(path.join(cgroup ?? '', 'ground'));
    if (cgroup === undefined || pid === undefined) throw new Error('test/hosts/ground has no first process');
    return new Ground(child, pid, cgroup);
  }

  /** The words that run `words` on the ground. */
  words(words: readonly string[]): string[] {
    const enter = ['nsenter', `--target=${this.#pid}`, '--mount', '--pid', '--net', '--uts', '--ipc'];
    return [...environment, ...enter, '--', ...words];
  }

  /** The words that run `words` beside the process `pid`, in all its namespaces. */
  wordsBeside(pid: number, words: readonly string[]): string[] {
    const enter = ['nsenter', `--target=${pid}`, '--all', `--root=/proc/${pid}/root`, '--wd=/'];
    return [...environment, ...enter, '--', ...words];
  }

  /** Where this process finds a file of the ground. */
  fromOutside(file: string): string {
    return path.join(`/proc/${this.#pid}/root`, file);
  }

  /** Runs a command on the ground that has to succeed. */
  async run(...words: readonly string[]): Promise<CommandResult> {
    const result = await command(this.words(words), { timeoutMs: 60_000 });
    if (result.status !== 0)
      throw new Error(`${words.join(' ')}: status ${result.status}\n${result.stdout}${result.stderr}`);
    return result;
  }

  /** Ends every process on it and removes everything. */
  async remove(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const closed = once(this.#process, 'close');
    this.#process.stdin?.end();
    await closed;
  }
}
