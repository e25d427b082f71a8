import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { addressText } from '@xtreemos/base';
import { ChangeHub } from './change-hub.ts';
import { statusLine } from './status-line.ts';

describe('the status line of xos-vo', () => {
  it('counts VOs, members and connected nodes, and says where it listens', () => {
    const counts = { vos: 3, members: 1200, nodes: 14, connectedNodes: 12 };
    assert.equal(
      statusLine(counts, ['*:7443']),
      '3 VOs, 1,200 active members, 12 of 14 nodes connected; ready on *:7443',
    );
  });

  it('says what to do before the first VO', () => {
    const none = { vos: 0, members: 0, nodes: 0, connectedNodes: 0 };
    assert.equal(statusLine(none, ['[::1]:7443']), 'No VO yet: xos vo create; ready on [::1]:7443');
  });

  it('writes addresses as people do', () => {
    assert.equal(addressText({ address: '::', port: 7443 }), '*:7443');
    assert.equal(addressText({ address: 'fd77::1', port: 1 }), '[fd77::1]:1');
    assert.equal(addressText({ address: '10.0.0.1', port: 2 }), '10.0.0.1:2');
  });

  it('is looked at again when a node comes or goes and when the registry changed', async () => {
    const hub = new ChangeHub({ coalescingMs: 1 });
    let calls = 0;
    const unwatch = hub.watch(() => calls++);
    const subscriber = { vo: 'demo', hostname: 'n', send: () => undefined, end: () => undefined };
    hub.subscribe(subscriber)();
    hub.touch();
    assert.equal(calls, 3);
    unwatch();
    hub.subscribe(subscriber);
    await delay(5);
    assert.equal(calls, 3);
  });
});
