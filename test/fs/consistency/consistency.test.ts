/** Three clients write and read the same files at once: in place, and by a new file that is renamed over the old one. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { bytesOf, Caller, open } from '../calls/caller.ts';
import { judgedDirectories } from '../judged-directory.ts';
import { type Read, violations, type Write } from './history.ts';

const clients = 3;
const files = ['one', 'two', 'three'];
const recordBytes = 6000; // more than a page, so that a torn one shows
const timeMs = 15_000;

const recordOf = (value: string): string => `${value} `.padEnd(recordBytes, `${value}.`);

type WriteWay = (caller: Caller, file: string, value: string) => Promise<void>;

const inPlace: WriteWay = async (caller, file, value) => {
  const opened = await caller.done('open', file, open.write);
  await caller.done('pwrite', opened, 0, recordOf(value));
  await caller.done('close', opened);
};

const byRename: WriteWay = async (caller, file, value) => {
  const opened = await caller.done('open', `new-${value}`, open.write | open.create | open.exclusive, 0o644);
  await caller.done('write', opened, recordOf(value));
  await caller.done('close', opened);
  await caller.done('rename', `new-${value}`, file);
};

async function readRecord(caller: Caller, file: string): Promise<string> {
  const opened = await caller.done('open', file, open.read);
  const content = bytesOf((await caller.values('pread', opened, 0, recordBytes + 1))[1]).toString();
  await caller.done('close', opened);
  const [value = ''] = content.split(' ');
  assert.ok(
    content === recordOf(value),
    `a torn record: ${content.slice(0, 60)}... of ${content.length} bytes`,
  );
  return value;
}

for (const [what, write, latencyMs] of [
  // What a name stands for is cached until the server tells of the change.
  ['renamed over', byRename, 200],
  ['in place, one writer at a time', inPlace, 0],
] as const) {
  test(`${what}: who opens after a close sees what was written`, { timeout: 120_000 }, async (t) => {
    const directories = await judgedDirectories(clients);
    const made = mkdtempSync(path.join(directories[0] ?? '', 'consistency-'));
    const callers = directories.map(
      (directory) => new Caller(path.join(directory, path.basename(made)), { uid: 0, gid: 0 }),
    );
    t.after(async () => {
      await Promise.all(callers.map((caller) => caller.end()));
      rmSync(made, { recursive: true, force: true });
    });
    const writes = new Map<string, Write[]>(files.map((file) => [file, []]));
    const reads = new Map<string, Read[]>(files.map((file) => [file, []]));
    const [first] = callers;
    assert.ok(first !== undefined);
    for (const file of files) {
      const startMs = performance.now();
      await byRename(first, file, `first-${file}`);
      writes.get(file)?.push({ value: `first-${file}`, startMs, endMs: performance.now() });
    }
    const end = performance.now() + timeMs;
    /** Of writes in place: two at once would tear a record, as on every file system. */
    const writing = new Set<string>();
    await Promise.all(
      callers.map(async (caller, client) => {
        for (let round = 0; performance.now() < end; round++) {
          const file = files[Math.floor(Math.random() * files.length)] ?? '';
          const startMs = performance.now();
          if (Math.random() < 0.3 && (write === byRename || !writing.has(file))) {
            const value = `c${client}-${round}`;
            writing.add(file);
            await write(caller, file, value);
            writing.delete(file);
            writes.get(file)?.push({ value, startMs, endMs: performance.now() });
          } else if (write === byRename || !writing.has(file)) {
            // In place a read at the same time may be torn: only what does not overlap is asked.
            writing.add(file);
            const value = await readRecord(caller, file).finally(() => writing.delete(file));
            reads.get(file)?.push({ client, value, startMs, endMs: performance.now() });
          }
          if (Math.random() < 0.05) await sleep(Math.random() * 20);
          else await sleep(0);
        }
      }),
    );
    const wrong = files.flatMap((file) =>
      violations(writes.get(file) ?? [], reads.get(file) ?? [], latencyMs),
    );
    assert.deepEqual(wrong.slice(0, 5), []);
    const count = (of: ReadonlyMap<string, readonly unknown[]>) =>
      [...of.values()].reduce((sum, list) => sum + list.length, 0);
    assert.ok(count(reads) > 50 && count(writes) > 20, `${count(reads)} reads, ${count(writes)} writes`);
    t.diagnostic(`${count(writes)} writes, ${count(reads)} reads`);
  });
}
