/** File systems to be measured beside ours, each started with an empty folder on disk and ended again. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface FileSystem {
  readonly name: string;
  /**
   * @param disk an empty folder. @param within words before the command line of its client
   * @returns the folder to work in, and what ends it all
   */
  start(
    disk: string,
    within: readonly string[],
  ): Promise<{ readonly directory: string; end(): Promise<void> }>;
}

/** Where servers are: GlusterFS and MooseFS refuse 127.0.0.1. */
export const address = '10.99.0.1';

export async function addAddress(): Promise<void> {
  await run('ip', ['address', 'replace', `${address}/32`, 'dev', 'lo']);
}

export const ext4: FileSystem = {
  name: 'ext4 underneath',
  start: (disk) => Promise.resolve({ directory: disk, end: () => Promise.resolve() }),
};

export async function isMounted(directory: string, what: string): Promise<void> {
  for (let round = 0; round < 200; round++) {
    if (readFileSync('/proc/self/mounts', 'utf8').includes(` ${directory} fuse`)) return;
    await sleep(100);
  }
  throw new Error(`${what} is not mounted on ${directory} within 20 s`);
}

/** Ends a process that this module started, and waits for it. */
export async function endProcess(pidOrChild: ReturnType<typeof spawn>): Promise<void> {
  if (pidOrChild.exitCode !== null || pidOrChild.signalCode !== null) return;
  pidOrChild.kill('SIGTERM');
  const timer = setTimeout(() => pidOrChild.kill('SIGKILL'), 10_000);
  await once(pidOrChild, 'exit');
  clearTimeout(timer);
}

/** A daemon in the foreground. */
export function daemon(words: readonly string[]): ReturnType<typeof spawn> {
  const [command = '', ...rest] = words;
  return spawn(command, rest, { stdio: 'ignore' });
}

export const glusterfs: FileSystem = {
  name: 'GlusterFS',
  async start(disk, within) {
    const brick = `${disk}/brick`;
    const directory = '/mnt/glusterfs';
    for (const folder of [brick, directory]) mkdirSync(folder, { recursive: true });
    const glusterd = daemon(['glusterd', '--no-daemon', '--log-level=ERROR']);
    await sleep(3000);
    const volume = `bench${Math.floor(performance.now())}`;
    const gluster = (...words: string[]) => run('gluster', ['--mode=script', 'volume', ...words]);
    await gluster('create', volume, `${address}:${brick}`, 'force');
    await gluster('start', volume);
    const client = daemon([
      ...within,
      'glusterfs',
      '--no-daemon',
      `--volfile-server=${address}`,
      `--volfile-id=${volume}`,
      directory,
    ]);
    await isMounted(directory, 'GlusterFS');
    return {
      directory,
      async end() {
        await run('umount', [directory]);
        await endProcess(client);
        await gluster('stop', volume, 'force');
        await gluster('delete', volume);
        await endProcess(glusterd);
      },
    };
  },
};

export const moosefs: FileSystem = {
  name: 'MooseFS',
  async start(disk, within) {
    const directory = '/mnt/moosefs';
    for (const folder of [`${disk}/chunks`, `${disk}/master`, `${disk}/server`, directory])
      mkdirSync(folder, { recursive: true });
    const asRoot = ['WORKING_USER = root', 'WORKING_GROUP = root'];
    const write = (name: string, lines: readonly string[]) =>
      writeFileSync(`${disk}/${name}`, `${lines.join('\n')}\n`);
    writeFileSync(`${disk}/master/metadata.mfs`, readFileSync('/var/lib/mfs/metadata.mfs.empty'));
    write('exports', ['* / rw,alldirs,admin,maproot=0:0']);
    write('topology', []);
    write('folders', [`${disk}/chunks`]);
    write('master.cfg', [
      ...asRoot,
      `DATA_PATH = ${disk}/master`,
      `EXPORTS_FILENAME = ${disk}/exports`,
      `TOPOLOGY_FILENAME = ${disk}/topology`,
      ...['MATOML', 'MATOCS', 'MATOCL'].map((role) => `${role}_LISTEN_HOST = ${address}`),
    ]);
    write('server.cfg', [
      ...asRoot,
      `DATA_PATH = ${disk}/server`,
      `HDD_CONF_FILENAME = ${disk}/folders`,
      `MASTER_HOST = ${address}`,
      `CSSERV_LISTEN_HOST = ${address}`,
      `BIND_HOST = ${address}`,
    ]);
    const master = daemon(['mfsmaster', '-f', '-c', `${disk}/master.cfg`, 'start']);
    await sleep(2000);
    const server = daemon(['mfschunkserver', '-f', '-c', `${disk}/server.cfg`, 'start']);
    await sleep(3000);
    const client = daemon([...within, 'mfsmount', directory, '-f', '-H', address]);
    await isMounted(directory, 'MooseFS');
    const [command = '', ...words] = [...within, 'mfssetgoal', '-r', '1', directory];
    await run(command, words);
    return {
      directory,
      async end() {
        await run('umount', [directory]);
        for (const process of [client, server, master]) await endProcess(process);
      },
    };
  },
};

/** libfuse's example that hands everything on to the kernel's file system: the bound of FUSE. It is in no Debian package. */
export function passthrough(program: string): FileSystem {
  return {
    name: 'passthrough_hp',
    async start(disk) {
      const directory = '/mnt/passthrough';
      for (const folder of [`${disk}/source`, directory]) mkdirSync(folder, { recursive: true });
      const client = daemon([program, '--foreground', `${disk}/source`, directory]);
      await isMounted(directory, 'passthrough_hp');
      return {
        directory,
        async end() {
          await run('umount', [directory]);
          await endProcess(client);
        },
      };
    },
  };
}
