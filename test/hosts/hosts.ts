/**
 * Debian systems on this machine: `const [head, node1, node2] = await hosts(t, ['head', 'node1', 'node2'])`.
 *
 * They share a private network, and nothing else with each other or with this machine but the kernel. All of it goes when the
 * test ends, or when its process dies.
 */
import { rmSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { succeed } from '../sandbox/one-host-grid.ts';
import { keepRecords } from './failure-records.ts';
import { checkout, Ground } from './ground.ts';
import { type BootState, Host } from './host.ts';
import { packageServer, servePackages } from './package-server.ts';

export type { CommandResult } from '../sandbox/one-host-grid.ts';
export { type BootState, Host, localPassword, type RunOptions } from './host.ts';

export type Suite = 'bookworm' | 'trixie';

export interface HostsOptions {
  /** Debian's release, of all hosts or by name; trixie (Debian 13) where absent. */
  readonly suite?: Suite | Readonly<Record<string, Suite>>;
  /** A root with rpm, dnf and authselect. */
  readonly variant?: 'rpm';
  /** The packages of the last build are installed already: for scenarios that begin after that. */
  readonly installed?: boolean;
  /** The hosts are made, but their power is off. */
  readonly off?: boolean;
  /** A folder of the checkout that the hosts reach as http://packages.xos.test/ (10.77.0.254). */
  readonly serve?: string;
}

/** Node has had it since 21.7; its type declarations do not. */
type Judged = TestContext & { readonly passed: boolean };

type HostOf<Names extends readonly string[]> = { readonly [Index in keyof Names]: Host };

/**
 * Makes hosts of these names and boots them side by side. Making the Debian root takes about a minute once.
 * When the test fails, their journals and screens are kept in build/hosts/failures/TEST; steps of a test are to be awaited
 * in its own function, because subtests that fail are not seen here.
 * @throws Error with the console's screen when one does not boot.
 */
export async function hosts<const Names extends readonly string[]>(
  test: TestContext,
  names: Names,
  options: HostsOptions = {},
): Promise<HostOf<Names>> {
  for (const name of names) {
    if (!/^[a-z][a-z0-9-]{0,13}$/.test(name)) throw new Error(`"${name}" is no name for a host`);
  }
  const suiteOf = (name: string): Suite =>
    (typeof options.suite === 'object' ? options.suite[name] : options.suite) ?? 'trixie';
  const roots = new Map<Suite, DebianRoot>();
  for (const suite of new Set(names.map(suiteOf))) {
    const folder = await debianRoot(suite, options.variant);
    const installed = options.installed === true ? await installedLayer(suite, folder) : undefined;
    roots.set(suite, { folder, installed });
  }
  const ground = await Ground.make();
  const numbers = new Map<string, number>(names.map((name, index) => [name, index + 1]));
  const all = names.map((name, index) => new Host(ground, name, index + 1));
  const kept = path.join(checkout, 'build/hosts/failures', test.name.replaceAll(/[^A-Za-z0-9]+/g, '-'));
  rmSync(kept, { recursive: true, force: true });
  test.after(async () => {
    try {
      if (!(test as Judged).passed) await keepRecords(kept, all);
    } finally {
      for (const host of all) await host.killPower();
      await ground.remove();
    }
  });
  if (options.serve !== undefined) {
    await servePackages(ground, options.serve);
    numbers.set(packageServer.name, packageServer.number);
  }
  const layers = new Map<Suite, readonly string[]>();
  for (const [suite, root] of roots) layers.set(suite, await layersOf(root, suite, ground));
  for (const host of all) await host.prepare(layers.get(suiteOf(host.name)) ?? [], numbers);
  if (options.off !== true) {
    // Every boot comes to an end before the first failure is told: its screens are kept whole.
    const boots = await Promise.allSettled(all.map((host) => host.boot()));
    for (const boot of boots) if (boot.status === 'rejected') throw boot.reason;
    for (const [index, boot] of boots.entries()) {
      if (boot.status === 'fulfilled') test.diagnostic(`${names[index]}: ${summary(boot.value)}`);
    }
  }
  // A map over a tuple keeps its length; TypeScript types it as an array.
  return all as unknown as HostOf<Names>;
}

/** A Debian root, as the ground sees it. */
interface DebianRoot {
  readonly folder: string;
  /** Archive of the layer with our packages. */
  readonly installed: string | undefined;
}

/** @returns the path of a Debian root as the ground sees it. */
export async function debianRoot(suite: Suite, variant?: 'rpm'): Promise<string> {
  const words = [path.join(import.meta.dirname, 'image'), suite, ...(variant === undefined ? [] : [variant])];
  return onGround((await succeed(words, { timeoutMs: 900_000 })).trim());
}

async function installedLayer(suite: Suite, root: string): Promise<string> {
  const folder = path.join(checkout, path.relative(onGround(checkout), root));
  const words = [path.join(import.meta.dirname, 'installed'), suite, folder];
  return onGround((await succeed(words, { timeoutMs: 600_000 })).trim());
}

function onGround(file: string): string {
  return path.join('/mnt/checkout', path.relative(checkout, file));
}

/** @returns the folders that make up the root, the uppermost first. */
async function layersOf(root: DebianRoot, suite: Suite, ground: Ground): Promise<readonly string[]> {
  if (root.installed === undefined) return [root.folder];
  const layer = `/mnt/layers/${suite}`;
  await ground.run('mkdir', '--parents', layer);
  const unpack = ['tar', '--xattrs', '--xattrs-include=*', '--extract', '--directory', layer];
  await ground.run(...unpack, '--file', root.installed);
  return [layer, root.folder];
}

function summary(boot: BootState): string {
  const failed = boot.failedUnits.length > 0 ? ` (${boot.failedUnits.join(', ')})` : '';
  return `${boot.state}${failed} after ${boot.bootMs} ms`;
}
