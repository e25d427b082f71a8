import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { openStore } from '@xtreemos/store';
import { rememberedOsds, rememberOsds } from './osd-memory.ts';

test('OSDs are known at the next start, as seen then', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'xos-osd-memory-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const osd = { uuid: 'osd-1', freeBytes: 5, totalBytes: 9, lastSeenMs: 1 };
  const first = await openStore(folder);
  assert.deepEqual(rememberedOsds(first, 7), []);
  await rememberOsds(first, [osd]);
  await first.close();
  const second = await openStore(folder);
  assert.deepEqual(rememberedOsds(second, 7), [{ ...osd, lastSeenMs: 7 }]);
  await second.close();
});
