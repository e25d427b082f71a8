import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { NodeEvent } from '@xtreemos/vo-client';
import { ChangeHub } from './change-hub.ts';

function listen(hub: ChangeHub, vo: string, hostname: string) {
  const seen: NodeEvent[] = [];
  const unsubscribe = hub.subscribe({
    vo,
    hostname,
    send: (event) => seen.push(event),
    end: () => undefined,
  });
  return { seen, unsubscribe };
}

describe('what connected nodes are told', () => {
  it('many versions at once become the first and the last', async () => {
    const hub = new ChangeHub({ coalescingMs: 20 });
    const { seen } = listen(hub, 'a.example', 'one.example');
    for (let version = 1; version <= 50; version += 1)
      hub.publish({ type: 'membership', vo: 'a.example', version });
    assert.deepEqual(seen, [{ type: 'membership', vo: 'a.example', version: 1 }]);
    // Keeps the process alive: the hub's own timer does not.
    await delay(200);
    assert.deepEqual(seen.slice(1), [{ type: 'membership', vo: 'a.example', version: 50 }]);
    hub.publish({ type: 'membership', vo: 'a.example', version: 51 });
    assert.equal(seen.length, 3);
  });

  it('kinds and VOs do not delay one another, and dismissal never waits', () => {
    const hub = new ChangeHub({ coalescingMs: 10_000 });
    const one = listen(hub, 'a.example', 'one.example');
    const two = listen(hub, 'a.example', 'two.example');
    const other = listen(hub, 'b.example', 'one.example');
    hub.publish({ type: 'membership', vo: 'a.example', version: 1 });
    hub.publish({ type: 'crl', vo: 'a.example', version: 1 });
    hub.publish({ type: 'membership', vo: 'b.example', version: 1 });
    hub.dismiss({ type: 'gone', vo: 'a.example', reason: 'revoked' }, 'two.example');
    assert.deepEqual(
      [one, two, other].map(({ seen }) => seen.map(({ type }) => type)),
      [['membership', 'crl'], ['membership', 'crl', 'gone'], ['membership']],
    );
    two.unsubscribe();
    assert.deepEqual(
      hub.everyone().map(({ hostname }) => hostname),
      ['one.example', 'one.example'],
    );
  });
});
