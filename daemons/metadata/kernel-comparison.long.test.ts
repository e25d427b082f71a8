/** As kernel-comparison.test.ts, with seeds that were not tried yet, or XOS_COMPARISON_SEED alone. */
import test from 'node:test';
import { compareWithKernel } from './kernel-comparison-fixture.ts';

const given = process.env['XOS_COMPARISON_SEED'];
const first = Number(given ?? Date.now() % 1_000_000);
for (let seed = first; seed < first + (given === undefined ? 20 : 1); seed++)
  test(`random calls of seed ${seed}`, { timeout: 300_000 }, async (context) => {
    await compareWithKernel(context, seed, 600);
  });
