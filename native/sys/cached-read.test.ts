import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readCached } from './index.ts';

test('what is in memory is read at once, up to the end of the file', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'xos-cached-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'file');
  writeFileSync(file, Buffer.alloc(10_000, 'abc'));
  const descriptor = openSync(file, 'r');
  const expected = Buffer.alloc(8192);
  readSync(descriptor, expected, 0, 8192, 4096);
  const found = Buffer.alloc(8192);
  const count = readCached(descriptor, found, 4096);
  // A file system that cannot tell says so.
  assert.ok(count === 10_000 - 4096 || count === -95, String(count));
  if (count > 0) assert.deepEqual(found, expected);
  if (count > 0) assert.equal(readCached(descriptor, found, 20_000), 0);
  closeSync(descriptor);
  assert.equal(readCached(descriptor, found, 0), -9, 'EBADF');
});
