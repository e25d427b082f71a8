/**
 * Debian systems on this machine: `const [head, node1, node2] = await hosts(t, ['head', 'node1', 'node2'])`.
 *
 * They share a private network, and nothing else with each other or with this machine but the kernel. All of it goes when the
 * test ends, or when its process dies.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { succeed } from '../sandbox/one-host-grid.ts';
import { checkout, Ground } from './ground.ts';
import { type BootState, Host } from './host.ts';

export type { CommandResult } from '../sandbox/one-host-grid.ts';
export { type BootState, Host, localPassword, type RunOptions } from './host.ts';

export type Suite = 'bookworm' | 'trixie';

export interface HostsOptions {
  /** Debian's release; trixie (Debian 13) where absent. */
  readonly suite?: Suite;
  /** The hosts are made, but their power is off. */
  readonly off?: boolean;
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
  const image = await debianRoot(options.suite ?? 'trixie');
  const ground = await Ground.make();
  const numbers = new Map(names.map((name, index) => [name, index + 1]));
  const all = names.map((name, index) => new Host(ground, name, index + 1));
  const kept = path.join(checkout, 'build/hosts/failures', test.name.replaceAll(/[^A-Za-z0-9]+/g, '-'));
  rmSync(kept, { recursive: true, force: true });
  test.after(async () => {
    try {
      if (!(test as Judged).passed) await keep(kept, all);
    } finally {
      for (const host of all) await host.killPower();
      await ground.remove();
    }
  });
  for (const host of all) await host.prepare(image, numbers);
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

/** @returns the path of a Debian root as the ground sees it. */
async function debianRoot(suite: Suite): Promise<string> {
  const output = await succeed([path.join(import.meta.dirname, 'image'), suite], { timeoutMs: 600_000 });
  return path.join('/mnt/checkout', path.relative(checkout, output.trim()));
}

function summary(boot: BootState): string {
  const failed = boot.failedUnits.length > 0 ? ` (${boot.failedUnits.join(', ')})` : '';
  return `${boot.state}${failed} after ${boot.bootMs} ms`;
}

/** Journals and screens for whoever looks into the failure. */
async function keep(folder: string, all: readonly Host[]): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (const host of all) {
    const journal = await host.journal().catch((error: unknown) => `${String(error)}\n`);
    writeFileSync(path.join(folder, `${host.name}.journal`), journal);
    writeFileSync(path.join(folder, `${host.name}.screen`), host.screens().join('\n--- power on\n'));
  }
}
