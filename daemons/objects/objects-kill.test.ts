/** The daemon is killed again and again under load: what it acknowledged as durable is there, and nothing is damaged. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { deleteAccess } from '@xtreemos/xtreemfs';
import { credentials, objectsOf, startObjectsProcess } from './objects-fixtures.ts';
import { seededRandom } from './simulated-storage.ts';

const objectBytes = 131072;
const slotBytes = 32768;
const files = 6;
const objects = 4;

interface Slot {
  /** What is known to be there, or to have been asked for since. */
  possible: number[];
  isAbsentPossible: boolean;
}

const rounds = Number(process.env['XOS_KILL_ROUNDS'] ?? 6);

test(`${rounds} kills lose nothing that was durable`, {
  timeout: 60_000 + rounds * 20_000,
}, async (context) => {
  const osd = await startObjectsProcess(context);
  const random = seededRandom(Date.now());
  const below = (limit: number) => Math.floor(random() * limit);
  const slots = new Map<string, Slot>();
  const removed = new Set<string>();
  let acknowledged = 0;

  async function load(worker: number, state: { over: boolean }): Promise<void> {
    const connection = await osd.connect();
    try {
      const client = objectsOf(connection);
      for (let turn = 0; !state.over; turn++) {
        const fileId = `v:${worker}`;
        const object = below(objects);
        // A worker's own slots: large ones are placed in the file, small ones go through the log.
        const slot = below(objectBytes / slotBytes);
        const key = `${fileId} ${object} ${slot}`;
        const value = 1 + below(255);
        const length = turn % 3 === 0 ? slotBytes : 4096;
        const known = slots.get(`${key} ${length}`) ?? { possible: [], isAbsentPossible: true };
        slots.set(`${key} ${length}`, known);
        known.possible.push(value);
        const offset = slot * slotBytes;
        // The small one lies in the large one's last block, which the large one does not write then.
        const data = Buffer.alloc(length === slotBytes ? slotBytes - 4096 : 4096, value);
        const at = length === slotBytes ? offset : offset + slotBytes - 4096;
        await client.write(credentials({ fileId }), object, at, data, { durable: turn % 2 === 0 });
        if (turn % 2 === 1 && turn % 8 !== 1) continue;
        if (turn % 2 === 1) await client.sync(credentials({ fileId }));
        known.possible = [value];
        known.isAbsentPossible = false;
        acknowledged += 1;
      }
    } finally {
      connection.close();
    }
  }

  for (let round = 0; round < rounds; round++) {
    const state = { over: false };
    const workers = Array.from({ length: files }, (_, worker) => load(worker, state));
    const doomed = `gone:${round}`;
    const remover = (async () => {
      const connection = await osd.connect();
      const client = objectsOf(connection);
      await client.write(credentials({ fileId: doomed }), 0, 0, Buffer.alloc(objectBytes, 1), {
        durable: true,
      });
      await client.unlink(credentials({ fileId: doomed, xcap: { accessMode: deleteAccess } }));
      removed.add(doomed);
      connection.close();
    })();
    const ended = Promise.allSettled([...workers, remover]);
    await sleep(150 + below(500));
    await osd.stop('SIGKILL');
    state.over = true;
    await ended;
    await osd.run();
    const connection = await osd.connect();
    const client = objectsOf(connection);
    for (const [key, { possible, isAbsentPossible }] of slots) {
      const [fileId = '', object, slot, length] = key.split(' ');
      const isLarge = Number(length) === slotBytes;
      const at = Number(slot) * slotBytes + (isLarge ? 0 : slotBytes - 4096);
      const size = isLarge ? slotBytes - 4096 : 4096;
      const read = await client.read(credentials({ fileId }), Number(object), at, size);
      const values = new Set(read);
      const allowed = new Set(isAbsentPossible ? [...possible, 0] : possible);
      for (const value of values)
        assert.ok(allowed.has(value), `${key}: ${value} is none of ${[...allowed]}`);
      assert.ok(isAbsentPossible || read.length === size, `${key}: ${read.length} bytes`);
      // What was read is not necessarily durable: a kill keeps it, and only kills happen here.
      const [only] = values;
      if (values.size === 1 && only !== undefined && read.length === size && only !== 0)
        slots.set(key, { possible: [only], isAbsentPossible: false });
    }
    for (const fileId of removed)
      assert.equal((await client.read(credentials({ fileId }), 0, 0, 10)).length, 0, fileId);
    connection.close();
  }
  assert.ok(acknowledged > rounds, `${acknowledged} durable writes`);
  context.diagnostic(`${acknowledged} durable writes acknowledged and read back`);
  await osd.stop('SIGTERM');
  assert.doesNotMatch(osd.output, /damaged=[1-9]|objects\.(damaged|unreadable)/);
});
