import test from 'node:test';
import { compareBoots } from './boot-comparison.ts';

test('a resource node is at the shell of a local user less than a second after Debian alone: 10 boots', {
  timeout: 850_000,
}, async (t) => {
  await compareBoots(t, 10);
});
