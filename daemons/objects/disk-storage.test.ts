import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { createDiskStorage } from './disk-storage.ts';

test('a segment of the log is read in one go, however large, and up to its end', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'xos-disk-storage-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const storage = createDiskStorage(folder);
  const file = await storage.open('segment', true);
  assert.ok(file !== undefined);
  const content = Buffer.alloc(40 * 1024 * 1024);
  for (let at = 0; at < content.length; at += 4096) content.writeUInt32LE(at, at);
  await file.write([content], 0);
  const read = Buffer.alloc(content.length + 100);
  assert.equal(await file.read(read, 0), content.length);
  assert.ok(read.subarray(0, content.length).equals(content));
  await file.close();
});

test('the boot has one name, whoever tells it', () => {
  const { boot } = createDiskStorage('/nonexistent');
  assert.match(boot, /^[0-9a-f]{32}$/);
  process.env['XOS_BOOT_ID'] = boot;
  assert.equal(createDiskStorage('/nonexistent').boot, boot);
  delete process.env['XOS_BOOT_ID'];
});
