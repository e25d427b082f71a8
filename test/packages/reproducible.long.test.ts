/** Packages and repositories built again, elsewhere and later, are the same byte for byte (packaging/compare-builds). */
import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { command } from '../sandbox/one-host-grid.ts';

const packaging = path.resolve(import.meta.dirname, '../../packaging');

test('a second build in other surroundings gives the same bytes', { timeout: 3_000_000 }, async (t) => {
  const { status, stdout, stderr } = await command([path.join(packaging, 'compare-builds')], {
    timeoutMs: 3_000_000,
  });
  assert.equal(status, 0, `${stdout}${stderr}`);
  assert.match(stdout, /^\d+ files are the same$/m);
  t.diagnostic(stdout.trim());
});
