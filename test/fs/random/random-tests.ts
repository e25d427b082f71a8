/** Random operations beside a model: what one client does, the next one sees. */
import test from 'node:test';
import { judgedDirectories } from '../judged-directory.ts';
import { runRandom } from './run.ts';

/** @param firstSeed of as many as there is time for, one after the other */
export function randomTests(seconds: number, firstSeed: number): void {
  for (const clients of [1, 3]) {
    const name = `random operations of ${clients} client${clients === 1 ? '' : 's'}`;
    test(name, { timeout: (seconds + 120) * 1000 }, async (t) => {
      const directories = await judgedDirectories(clients);
      const end = performance.now() + seconds * 1000;
      let operations = 0;
      for (let seed = firstSeed; performance.now() < end; seed++) {
        await runRandom(directories, seed, 400);
        operations += 400;
      }
      t.diagnostic(`${operations} operations`);
    });
  }
}
