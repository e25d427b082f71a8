import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, it } from 'node:test';
import { ChangeFeed } from './change-feed.ts';

const change = (node: number) => [{ node, kind: 'attributes' }] as const;
const nodesOf = ({ events }: { readonly events: readonly { readonly node: number }[] }) =>
  events.map(({ node }) => node);

describe('change feed', () => {
  it('tells what others changed since, and each once', async () => {
    const feed = new ChangeFeed(1);
    const { cursor } = await feed.read(7, 'me', '', { waitMs: 0 });
    feed.publish(7, 'me', change(1));
    feed.publish(7, 'other', change(2));
    feed.publish(8, 'other', change(3));
    const page = await feed.read(7, 'me', cursor, { waitMs: 0 });
    assert.deepEqual(nodesOf(page), [2]);
    assert.deepEqual(nodesOf(await feed.read(7, 'me', page.cursor, { waitMs: 0 })), []);
  });

  it('wakes who waits, not for his own changes', async () => {
    const feed = new ChangeFeed(1);
    const { cursor } = await feed.read(7, 'me', '', { waitMs: 0 });
    const waiting = feed.read(7, 'me', cursor, { waitMs: 10_000 });
    feed.publish(7, 'me', change(1));
    await new Promise(setImmediate);
    feed.publish(7, 'other', change(2));
    assert.deepEqual(nodesOf(await waiting), [2]);
  });

  it('costs who changes much himself nothing, and he misses nothing', async () => {
    const feed = new ChangeFeed(1);
    const { signal } = new AbortController();
    const { cursor } = await feed.read(7, 'me', '', { waitMs: 0 });
    const waiting = feed.read(7, 'me', cursor, { waitMs: 10_000, signal });
    for (let node = 0; node < 140_000; node++) feed.publish(7, 'me', change(node));
    feed.publish(7, 'other', change(1));
    feed.publish(7, 'me', change(2));
    feed.publish(7, 'other', change(3));
    const page = await waiting;
    assert.deepEqual([nodesOf(page), page.isReset], [[1, 3], false]);
    assert.deepEqual(getEventListeners(signal, 'abort'), []);
  });

  it('starts anew whoever is of another start, or too far behind', async () => {
    const feed = new ChangeFeed(2);
    for (const cursor of ['1-1', '2-99', 'nonsense'])
      assert.equal((await feed.read(7, 'me', cursor, { waitMs: 0 })).isReset, true);
    const { cursor } = await feed.read(7, 'me', '', { waitMs: 0 });
    for (let node = 0; node < 140_000; node++) feed.publish(7, 'other', change(node));
    assert.equal((await feed.read(7, 'me', cursor, { waitMs: 0 })).isReset, true);
  });

  it('answers when it is closed, and when nobody listens any more', async () => {
    const feed = new ChangeFeed(1);
    const { cursor } = await feed.read(7, 'me', '', { waitMs: 0 });
    const gone = new AbortController();
    const waiting = [
      feed.read(7, 'me', cursor, { waitMs: 60_000, signal: gone.signal }),
      feed.read(7, 'me', cursor, { waitMs: 60_000 }),
    ];
    gone.abort();
    await waiting[0];
    feed.close();
    await waiting[1];
  });
});
