/** A volume of real servers, mounted by the real command in a mount namespace of its own. For tests. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type PrivateNamespace, privateNamespace } from '../../packages/fuse/fixtures/private-mount.ts';
import type { Cleanup } from '../../packages/xtreemfs/server-process-fixture.ts';
import { makeVolume, startServers, type TestServers, waitFor } from '../metadata/metadata-fixtures.ts';

const main = join(import.meta.dirname, 'main.ts');

export interface Outcome {
  readonly status: number | null;
  readonly output: string;
}

export interface MountedVolume {
  readonly servers: TestServers;
  readonly namespace: PrivateNamespace;
  /** As commands inside see it. */
  readonly path: string;
  client: ChildProcess;
  /** Runs a shell script inside, `$MNT` is the mount point. */
  run(script: string, environment?: Readonly<Record<string, string>>): Promise<Outcome>;
  /** As `run`; throws when it fails. */
  good(script: string, environment?: Readonly<Record<string, string>>): Promise<string>;
  mount(): Promise<void>;
  /** Another client of the volume, as on another host; `$OTHER` is its mount point. */
  mountOther(): Promise<void>;
  /** @returns exit status of the client, null when a signal ended it */
  killClient(signal: NodeJS.Signals): Promise<number | null>;
}

export interface VolumeSettings {
  readonly osds?: number;
  readonly options?: readonly string[];
  /** Settings of the volume. */
  readonly attributes?: Readonly<Record<string, string>>;
}

/** A volume that takes foreign ids, owned by root, mounted once. */
export async function mountedVolume(context: Cleanup, settings: VolumeSettings = {}): Promise<MountedVolume> {
  const { osds = 2 } = settings;
  const servers = await startServers(context, { osds });
  const connection = await servers.mrc.connect();
  await makeVolume(connection, {
    name: 'home',
    owner: '0',
    group: '0',
    mode: 0o755,
    width: osds,
    attributes: { 'xtreemos.foreign_hosts': '*', ...settings.attributes },
  });
  connection.close();
  const namespace = await privateNamespace();
  let output = '';
  const source = `127.0.0.1:${servers.directory.port}/home`;
  const other = `${namespace.mountPoint}-other`;
  const others: ChildProcess[] = [];

  async function start(mountPoint: string): Promise<ChildProcess> {
    const options = ['plain', 'suid', 'dev', ...(settings.options ?? [])].join(',');
    const command = [process.execPath, main, source, mountPoint, '--foreground', '-o', options];
    const started = namespace.spawn(command, { stdio: 'pipe' });
    let said = '';
    for (const stream of [started.stdout, started.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        output += text;
      });
    await waitFor(async () => {
      if (started.exitCode !== null) throw new Error(`it did not mount: ${said}`);
      return said.includes('Mounted');
    });
    return started;
  }

  const volume: MountedVolume = {
    servers,
    namespace,
    path: namespace.mountPoint,
    client: undefined as unknown as ChildProcess,
    async mount() {
      volume.client = await start(namespace.mountPoint);
    },
    async mountOther() {
      await mkdir(other, { recursive: true });
      others.push(await start(other));
    },
    async run(script, environment = {}) {
      const child = spawn('nsenter', [`--target=${namespace.pid}`, '--mount', 'sh', '-c', script], {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, MNT: namespace.mountPoint, OTHER: other, ...environment },
      });
      let text = '';
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
      const [status] = (await once(child, 'close')) as [number | null];
      return { status, output: text };
    },
    async good(script, environment) {
      const outcome = await volume.run(script, environment);
      if (outcome.status !== 0) throw new Error(`${script}: ${outcome.status}\n${outcome.output}\n${output}`);
      return outcome.output;
    },
    async killClient(signal) {
      const { client } = volume;
      if (client.exitCode !== null || client.signalCode !== null) return client.exitCode;
      const ended = once(client, 'exit');
      client.kill(signal);
      const [status] = (await ended) as [number | null];
      return status;
    },
  };
  context.after(async () => {
    await volume.run('umount -l $MNT; umount -l $OTHER');
    await volume.killClient('SIGKILL');
    for (const client of others) client.kill('SIGKILL');
    await namespace.end();
    await rm(other, { recursive: true, force: true });
  });
  await volume.mount();
  return volume;
}
