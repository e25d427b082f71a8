import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isXosError } from '@xtreemos/base';
import fc from 'fast-check';
import { openStore } from './logged-store.ts';
import { afterPrefix, type Store, type StoreReader } from './store.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

function folder(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'xos-store-'));
  context.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

async function openFresh(context: TestContext): Promise<Store> {
  const directory = folder(context);
  // The log turns over all the time.
  const store = await openStore(directory, { segmentBytes: 16 << 10 });
  context.after(() => store.close());
  return store;
}

function contentOf(reader: StoreReader): string[] {
  return [...reader.range()].map(({ key, value }) => `${key.toString('latin1')}=${value.toString('latin1')}`);
}

test('what a change wrote is there for all later reads, and after opening again', async (context) => {
  const directory = folder(context);
  const store = await openStore(directory);
  assert.equal(store.get(bytes('a')), undefined);
  await store.write((writer) => {
    writer.put(bytes('b'), bytes('2'));
    writer.put(bytes('a'), bytes(''));
    assert.equal(writer.get(bytes('b'))?.toString(), '2');
  });
  assert.deepEqual(contentOf(store), ['a=', 'b=2']);
  await store.close();
  const again = await openStore(directory);
  assert.deepEqual(contentOf(again), ['a=', 'b=2']);
  await again.close();
});

test('a change that throws changes nothing, and the changes beside it happen', async (context) => {
  const store = await openFresh(context);
  await store.write((writer) => {
    writer.put(bytes('kept'), bytes('1'));
    writer.put(bytes('gone'), bytes('1'));
  });
  const outcomes = await Promise.allSettled([
    store.write((writer) => writer.put(bytes('before'), bytes('1'))),
    store.write((writer) => {
      writer.put(bytes('new'), bytes('1'));
      writer.put(bytes('kept'), bytes('2'));
      writer.put(bytes('kept'), bytes('3'));
      assert.equal(writer.delete(bytes('gone')), true);
      throw new Error('changed my mind');
    }),
    store.write((writer) => writer.put(bytes('after'), writer.get(bytes('kept')) ?? bytes(''))),
  ]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  assert.deepEqual(contentOf(store), ['after=1', 'before=1', 'gone=1', 'kept=1']);
});

test('changes run one after the other, each sees the one before', async (context) => {
  const store = await openFresh(context);
  const increment = () =>
    store.write((writer) => {
      const count = Number(writer.get(bytes('count')) ?? 0) + 1;
      writer.put(bytes('count'), bytes(`${count}`));
      return count;
    });
  const counts = await Promise.all(Array.from({ length: 500 }, increment));
  assert.deepEqual(
    counts,
    Array.from({ length: 500 }, (_, index) => index + 1),
  );
});

test('ranges agree with a sorted list, either way and whatever the bounds', async (context) => {
  const store = await openFresh(context);
  const key = fc.uint8Array({ minLength: 1, maxLength: 4 }).map((array) => Buffer.from(array));
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(key, { selector: (buffer) => buffer.toString('hex'), maxLength: 40 }),
      fc.option(key, { nil: undefined }),
      fc.option(key, { nil: undefined }),
      fc.boolean(),
      fc.option(fc.nat(10), { nil: undefined }),
      async (keys, from, to, isBackward, limit) => {
        await store.write((writer) => {
          for (const entry of [...writer.range()]) writer.delete(entry.key);
          for (const entry of keys) writer.put(entry, entry);
        });
        const sorted = keys
          .toSorted(Buffer.compare)
          .filter((entry) => from === undefined || Buffer.compare(entry, from) >= 0)
          .filter((entry) => to === undefined || Buffer.compare(entry, to) < 0);
        const wanted = (isBackward ? sorted.toReversed() : sorted).slice(0, limit);
        const range = {
          isBackward,
          ...(from === undefined ? {} : { from }),
          ...(to === undefined ? {} : { to }),
          ...(limit === undefined ? {} : { limit }),
        };
        const found = [...store.range(range)];
        assert.deepEqual(
          found.map((entry) => entry.key.toString('hex')),
          wanted.map((entry) => entry.toString('hex')),
        );
        for (const entry of found) assert.ok(entry.key.equals(entry.value));
      },
    ),
    { numRuns: 200 },
  );
});

test('the range of a prefix is all that begins with it', () => {
  assert.deepEqual(afterPrefix(Buffer.from('ab')), Buffer.from('ac'));
  assert.deepEqual(afterPrefix(Buffer.from('61ff', 'hex')), Buffer.from('62', 'hex'));
  assert.equal(afterPrefix(Buffer.from('ffff', 'hex')), undefined);
});

test('keys that are empty or too long are refused, a writer is of no use after its change', async (context) => {
  const store = await openFresh(context);
  await assert.rejects(
    store.write((writer) => writer.put(Buffer.alloc(0), bytes('1'))),
    RangeError,
  );
  await assert.rejects(
    store.write((writer) => writer.put(Buffer.alloc(1025), bytes('1'))),
    RangeError,
  );
  await store.write((writer) => writer.put(Buffer.alloc(1024, 1), bytes('1')));
  const kept = await store.write((writer) => writer);
  assert.throws(() => kept.put(bytes('x'), bytes('1')), /has ended/);
});

test('a place where no store can be is refused with its name', async () => {
  await assert.rejects(
    openStore('/proc/version/store'),
    (error) => isXosError(error, 'XOS_STORAGE_FAILED') && error.message.includes('/proc/version/store'),
  );
});

test('killed at any moment: what was acknowledged is there, no change is there in part', {
  timeout: 120_000,
}, async (context) => {
  const directory = folder(context);
  let acknowledged = 0;
  for (let round = 0; round < 12; round++) {
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, 'store-crash-workload.ts'), directory, `${round}`],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    while (!output.includes('\n') && child.exitCode === null) await sleep(5);
    await sleep((round * 53) % 250);
    child.kill('SIGKILL');
    await once(child, 'close');
    const numbers = output.split('\n').slice(0, -1).map(Number);
    assert.ok(numbers.length > 0);
    acknowledged = Math.max(acknowledged, ...numbers);

    const store = await openStore(directory);
    const last = store.get(bytes('z'))?.readUInt32BE() ?? 0;
    assert.ok(last >= acknowledged, `${acknowledged} was acknowledged, ${last} is there`);
    for (let number = Math.max(1, last - 499); number <= last; number++) {
      const values = ['a', 'b', 'c'].map((table) =>
        store.get(bytes(`${table}${String(number % 500).padStart(6, '0')}`)),
      );
      assert.equal(values[0]?.readUInt32BE(), number);
      assert.ok(values.every((value) => value !== undefined && values[0]?.equals(value)));
    }
    acknowledged = last;
    await store.close();
  }
});

test('nothing is acknowledged before it is synced: the system calls say so', {
  timeout: 60_000,
}, async (context) => {
  const directory = folder(context);
  const calls = 'openat,write,pwrite64,writev,pwritev,fdatasync,fsync';
  const child = spawn(
    'timeout',
    ['45', 'strace', '-f', '-e', `trace=${calls}`, '-o', join(directory, 'calls'), process.execPath].concat([
      join(import.meta.dirname, 'store-crash-workload.ts'),
      join(directory, 'store'),
      '1',
    ]),
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let bytes = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    // Some hundreds of numbers.
    if (bytes > 2000) child.kill();
  });
  await once(child, 'close');
  const log = new Set<string>();
  /** By thread, what a call began with that others' calls came between. */
  const begun = new Map<string, string>();
  let written = 0;
  let acknowledged = 0;
  for (const line of readFileSync(join(directory, 'calls'), 'latin1').split('\n')) {
    const [, thread = '', text = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    // The workload makes twenty changes at a time, and waits for them.
    if (text.startsWith('write(1,')) assert.ok(Math.floor(acknowledged++ / 20) < written, line);
    const unfinished = /^(.*) <unfinished \.\.\.>$/.exec(text)?.[1];
    if (unfinished !== undefined) begun.set(thread, unfinished);
    const rest = /^<\.\.\. \w+ resumed>(.*)$/.exec(text)?.[1];
    const call = rest === undefined ? text : `${begun.get(thread)}${rest}`;
    const opened = /^openat\(.*changes\.[01]", ([A-Z_|]+).*= (\d+)$/.exec(call);
    if (opened?.[2] !== undefined && opened[1]?.includes('O_DSYNC') === true) log.add(opened[2]);
    const into = /^pwrite\w*\((\d+),.*= \d+$/.exec(call)?.[1];
    if (into !== undefined && log.has(into)) written++;
  }
  assert.ok(log.size === 2 && acknowledged > 20, `${acknowledged} acknowledgements`);
});
