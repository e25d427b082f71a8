/** lintian over the Debian packages. What it is told to pass over is argued in packaging/deb/debian/*.lintian-overrides. */
import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { command } from '../sandbox/one-host-grid.ts';

const root = path.resolve(import.meta.dirname, '../..');

test('lintian has no error and no warning about the packages, those with debugging symbols included', {
  timeout: 900_000,
}, async (t) => {
  const files = globSync(path.join(root, 'build/packages/deb/{,debug/}*.deb')).sort();
  assert.ok(files.length > 10, files.join());
  const { status, stdout, stderr } = await command(
    ['lintian', '--allow-root', '--fail-on=error,warning', '--display-info', '--pedantic', ...files],
    { timeoutMs: 900_000 },
  );
  for (const line of stdout.trim().split('\n')) t.diagnostic(line);
  assert.equal(status, 0, `${stdout}${stderr}`);
  assert.doesNotMatch(stdout, /^[EW]:/m);
});
