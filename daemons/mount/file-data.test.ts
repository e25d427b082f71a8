import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { AllocateMode, SeekTarget } from '@xtreemos/rpc';
import fc from 'fast-check';
import { errnoOfFailure } from './call-failure.ts';
import { startStripe } from './data-fixtures.ts';
import type { FileData } from './file-data.ts';

const objectBytes = 128 * 1024;

test('what is written is read at once, and by others after a flush', async (context) => {
  const stripe = await startStripe(context, 3);
  const file = stripe.open();
  const content = randomBytes(5 * objectBytes + 777);
  for (let at = 0; at < content.length; at += 50_000) await file.write(at, content.subarray(at, at + 50_000));
  assert.deepEqual(await stripe.read(file, 0, content.length), content);
  assert.equal(file.size.size, content.length);
  await file.sync();
  assert.equal(file.isClean, true);
  assert.deepEqual(file.size.report()?.written, { size: content.length, truncateEpoch: 0 });
  const other = stripe.open(content.length);
  assert.deepEqual(await stripe.read(other, 0, content.length + 5), content);
  assert.deepEqual(
    await stripe.read(other, objectBytes - 10, 20),
    content.subarray(objectBytes - 10, objectBytes + 10),
  );
  assert.equal((await stripe.read(other, content.length, 10)).length, 0);
});

test('holes are zeros, found by seeking, and made by punching', async (context) => {
  const stripe = await startStripe(context, 2);
  const file = stripe.open();
  await file.write(5 * objectBytes, Buffer.alloc(10_000, 7));
  assert.deepEqual(await stripe.read(file, 0, 100), Buffer.alloc(100));
  assert.equal(await file.seek(SeekTarget.DATA, 0), 5 * objectBytes);
  assert.equal(await file.seek(SeekTarget.HOLE, 0), 0);
  assert.equal(await file.seek(SeekTarget.HOLE, 5 * objectBytes), 5 * objectBytes + 10_000);
  assert.equal(await file.seek(SeekTarget.DATA, 5 * objectBytes + 10_000), undefined);
  await file.allocate(AllocateMode.ALLOCATE_PUNCH, 5 * objectBytes, 8192);
  assert.deepEqual(
    await stripe.read(file, 5 * objectBytes, 10_000),
    Buffer.concat([Buffer.alloc(8192), Buffer.alloc(1808, 7)]),
  );
});

test('who leaves a hole knows it, or finds that of another', { timeout: 60_000 }, async (context) => {
  const stripe = await startStripe(context, 1);
  const left: boolean[] = [];
  const write = async (file: FileData, offset: number, length: number) => {
    await file.write(offset, Buffer.alloc(length, 1));
    assert.equal(file.unwrittenBytes, length);
    await file.flush();
    assert.equal(file.unwrittenBytes, 0);
    left.push(file.size.leavesHole);
  };
  const whole = stripe.open();
  await write(whole, 0, 5000);
  await write(whole, 5000, 300_000);
  await write(whole, 100, 10);
  const gap = stripe.open(305_000);
  await write(gap, 400_000, 5000);
  assert.deepEqual(left, [false, false, false, true]);
  await write(whole, 305_000, 10);
  assert.equal(whole.size.leavesHole, true);
});

test('a truncation cuts what was written before, not what comes after', async (context) => {
  const stripe = await startStripe(context, 2);
  const file = stripe.open();
  await file.write(0, Buffer.alloc(3 * objectBytes, 1));
  const size = 1000;
  await file.truncate(stripe.credentials(1), size);
  file.size.truncated({ size, truncateEpoch: 1, mtimeNs: 1n, change: 2n });
  assert.equal((await stripe.read(file, 0, 5000)).length, size);
  await file.write(2 * objectBytes, Buffer.alloc(10, 2));
  assert.deepEqual(
    await stripe.read(file, 900, 300),
    Buffer.concat([Buffer.alloc(100, 1), Buffer.alloc(200)]),
  );
  await file.flush();
  assert.deepEqual(file.size.report()?.written, { size: 2 * objectBytes + 10, truncateEpoch: 1 });
});

test('any order of writes and reads shows what a plain file would', async (context) => {
  const stripe = await startStripe(context, 2, { budgetBytes: 300_000 });
  const span = 4 * objectBytes;
  const offset = fc.integer({ min: 0, max: span });
  const length = fc.oneof(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 2 * objectBytes }));
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('write' as const),
        offset,
        length,
        value: fc.integer({ min: 1, max: 255 }),
      }),
    },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('read' as const), offset, length }) },
    fc.record({ kind: fc.constantFrom('flush' as const, 'sync' as const, 'start' as const) }),
  );
  const model = Buffer.alloc(span + 2 * objectBytes);
  let size = 0;
  const file = stripe.open();
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      for (const one of steps) {
        if (one.kind === 'write') {
          await file.write(one.offset, Buffer.alloc(one.length, one.value));
          model.fill(one.value, one.offset, one.offset + one.length);
          size = Math.max(size, one.offset + one.length);
        } else if (one.kind === 'read') {
          const data = await stripe.read(file, one.offset, one.length);
          const expected = model.subarray(
            Math.min(one.offset, size),
            Math.min(one.offset + one.length, size),
          );
          assert.ok(data.equals(expected), `${one.length} bytes at ${one.offset} of ${size}`);
        } else if (one.kind === 'sync') await file.sync();
        else if (one.kind === 'flush') await file.flush();
        else void file.flush();
      }
      assert.equal(file.errors.position, 0);
    }),
    { numRuns: 40 },
  );
});

test('while an OSD is away writing waits, and goes on when it is back; what was synced stays', async (context) => {
  const stripe = await startStripe(context, 2);
  const file = stripe.open();
  const first = randomBytes(3 * objectBytes);
  await file.write(0, first);
  await file.sync();
  await stripe.osds[1]?.stop('SIGKILL');
  const second = randomBytes(2 * objectBytes);
  await file.write(3 * objectBytes, second);
  let isDone = false;
  const syncing = file.sync().then(() => {
    isDone = true;
  });
  await sleep(300);
  assert.equal(isDone, false);
  await stripe.osds[1]?.run();
  await syncing;
  assert.deepEqual(await stripe.read(file, 0, 5 * objectBytes), Buffer.concat([first, second]));
  assert.equal(file.errors.position, 0);
});

test('a reader that is interrupted does not wait for an OSD', async (context) => {
  const stripe = await startStripe(context, 1);
  const file = stripe.open(1000);
  await stripe.osds[0]?.stop('SIGKILL');
  await assert.rejects(file.read(0, 10, AbortSignal.timeout(100)));
});

test('softly mounted, data that cannot be written are given up, and each open file hears of it once', async (context) => {
  const stripe = await startStripe(context, 1, { softMs: 300 });
  const file = stripe.open();
  const position = file.errors.position;
  await stripe.osds[0]?.stop('SIGKILL');
  await file.write(0, Buffer.alloc(10));
  await file.flush();
  const failure = file.errors.since(position);
  assert.equal(errnoOfFailure(failure?.error), 5);
  assert.equal(file.errors.since(file.errors.position), undefined);
});

test('more dirty data than the mount may have wait for room', async (context) => {
  const stripe = await startStripe(context, 1, { budgetBytes: 2 * objectBytes });
  const file = stripe.open();
  const content = randomBytes(40 * objectBytes);
  for (let at = 0; at < content.length; at += 10_000) {
    await file.write(at, content.subarray(at, at + 10_000));
    assert.ok(stripe.parts.budget.usedBytes <= 2 * objectBytes);
  }
  await file.flush();
  assert.equal(stripe.parts.budget.usedBytes, 0);
  assert.deepEqual(await stripe.read(stripe.open(content.length), 0, content.length), content);
});

test('sequential reading has what follows fetched, and sees what is written into it', async (context) => {
  const stripe = await startStripe(context, 2);
  const file = stripe.open();
  const content = randomBytes(30 * objectBytes);
  await file.write(0, content);
  await file.flush();
  const reader = stripe.open(content.length);
  for (let at = 0; at < content.length; at += 65_536) {
    assert.deepEqual(await stripe.read(reader, at, 65_536), content.subarray(at, at + 65_536), String(at));
    if (at % (4 * objectBytes) !== 0) continue;
    const next = at + 65_536 + objectBytes;
    if (next + 5 > content.length) break;
    await reader.write(next, Buffer.from('hello'));
    content.set(Buffer.from('hello'), next);
  }
});

test('what an OSD may have lost since it answered is an error of the next sync, once', async (context) => {
  const stripe = await startStripe(context, 1);
  const [osd] = stripe.osds;
  assert.ok(osd);
  /** As if its machine had been cut off from power; what was written happens to be there still. */
  const cutPower = async () => {
    await osd.stop('SIGKILL');
    const state = `${osd.folder}/log/start`;
    const { number } = JSON.parse(readFileSync(state, 'latin1').replace(/\0+$/, ''));
    writeFileSync(state, JSON.stringify({ number, boot: 'before' }).padEnd(256, '\0'));
    await osd.run();
  };
  const syncs = async () => {
    const { position } = file.errors;
    await file.sync();
    return file.errors.since(position)?.error;
  };
  const file = stripe.open();
  await file.write(0, Buffer.alloc(2 * objectBytes, 1));
  await file.flush();
  await osd.stop('SIGKILL');
  await osd.run();
  assert.equal(await syncs(), undefined, 'the end of the process takes nothing');
  await cutPower();
  assert.equal(await syncs(), undefined, 'what was synced is safe');
  await file.write(0, Buffer.alloc(2 * objectBytes, 2));
  await file.flush();
  await cutPower();
  assert.equal(errnoOfFailure(await syncs()), 5);
  assert.equal(await syncs(), undefined);
  await file.write(0, Buffer.alloc(objectBytes, 3));
  await file.flush();
  await cutPower();
  await file.write(objectBytes, Buffer.alloc(objectBytes, 4));
  assert.equal(errnoOfFailure(await syncs()), 5, 'though something was written since');
});
