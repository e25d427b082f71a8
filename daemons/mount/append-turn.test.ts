import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AppendTurn } from './append-turn.ts';

const known = { size: 0, truncateEpoch: 0, mtimeNs: 0n, change: 0n };

class World {
  readonly calls: string[] = [];
  readonly given = new Set<bigint>();
  silences = 0;
  next = 100n;
  /** What the server takes this client to have; 0: nothing. */
  held = 0n;
  isClosing = false;
  turn = this.another();

  another(): AppendTurn {
    return new AppendTurn({
      take: async () => {
        this.calls.push('take');
        if (this.held === 0n) this.held = this.next++;
        return { number: this.held, known };
      },
      give: async (number) => {
        if (this.isClosing) throw new Error('the file is open for writing no more');
        this.calls.push(`give ${number}`);
        if (this.held === number) this.held = 0n;
      },
      given: this.given,
      silences: () => this.silences,
      adopt: () => this.calls.push('adopt'),
    });
  }

  append(name: string, mayGoOn = false): Promise<number> {
    return this.turn.append(async () => this.calls.push(name), mayGoOn);
  }

  /** All that was begun is done. */
  async rest(): Promise<void> {
    for (let turns = 0; turns < 20; turns++) await new Promise(setImmediate);
  }
}

describe('appending', () => {
  it('asks nothing of the server where the file is open for writing once', async () => {
    const world = new World();
    world.turn.granted(1n);
    for (let line = 0; line < 1000; line++) await world.append('line');
    assert.deepEqual(new Set(world.calls), new Set(['line']));
  });

  it('takes the turn once and keeps it until somebody else wants it, who has it after what is under way', async () => {
    const world = new World();
    const one = world.append('one');
    const two = world.append('two');
    await one;
    world.turn.wanted();
    world.turn.wanted();
    await two;
    await world.append('three');
    assert.deepEqual(world.calls, ['take', 'adopt', 'one', 'two', 'give 100', 'take', 'adopt', 'three']);
  });

  it('looks for the end again after others changed the file, or the server was silent', async () => {
    const world = new World();
    world.turn.granted(1n);
    world.turn.changedElsewhere();
    await world.append('one');
    world.silences++;
    await world.append('two');
    assert.deepEqual(world.calls, ['take', 'adopt', 'one', 'take', 'adopt', 'two']);
  });

  it('is not interrupted between the parts of one write', async () => {
    const world = new World();
    world.turn.granted(1n);
    await world.append('part', true);
    world.turn.wanted();
    await world.rest();
    await world.append('rest');
    await world.rest();
    assert.deepEqual(world.calls, ['part', 'rest', 'give 1']);
  });

  it('has others wait no longer than a moment for a part that does not come', async () => {
    const world = new World();
    world.turn.granted(1n);
    await world.append('whole', true);
    world.turn.wanted();
    while (world.calls.length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(world.calls, ['whole', 'give 1']);
  });

  it('has nobody wait for the rest of a write that failed', async () => {
    const world = new World();
    world.turn.granted(1n);
    const failed = world.turn.append(async () => {
      world.turn.wanted();
      throw new Error('interrupted');
    }, true);
    await assert.rejects(failed, /interrupted/);
    await world.rest();
    assert.deepEqual(world.calls, ['give 1']);
  });

  for (const next of ['appends', 'is asked again'])
    it(`gives what an opening could not that was being closed, when the next one ${next}`, async () => {
      const world = new World();
      world.held = 1n;
      world.turn.granted(1n);
      world.isClosing = true;
      world.turn.wanted();
      await world.rest();
      world.turn.end();
      world.turn = world.another();
      world.isClosing = false;
      world.turn.granted(1n);
      if (next === 'appends') await world.append('one');
      else world.turn.wanted();
      await world.rest();
      const expected = next === 'appends' ? ['take', 'give 1', 'take', 'adopt', 'one'] : ['give 1'];
      assert.deepEqual(world.calls, expected);
    });

  it('does not believe an answer that was overtaken, and gives nothing once the file is closed', async () => {
    const world = new World();
    world.turn.granted(1n);
    world.turn.wanted();
    await world.rest();
    world.turn.granted(1n);
    assert.equal(world.turn.number, 0n);
    const before = world.turn;
    await world.append('one');
    world.turn = world.another();
    world.turn.granted(100n);
    before.end();
    before.wanted();
    await world.rest();
    await world.append('two');
    assert.deepEqual(world.calls, ['give 1', 'take', 'adopt', 'one', 'two']);
  });
});
