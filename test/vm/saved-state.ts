/** States of a machine to start from, each made once: Debian booted, and Debian with our packages installed. */
import { createHash } from 'node:crypto';
import {
  existsSync,
  globSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { checkout, Ground } from '../hosts/ground.ts';
import { command, succeed } from '../sandbox/one-host-grid.ts';
import { stopServices } from './identity.ts';
import { Machine } from './machine.ts';
import { makeGrid } from './one-machine-grid.ts';
import { processor } from './qemu.ts';

export interface SavedState {
  /** Folder of kernel and initrd, as the ground sees it. */
  readonly image: string;
  readonly kvm: boolean;
  /** Folder of disk.qcow2 and memory, as the ground sees it. */
  readonly folder: string;
}

const onGround = (file: string): string => path.join('/mnt/checkout', path.relative(checkout, file));

/**
 * What a machine starts from: Debian booted; the packages of the last build installed; or the grid of one machine, `head`, which
 * is VO service and node of the VO `demo`.
 */
export type StateName = 'plain' | 'installed' | 'grid';

interface Base {
  readonly image: string;
  readonly kvm: boolean;
  readonly say: (text: string) => void;
}

/** @param say is told what takes minutes. */
export async function savedState(wanted: StateName, say: (text: string) => void): Promise<SavedState> {
  const image = (await succeed([path.join(import.meta.dirname, 'image')], { timeoutMs: 900_000 })).trim();
  const kvm = await usesKvm(image);
  const base = { image: onGround(image), kvm, say };
  let state = await plainState(path.join(image, `plain-${await hardwareHash(kvm)}`), base);
  if (wanted !== 'plain') state = await installedState(state, base);
  if (wanted === 'grid') state = await gridState(state, base);
  return { image: base.image, kvm, folder: onGround(state) };
}

async function plainState(state: string, base: Base): Promise<string> {
  await makeUnlessThere(state, base, blank, async (machine) => {
    await machine.prepare(`${base.image}/disk`, 'raw');
    const boot = await machine.boot();
    for (const silence of boot.silences) base.say(silence);
    if (boot.state !== 'running')
      throw new Error(`Debian alone has failed units: ${boot.failedUnits.join(' ')}`);
  });
  return state;
}

async function installedState(plain: string, base: Base): Promise<string> {
  // The machines are x86-64; builds for other architectures lie beside.
  const packages = globSync('build/packages/deb/*_{all,amd64}.deb', { cwd: checkout })
    .map((file) => path.join(checkout, file))
    .sort();
  if (packages.length === 0) throw new Error('no packages in build/packages: run ./packaging/build deb');
  const state = `${plain}-with-${contentHash(...packages, 'identity.ts')}`;
  await makeUnlessThere(state, base, blank, async (machine, ground) => {
    await resume(machine, plain);
    await machine.plug(await packageDisk(ground, packages), '/srv/packages');
    await machine.succeed('DEBIAN_FRONTEND=noninteractive apt-get install -y /srv/packages/*.deb', {
      timeoutMs: 600_000,
    });
    await machine.unplug('/srv/packages');
    await machine.succeed(stopServices);
  });
  return state;
}

async function gridState(installed: string, base: Base): Promise<string> {
  const state = `${installed}-grid-${contentHash('one-machine-grid.ts')}`;
  // Its certificates are for this name.
  await makeUnlessThere(state, base, { name: 'head', number: 1 }, async (machine) => {
    await resume(machine, installed, new Map([['head', 1]]));
    await makeGrid(machine);
    await machine.succeed(stopServices);
  });
  return state;
}

async function resume(
  machine: Machine,
  state: string,
  neighbours: ReadonlyMap<string, number> = new Map(),
): Promise<void> {
  await machine.prepare(`${onGround(state)}/disk.qcow2`, 'qcow2');
  await machine.restore(`${onGround(state)}/memory`, neighbours);
}

/** @param files absolute, or beside this one */
function contentHash(...files: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(path.resolve(import.meta.dirname, file)));
  return hash.digest('hex').slice(0, 16);
}

/** What becomes another machine before anybody looks. */
const blank = { name: 'blank', number: 250 };

/** Makes a state in a machine on a ground of its own; a state that did not get ready is not kept. */
async function makeUnlessThere(
  state: string,
  { image, kvm, say }: Base,
  { name, number }: { readonly name: string; readonly number: number },
  build: (machine: Machine, ground: Ground) => Promise<void>,
): Promise<void> {
  if (existsSync(state)) return;
  const start = performance.now();
  const unfinished = mkdtempSync(`${state}.unfinished.`);
  const ground = await Ground.make();
  try {
    await allowMulticast(ground);
    const machine = new Machine(ground, name, number, image, kvm);
    await build(machine, ground);
    await machine.save(onGround(unfinished));
    if (!existsSync(state)) renameSync(unfinished, state);
  } finally {
    await ground.remove();
    rmSync(unfinished, { recursive: true, force: true });
  }
  const megabytes = Math.round(statSync(path.join(state, 'memory')).size / 1e6);
  const seconds = Math.round((performance.now() - start) / 1000);
  say(`made ${path.relative(checkout, state)} in ${seconds} s, memory ${megabytes} MB`);
}

/** The packages as the file system of a disk. @returns its file on the ground. */
async function packageDisk(ground: Ground, packages: readonly string[]): Promise<string> {
  const folder = '/mnt/hosts/packages';
  await ground.run('mkdir', '-p', folder);
  await ground.run('cp', ...packages.map(onGround), folder);
  const bytes = packages.reduce((sum, file) => sum + statSync(file).size, 0);
  const size = `${Math.ceil((bytes * 1.1) / 2 ** 20) + 8}M`;
  await ground.run('mke2fs', '-q', '-t', 'ext4', '-d', folder, `${folder}.img`, size);
  await ground.run('rm', '-r', folder);
  return `${folder}.img`;
}

/** The machines' network is a multicast group on the ground's loopback. */
export async function allowMulticast(ground: Ground): Promise<void> {
  await ground.run('ip', 'link', 'set', 'lo', 'multicast', 'on');
  await ground.run('ip', 'route', 'replace', '224.0.0.0/4', 'dev', 'lo');
}

/** A state fits the QEMU and the hardware it was saved on. */
async function hardwareHash(kvm: boolean): Promise<string> {
  const hash = createHash('sha256');
  hash.update(await succeed(['qemu-system-x86_64', '--version']));
  hash.update(`${kvm}`);
  for (const name of ['qemu.ts', 'identity.ts'])
    hash.update(readFileSync(path.join(import.meta.dirname, name)));
  return hash.digest('hex').slice(0, 16);
}

/**
 * Whether KVM runs our kernel, asked once per boot of this host: some nested ones offer /dev/kvm and then stop at an
 * instruction that they cannot emulate. The kernel is to start and to panic for want of a root file system.
 */
async function usesKvm(image: string): Promise<boolean> {
  if (!existsSync('/dev/kvm')) return false;
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const known = path.join(image, `kvm-${bootId}`);
  if (!existsSync(known)) {
    const { status } = await command([
      ...['timeout', '15', 'qemu-system-x86_64', '-nodefaults', '-no-user-config', '-display', 'none'],
      ...['-no-reboot', '-machine', 'pc', '-m', '256', ...processor(true)],
      ...['-kernel', `${image}/kernel`, '-append', 'root=/dev/none quiet panic=-1'],
    ]);
    writeFileSync(known, status === 0 ? 'yes' : 'no');
  }
  return readFileSync(known, 'utf8') === 'yes';
}
