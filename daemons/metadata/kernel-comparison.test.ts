/** Random calls of three users on a volume and on a local file system: the same outcome. Other seeds: kernel-comparison.long.test.ts */
import test from 'node:test';
import { compareWithKernel } from './kernel-comparison-fixture.ts';

// The second met a list with an empty mask.
for (const seed of [1, 512_095])
  test(`random calls of seed ${seed}`, { timeout: 300_000 }, async (context) => {
    await compareWithKernel(context, seed, 600);
  });
