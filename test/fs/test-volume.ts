/** A volume of our own servers, as processes in plain text on loopback, and mounts of it, in the mount namespace of the test. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  connectAdmin,
  makeVolume,
  startServers,
  type TestServers,
} from '../../daemons/metadata/metadata-fixtures.ts';
import { type Cleanup, testAddress } from '../../packages/xtreemfs/server-process-fixture.ts';

const mountProgram = path.join(import.meta.dirname, '../../daemons/mount/main.ts');

/** A mount.xtreemfs that is started, killed, started again. */
export class TestMount {
  readonly directory: string;
  output = '';
  /** Programs that used it may fail. */
  isKilled = false;
  readonly #source: string;
  readonly #options: string;
  readonly #within: readonly string[];
  #child: ChildProcess | undefined;

  /** @param options of mount(8). @param within the command that the client is started by */
  constructor(
    source: string,
    {
      options = 'plain,suid,dev',
      within = [],
    }: { readonly options?: string; readonly within?: readonly string[] } = {},
  ) {
    this.#source = source;
    this.#options = options;
    this.#within = within;
    this.directory = mkdtempSync(path.join(tmpdir(), 'xos-mount-'));
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  async start(): Promise<void> {
    const words = [mountProgram, '--foreground', '-o', this.#options, this.#source, this.directory];
    const [command = '', ...rest] = [...this.#within, process.execPath, ...words];
    const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output = (this.output + text).slice(-20_000);
      });
    for (let tries = 0; !this.isMounted(); tries++) {
      if (child.exitCode !== null || tries > 1500) throw new Error(`it was not mounted: ${this.output}`);
      await sleep(20);
    }
  }

  isMounted(): boolean {
    return readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${this.directory} `);
  }

  /** SIGTERM: all that was written is safe and the volume unmounted when this resolves. SIGKILL: what is left is an end. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'close');
      child.kill(signal);
      const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
      await ended;
      clearTimeout(timer);
    }
    this.#child = undefined;
    if (!this.isMounted()) return;
    const umount = spawn('umount', ['--lazy', this.directory], { stdio: 'ignore' });
    await once(umount, 'close');
  }
}

export interface TestVolume {
  readonly servers: TestServers;
  readonly mounts: readonly TestMount[];
  /** One more client. @param within words before its command line */
  mount(within?: readonly string[]): Promise<TestMount>;
}

/** A volume that root of every client may use with any ids. */
export async function startVolume(
  context: Cleanup,
  osds = 2,
  osdSettings: readonly string[] = [],
  volumeSettings: Readonly<Record<string, string>> = {},
): Promise<TestVolume> {
  const servers = await startServers(context, { osds, osdSettings });
  const admin = await connectAdmin(servers.mrc);
  const attributes = { 'xtreemos.foreign_hosts': '*', ...volumeSettings };
  await makeVolume(admin, { name: 'judged', owner: '0', group: '0', mode: 0o777, width: osds, attributes });
  admin.close();
  const mounts: TestMount[] = [];
  context.after(async () => {
    for (const mount of mounts) {
      await mount.end('SIGTERM');
      rmdirSync(mount.directory);
    }
  });
  return {
    servers,
    mounts,
    async mount(within = []) {
      const mount = new TestMount(`${testAddress()}:${servers.directory.port}/judged`, { within });
      mounts.push(mount);
      await mount.start();
      return mount;
    },
  };
}
