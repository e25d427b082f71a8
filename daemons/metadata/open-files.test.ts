import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OpenFiles } from './open-files.ts';

class World {
  nowMs = 0;
  readonly files: OpenFiles;
  /** Holders of turns that others asked for. */
  readonly wanted: string[] = [];

  constructor(start = 2) {
    this.files = new OpenFiles({
      start,
      leaseMs: 1000,
      monotonicMs: () => this.nowMs,
      mostOfClient: 2,
      onAppendWanted: (_file, holder) => this.wanted.push(holder),
    });
  }

  open(clientId: string, node: number, canWrite = false) {
    return this.files.open({ volume: 1, node, clientId, canRead: true, canWrite, user: 'a' });
  }

  take(clientId: string, waitMs = 60_000) {
    return this.files.turns.take({ volume: 1, node: 5 }, clientId, waitMs, new AbortController().signal);
  }
}

describe('the turn to append', () => {
  const file = { volume: 1, node: 5 };

  function opened(...clients: readonly string[]) {
    const world = new World(1);
    const files = clients.map((client) => {
      world.files.greet(client, 'host');
      return world.open(client, 5, true);
    });
    return { world, files };
  }

  it('is with who opened the file for writing alone, and asks nothing', async () => {
    const { world } = opened('one');
    assert.equal(world.files.turns.of(file, 'one') !== 0, true);
    assert.notEqual(await world.take('one'), 0);
    assert.deepEqual(world.wanted, []);
  });

  it('goes to those who wait in their order, and each holder is asked for it', async () => {
    const { world } = opened('one', 'two', 'three');
    const two = world.take('two');
    const three = world.take('three');
    assert.deepEqual(world.wanted, ['one', 'one']);
    world.files.turns.give(file, world.files.turns.of(file, 'three')); // has it not
    world.files.turns.give(file, world.files.turns.of(file, 'one'));
    assert.notEqual(await two, 0);
    assert.deepEqual(world.wanted, ['one', 'one', 'two']);
    world.files.turns.give(file, world.files.turns.of(file, 'two'));
    assert.notEqual(await three, 0);
    assert.equal(world.files.turns.of(file, 'two') !== 0, false);
  });

  it('ends with the last opening for writing, and with a client that is silent', async () => {
    const { world, files } = opened('one', 'two');
    const two = world.take('two');
    const again = world.open('one', 5, true);
    if (files[0] !== undefined) world.files.close(files[0]);
    assert.equal(world.files.turns.of(file, 'one') !== 0, true);
    world.files.close(again);
    assert.notEqual(await two, 0);
    world.files.greet('three', 'host');
    world.open('three', 5, true);
    const three = world.take('three');
    world.nowMs = 900;
    world.files.greet('three', 'host');
    world.nowMs = 1500;
    world.files.expire();
    assert.notEqual(await three, 0);
  });

  it('is waited for no longer than wanted, and nobody who left is given it', async () => {
    const { world, files } = opened('one', 'two', 'three');
    assert.equal(await world.take('three', 1), 0);
    const two = world.take('two');
    if (files[1] !== undefined) world.files.close(files[1]);
    assert.equal(await two, 0);
    world.files.turns.give(file, world.files.turns.of(file, 'one'));
    assert.notEqual(await world.take('three'), 0);
  });

  it('is nobody’s after a restart until clients had time to claim theirs', async () => {
    const world = new World(2);
    world.files.greet('one', 'host');
    world.files.greet('two', 'host');
    world.open('one', 5, true);
    assert.equal(world.files.turns.of(file, 'one') !== 0, false);
    assert.equal(await world.take('one', 1), 0);
    world.files.turns.claim(file, 'two', 77);
    assert.equal(await world.take('one', 1), 0);
    world.files.turns.give(file, world.files.turns.of(file, 'two'));
    world.nowMs = 1001;
    assert.notEqual(await world.take('one'), 0);
  });
});

describe('open files', () => {
  it('stay while the client gives signs of life, and end one lease after the last', () => {
    const world = new World();
    world.files.greet('one', 'host');
    world.open('one', 5);
    world.nowMs = 900;
    world.files.greet('one', 'host');
    world.nowMs = 1800;
    assert.deepEqual(world.files.expire(), []);
    assert.equal(world.files.isOpen(1, 5), true);
    world.nowMs = 1901;
    assert.equal(world.files.expire().length, 1);
    assert.equal(world.files.isOpen(1, 5), false);
  });

  it('a client belongs to the host that used it first, and has so many files open', () => {
    const world = new World();
    world.files.greet('one', 'host');
    assert.throws(() => world.files.greet('one', 'other'), /EACCES/);
    const { handle } = world.open('one', 1);
    world.open('one', 2);
    assert.throws(() => world.open('one', 3), /ENFILE/);
    assert.throws(() => world.open('nobody', 3), /ENOTCONN/);
    assert.throws(() => world.files.get(handle, 'two'), /EBADF/);
  });

  it('everything may be open for one lease after a restart, and nothing after the first start', () => {
    const again = new World(2);
    assert.equal(again.files.isOpen(1, 99), true);
    again.nowMs = 1000;
    assert.equal(again.files.isOpen(1, 99), false);
    assert.equal(new World(1).files.isOpen(1, 99), false);
  });

  it('a client claims its own handles of this start and earlier ones, and no others', () => {
    const world = new World(3);
    world.files.greet('one', 'host');
    world.files.greet('two', 'host');
    const file = world.open('one', 5);
    const mine = { ...file, handle: 2 * 2 ** 32 + 17 };
    assert.equal(world.files.reclaim(mine).handle, mine.handle);
    assert.equal(world.files.reclaim(file), file);
    assert.throws(() => world.files.reclaim({ ...file, clientId: 'two' }), /EBADF/);
    assert.throws(() => world.files.reclaim({ ...file, handle: file.handle + 1 }), /EBADF/);
    assert.throws(() => world.files.reclaim({ ...file, handle: 4 * 2 ** 32 + 1 }), /EBADF/);
  });

  it('what a change is about to remove is not opened any more', () => {
    const world = new World();
    world.files.greet('one', 'host');
    world.files.markRemoved(1, 5);
    assert.throws(() => world.open('one', 5), /ESTALE/);
    world.files.unmarkRemoved(1, 5);
    const file = world.open('one', 5);
    assert.equal(world.files.isOpenBy(1, 5, 'one', 0), true);
    assert.equal(world.files.isOpenBy(1, 5, 'one', 1), false);
    assert.equal(world.files.close(file), true);
    assert.equal(world.files.close(file), false);
  });
});
