import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import test from 'node:test';
import { ConnectionPlaces } from './connection-places.ts';

let port = 1;

class FakeSocket extends EventEmitter {
  readonly localAddress = '192.0.2.1';
  readonly localPort = 32640;
  readonly remotePort = port++;
  readonly remoteAddress: string;
  isReset = false;

  constructor(remoteAddress: string) {
    super();
    this.remoteAddress = remoteAddress;
  }

  resetAndDestroy(): void {
    this.isReset = true;
    this.emit('close');
  }
}

function from(address: string): Socket & FakeSocket {
  return new FakeSocket(address) as unknown as Socket & FakeSocket;
}

test('an address has so many places, an IPv6 network as many, and each comes back when a connection ends', () => {
  const places = new ConnectionPlaces({ maximumConnections: 100, maximumConnectionsPerAddress: 2 });
  const first = from('2001:db8::1');
  assert.equal(places.take(first), undefined);
  assert.equal(places.take(from('2001:db8::2:1')), undefined);
  assert.match(places.take(from('2001:db8:0:0:5::3')) ?? '', /2001:db8:0:0 has 2 connections/);
  assert.equal(places.take(from('2001:db8:0:1::3')), undefined);
  assert.equal(places.take(from('198.51.100.1')), undefined);
  assert.equal(places.take(from('::ffff:198.51.100.1')), undefined);
  assert.match(places.take(from('198.51.100.1')) ?? '', /MaximumConnectionsPerAddress=/);
  first.emit('close');
  assert.equal(places.take(from('2001:db8::4')), undefined);
  assert.equal(places.taken, 5);
});

test('where all places are taken, who was silent for longest makes room, and who has proven himself never', () => {
  const places = new ConnectionPlaces({ maximumConnections: 3, maximumConnectionsPerAddress: 100 });
  const sockets = ['192.0.2.10', '192.0.2.11', '192.0.2.12', '192.0.2.13'].map(from);
  const [first, second, third, fourth] = sockets;
  assert.ok(first && second && third && fourth);
  for (const socket of [first, second, third]) assert.equal(places.take(socket), undefined);
  places.prove(first);
  assert.equal(places.take(fourth), undefined);
  assert.deepEqual(
    sockets.map(({ isReset }) => isReset),
    [false, true, false, false],
  );
  places.prove(third);
  places.prove(fourth);
  assert.match(places.take(from('192.0.2.14')) ?? '', /there are 3 connections.*MaximumConnections=/);
  assert.equal(places.taken, 3);
});
