import assert from 'node:assert/strict';
import test from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { createAdjoiningWrites } from './adjoining-writes.ts';

interface Call {
  readonly text: string;
  readonly position: number;
}

/** @param refuse says why a call fails */
function recorded(refuse: (call: Call) => string | undefined = () => undefined) {
  const calls: Call[] = [];
  let running = 0;
  const write = createAdjoiningWrites(async (buffers, position) => {
    assert.equal(++running, 1, 'one at a time');
    const call = { text: Buffer.concat(buffers).toString(), position };
    calls.push(call);
    await turn();
    running -= 1;
    const why = refuse(call);
    if (why !== undefined) throw new Error(why);
  });
  const text = (words: string, position: number) =>
    write(
      words.split(' ').map((word) => Buffer.from(word)),
      position,
    );
  return { calls, text };
}

test('writes that lie side by side and wait leave together, in their order, and others do not', async () => {
  const { calls, text } = recorded();
  await Promise.all([
    text('ab', 0),
    text('cd e', 2),
    text('f', 5),
    text('x', 9),
    text('y', 10),
    text('z', 10),
  ]);
  assert.deepEqual(calls, [
    { text: 'ab', position: 0 },
    { text: 'cdef', position: 2 },
    { text: 'xy', position: 9 },
    { text: 'z', position: 10 },
  ]);
  await text('again', 20);
  assert.deepEqual(calls.at(-1), { text: 'again', position: 20 });
});

test('of writes that failed together those that can be done are, and the others say why', async () => {
  const { calls, text } = recorded(({ text: written }) =>
    written.includes('!') ? `no ${written}` : undefined,
  );
  const results = await Promise.allSettled([
    text('a', 0),
    text('b', 1),
    text('!', 2),
    text('c', 3),
    text('d', 9),
  ]);
  assert.deepEqual(
    results.map((result) => (result.status === 'fulfilled' ? 'done' : result.reason.message)),
    ['done', 'done', 'no !', 'done', 'done'],
  );
  assert.deepEqual(
    calls.map(({ text: written }) => written),
    ['a', 'b!c', 'b', '!', 'c', 'd'],
  );
});

test('a single write that failed is not tried again', async () => {
  const { calls, text } = recorded(() => 'refused');
  await assert.rejects(text('a', 0), /refused/);
  assert.equal(calls.length, 1);
});

test('what is written together has an end', async () => {
  const lengths: number[] = [];
  const write = createAdjoiningWrites(async (buffers) => {
    lengths.push(buffers.reduce((sum, { length }) => sum + length, 0));
    await turn();
  });
  const mebibyte = 1 << 20;
  const buffer = Buffer.alloc(mebibyte);
  await Promise.all(Array.from({ length: 10 }, (_, index) => write([buffer], index * mebibyte)));
  assert.deepEqual(
    lengths.map((bytes) => bytes / mebibyte),
    [1, 4, 4, 1],
  );
});
