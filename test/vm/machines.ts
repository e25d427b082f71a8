/**
 * Debian systems on hardware of their own: `const [head, node1] = await machines(t, ['head', 'node1'])`.
 *
 * They start from a saved state, in seconds, and share a private network with each other and nothing with this machine. All of
 * it goes when the test ends, or when its process dies.
 */
import { rmSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { keepRecords } from '../hosts/failure-records.ts';
import { checkout, Ground } from '../hosts/ground.ts';
import { Machine } from './machine.ts';
import { allowMulticast, type StateName, savedState } from './saved-state.ts';

export { type BootState, localPassword, type RunOptions } from '../hosts/host.ts';
export { Machine } from './machine.ts';

export interface MachinesOptions {
  /** What they start from; default `plain`. Of `grid` there is one, named head. */
  readonly from?: StateName;
}

/** Node has had it since 21.7; its type declarations do not. */
type Judged = TestContext & { readonly passed: boolean };

type MachineOf<Names extends readonly string[]> = { readonly [Index in keyof Names]: Machine };

/**
 * Makes machines of these names. Making the state they start from takes minutes once.
 * When the test fails, their journals and screens are kept in build/vm/failures/TEST; steps of a test are to be awaited
 * in its own function, because subtests that fail are not seen here.
 */
export async function machines<const Names extends readonly string[]>(
  test: TestContext,
  names: Names,
  options: MachinesOptions = {},
): Promise<MachineOf<Names>> {
  for (const name of names) {
    if (!/^[a-z][a-z0-9-]{0,13}$/.test(name)) throw new Error(`"${name}" is no name for a machine`);
  }
  const state = await savedState(options.from ?? 'plain', (text) => test.diagnostic(text));
  const ground = await Ground.make();
  const numbers = new Map<string, number>(names.map((name, index) => [name, index + 1]));
  const all = names.map((name, index) => new Machine(ground, name, index + 1, state.image, state.kvm));
  const kept = path.join(checkout, 'build/vm/failures', test.name.replaceAll(/[^A-Za-z0-9]+/g, '-'));
  rmSync(kept, { recursive: true, force: true });
  test.after(async () => {
    try {
      if (!(test as Judged).passed) await keepRecords(kept, all);
    } finally {
      for (const machine of all) await machine.killPower();
      await ground.remove();
    }
  });
  await allowMulticast(ground);
  for (const machine of all) await machine.prepare(`${state.folder}/disk.qcow2`, 'qcow2');
  const start = performance.now();
  const restored = await Promise.allSettled(
    all.map((machine) => machine.restore(`${state.folder}/memory`, numbers)),
  );
  for (const result of restored) if (result.status === 'rejected') throw result.reason;
  test.diagnostic(`${names.join(', ')}: started in ${Math.round(performance.now() - start)} ms`);
  // A map over a tuple keeps its length; TypeScript types it as an array.
  return all as unknown as MachineOf<Names>;
}
