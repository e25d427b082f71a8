import assert from 'node:assert/strict';
import test from 'node:test';
import { openTestStore } from './object-store-fixture.ts';
import { createSimulatedStorage, seededRandom } from './simulated-storage.ts';

const striping = { stripeBytes: 131072, width: 1 };
const simulated = (seed = 1) => createSimulatedStorage(seededRandom(seed));

test('the number stays when the process is killed, and is another one after a power cut, whatever that kept', async () => {
  for (let seed = 1; seed <= 6; seed++) {
    const before = simulated(seed);
    const store = await openTestStore(before);
    await store.write('v:1', 0, Buffer.alloc(200_000, 1), { striping });
    const killed = before.crash('killed');
    const again = await openTestStore(killed);
    assert.equal(again.startNumber, store.startNumber);
    await again.write('v:1', 0, Buffer.alloc(100, 2), { striping });
    const cut = await openTestStore(killed.crash('power-cut'));
    assert.notEqual(cut.startNumber, store.startNumber);
    assert.ok(cut.startNumber > 0n);
  }
});

test('what was stopped in order may come back on another machine and has lost nothing', async () => {
  const storage = simulated();
  const store = await openTestStore(storage);
  await store.write('v:1', 0, Buffer.alloc(200_000, 1), { striping });
  await store.close();
  const moved = await openTestStore(storage.crash('power-cut'));
  assert.equal(moved.startNumber, store.startNumber);
  assert.equal((await moved.state('v:1')).localBytes, 200_000);
});

test('after a disk refused a sync the next start has another number, though nobody cut the power', async () => {
  for (const refusing of ['log/', 'objects/']) {
    const storage = simulated();
    const store = await openTestStore(storage);
    await store.write('v:1', 0, Buffer.alloc(200_000, 1), { striping });
    storage.faults.before = (call, name) => {
      if (call !== 'sync' || !name.startsWith(refusing) || name === 'log/start') return;
      throw Object.assign(new Error('refused'), { code: 'EIO' });
    };
    await assert.rejects(store.sync('v:1'), { code: 'EIO' });
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    const again = await openTestStore(storage.crash('killed'));
    assert.notEqual(again.startNumber, store.startNumber, refusing);
  }
});
