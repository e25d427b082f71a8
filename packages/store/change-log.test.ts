import assert from 'node:assert/strict';
import test from 'node:test';
import { isXosError } from '@xtreemos/base';
import fc from 'fast-check';
import { ChangeLog, type LogFile } from './change-log.ts';
import { type ChangedEntry, encodeRecord, readRecord } from './change-record.ts';
import { recoverLog } from './log-recovery.ts';
import { LoggedStore, type StoreBase } from './logged-store.ts';

const segmentBytes = 4096;
const sectorBytes = 512;

/** A disk that is cut off amid a write: what it keeps of that is any of its sectors. */
class SimulatedSegment implements LogFile {
  readonly content = Buffer.alloc(segmentBytes);
  failure: Error | undefined;
  #underWay: { readonly bytes: Buffer; readonly position: number } | undefined;

  async write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    const bytes = Buffer.concat(buffers);
    this.#underWay = { bytes, position };
    await new Promise((resolve) => setImmediate(resolve));
    this.content.set(bytes, position);
    this.#underWay = undefined;
  }

  afterPowerCut(keepsSector: () => boolean): Buffer {
    const left = Buffer.from(this.content);
    if (this.#underWay === undefined) return left;
    const { bytes, position } = this.#underWay;
    const after = Buffer.from(left);
    after.set(bytes, position);
    for (let at = 0; at < segmentBytes; at += sectorBytes)
      if (keepsSector()) after.copy(left, at, at, at + sectorBytes);
    return left;
  }

  async close(): Promise<void> {}
}

/** Holds everything at once, or fails as it is told to. */
class SimulatedBase implements StoreBase {
  readonly entries = new Map<string, Buffer>();
  inBase = 0;
  failure: Error | undefined;

  get(key: Uint8Array): Buffer | undefined {
    return this.entries.get(Buffer.from(key).toString('latin1'));
  }

  range(): [] {
    return [];
  }

  async apply(entries: Iterable<ChangedEntry>, inBase = this.inBase): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    if (this.failure !== undefined) throw this.failure;
    for (const { key, value } of entries)
      if (value === undefined) this.entries.delete(key.toString('latin1'));
      else this.entries.set(key.toString('latin1'), Buffer.from(value)); // a view of a segment that is written again
    this.inBase = inBase;
  }

  async close(): Promise<void> {}
}

function simulatedStore(content: readonly [Buffer, Buffer] = [Buffer.alloc(0), Buffer.alloc(0)], inBase = 0) {
  const segments = [new SimulatedSegment(), new SimulatedSegment()] as const;
  for (const [index, segment] of segments.entries()) content[index]?.copy(segment.content);
  const recovered = recoverLog([segments[0].content, segments[1].content], inBase);
  const base = new SimulatedBase();
  const log = new ChangeLog(segments, segmentBytes, recovered);
  const store = new LoggedStore({ base, log, directory: '/simulated', largestBytes: segmentBytes / 4 });
  return { segments, base, log, store, recovered };
}

const key = (number: number) => Buffer.from(`k${number}`);

test('records are read as they were written, and nothing else is', () => {
  const plain = { noNullPrototype: true };
  const bytesUpTo = (maxLength: number, minLength = 0) =>
    fc.uint8Array({ minLength, maxLength }).map((bytes) => Buffer.from(bytes));
  const value = fc.option(bytesUpTo(100), { nil: undefined });
  const entry = fc.record({ key: bytesUpTo(40, 1), value }, plain);
  const number = fc.nat(Number.MAX_SAFE_INTEGER);
  const generation = fc.nat(2 ** 32 - 1);
  const head = fc.record({ generation, sequence: number, durable: number }, plain);
  fc.assert(
    fc.property(
      fc.array(entry, { maxLength: 8 }),
      head,
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (entries, known, at, flip) => {
        const bytes = encodeRecord(entries, known);
        const read = readRecord(Buffer.concat([Buffer.alloc(8), bytes]), 8);
        assert.deepEqual(read, { ...known, bytes: bytes.length, entries });
        assert.equal(readRecord(bytes.subarray(0, -1), 0), undefined);
        const position = at % bytes.length;
        bytes[position] = (bytes[position] ?? 0) ^ flip;
        assert.equal(readRecord(bytes, 0), undefined);
      },
    ),
  );
});

test('after a power cut at any moment all that was acknowledged is in the log or the base, and nothing out of order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ changes: fc.integer({ min: 1, max: 6 }), bytes: fc.nat(300), turns: fc.nat(4) }), {
        minLength: 1,
        maxLength: 40,
      }),
      fc.infiniteStream(fc.boolean()),
      fc.integer({ min: 1, max: 3 }),
      async (steps, sectors, lives) => {
        let content: [Buffer, Buffer] | undefined;
        let state = new Map<string, Buffer>();
        let inBase = 0;
        let next = 1;
        for (let life = 0; life < lives; life++) {
          const { segments, base, store, recovered } = simulatedStore(content, inBase);
          for (const [name, value] of state) base.entries.set(name, value);
          await base.apply(
            recovered.changes.flatMap(({ entries }) => entries),
            recovered.lastSequence,
          );
          let acknowledged = 0;
          const first = next;
          for (const { changes, bytes, turns } of steps) {
            for (let count = 0; count < changes; count++) {
              const number = next++;
              void store
                .write((writer) => {
                  writer.put(Buffer.from('last'), Buffer.from(`${number}`));
                  writer.put(key(number % 5), Buffer.alloc(bytes, `${number} `));
                })
                .then(() => {
                  acknowledged = number;
                });
            }
            for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
          }
          content = segments.map((segment) => segment.afterPowerCut(() => sectors.next().value === true)) as [
            Buffer,
            Buffer,
          ];
          // As far as the base had come by then.
          ({ inBase } = base);
          state = new Map(base.entries);
          const brought = new Map([...state].map(([name, value]) => [name, value.toString()]));
          const again = recoverLog(content, inBase);
          for (const { entries } of again.changes)
            for (const { key: name, value } of entries)
              brought.set(name.toString('latin1'), value?.toString() ?? '');
          const last = Number(brought.get('last') ?? 0);
          assert.ok(
            last >= acknowledged && last < next,
            `${acknowledged} was acknowledged, ${last} is there`,
          );
          if (last >= first) {
            const value = brought.get(key(last % 5).toString()) ?? '';
            assert.ok(
              value === '' || `${last} `.startsWith(value.slice(0, `${last} `.length)),
              `${last}: ${value}`,
            );
          }
          next = last + 1;
        }
      },
    ),
    { numRuns: 1000 },
  );
});

test('a log that lacks what was acknowledged is refused, wherever the damage is', async () => {
  const { segments, store } = simulatedStore();
  for (let number = 0; number < 6; number++)
    await store.write((writer) => writer.put(key(number), Buffer.alloc(100)));
  const content = Buffer.from(segments[0].content);
  const empty = Buffer.alloc(segmentBytes);
  assert.equal(recoverLog([content, empty], 0).changes.length, 6);
  const recordBytes = content.readUInt32BE(0);
  // Of the last change alone nothing says that it was acknowledged.
  for (let at = 0; at < recordBytes * 4; at++) {
    const damaged = Buffer.from(content);
    damaged[at] = (damaged[at] ?? 0) ^ 0x10;
    assert.throws(() => recoverLog([damaged, empty], 0), /had been acknowledged/, `byte ${at}`);
  }
});

test('what a failing disk did not take is refused, seen by nobody, and the store takes nothing more', async () => {
  const { segments, store } = simulatedStore();
  await store.write((writer) => writer.put(key(1), Buffer.from('old')));
  segments[0].failure = Object.assign(new Error('EIO: i/o error, write'), { code: 'EIO' });
  const refused = (error: unknown) =>
    isXosError(error, 'XOS_STORAGE_FAILED') && /i\/o error/.test(error.message);
  await assert.rejects(
    store.write((writer) => writer.put(key(1), Buffer.from('new'))),
    refused,
  );
  assert.equal(store.get(key(1))?.toString(), 'old');
  segments[0].failure = undefined;
  await assert.rejects(
    store.write((writer) => writer.put(key(2), Buffer.from('new'))),
    refused,
  );
  assert.deepEqual(
    [...store.range()].map((entry) => entry.key.toString()),
    ['k1'],
  );
});

test('while the base has no room the log takes what it can, then changes are refused; later all is well again', {
  timeout: 20_000,
}, async () => {
  const { base, store } = simulatedStore();
  base.failure = Object.assign(new Error('MDB_MAP_FULL: no space left'), {});
  let taken = 0;
  for (;;) {
    try {
      await store.write((writer) => writer.put(key(taken % 7), Buffer.alloc(100, `${taken}`)));
      taken++;
    } catch (error) {
      assert.ok(isXosError(error, 'XOS_STORAGE_FULL'), String(error));
      break;
    }
  }
  assert.ok(taken > 20, `${taken}`);
  const seen = () => Array.from({ length: 7 }, (_, number) => store.get(key(number))?.toString());
  const before = seen();
  base.failure = undefined;
  for (;;) {
    try {
      await store.write((writer) => writer.put(Buffer.from('room'), Buffer.from('again')));
      break;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  assert.deepEqual(seen(), before);
  await store.close();
  assert.equal(base.get(Buffer.from('room'))?.toString(), 'again');
  assert.deepEqual(
    Array.from({ length: 7 }, (_, number) => base.get(key(number))?.toString()),
    before,
  );
});
