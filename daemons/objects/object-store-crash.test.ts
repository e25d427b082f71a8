import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLogger, systemClock } from '@xtreemos/base';
import { type ObjectStore, openObjectStore } from './object-store.ts';
import {
  createSimulatedStorage,
  type Random,
  type SimulatedStorage,
  seededRandom,
} from './simulated-storage.ts';

const striping = { stripeBytes: 131072, width: 1 };
const fileBytes = 400_000;

/** What was asked for, in order; a durable one makes all before it on its bytes impossible. */
interface Deed {
  readonly start: number;
  readonly end: number;
  /** Undefined: zeros. */
  readonly bytes: Uint8Array | undefined;
  /** Size of the file afterwards. */
  readonly size: number;
  readonly epoch: number;
  isDone: boolean;
  isDurable: boolean;
}

class Model {
  readonly deeds: Deed[] = [];

  get size(): number {
    return this.deeds.at(-1)?.size ?? 0;
  }
  get epoch(): number {
    return this.deeds.reduce((most, { epoch }) => Math.max(most, epoch), 0);
  }

  begin(deed: Omit<Deed, 'isDone' | 'isDurable'>): Deed {
    const begun = { ...deed, isDone: false, isDurable: false };
    this.deeds.push(begun);
    return begun;
  }

  current(): Buffer {
    const bytes = Buffer.alloc(this.size);
    const whole = Buffer.alloc(fileBytes * 2);
    for (const deed of this.deeds) {
      if (deed.bytes === undefined) whole.fill(0, deed.start, Math.min(deed.end, whole.length));
      else whole.set(deed.bytes, deed.start);
    }
    whole.copy(bytes);
    return bytes;
  }

  /** @returns a sentence about the first byte that could not be there */
  impossible(found: Uint8Array): string | undefined {
    for (let at = 0; at < fileBytes * 2; at++) {
      const value = found[at] ?? 0;
      let isPossible = false;
      let isOpen = true;
      for (let index = this.deeds.length - 1; index >= 0 && isOpen && !isPossible; index--) {
        const deed = this.deeds[index];
        if (deed === undefined || at < deed.start || at >= deed.end) continue;
        isPossible = value === (deed.bytes?.[at - deed.start] ?? 0);
        isOpen = !deed.isDurable;
      }
      if (isOpen && value === 0) isPossible = true;
      if (!isPossible) return `byte ${at} (block ${at >> 12}) is ${value}`;
    }
    return undefined;
  }

  impossibleSize(found: number): string | undefined {
    for (let index = this.deeds.length - 1; index >= 0; index--) {
      const deed = this.deeds[index];
      if (deed?.size === found) return undefined;
      // A durable write says that the file reaches to its end, whatever concurrent ones did.
      if (deed?.isDurable === true)
        return found >= Math.min(deed.size, deed.end) ? undefined : `size is ${found}`;
    }
    return undefined;
  }

  /** What was found is what there is from now on. */
  adopt(found: Uint8Array, epoch: number): void {
    this.deeds.length = 0;
    const zeros = this.begin({ start: 0, end: fileBytes * 2, bytes: undefined, size: 0, epoch: 0 });
    const deed = this.begin({
      start: 0,
      end: found.length,
      bytes: Uint8Array.from(found),
      size: found.length,
      epoch,
    });
    for (const made of [zeros, deed]) {
      made.isDone = true;
      made.isDurable = true;
    }
  }
}

function open(storage: SimulatedStorage): Promise<ObjectStore> {
  return openObjectStore({
    storage,
    clock: systemClock,
    logger: silentLogger,
    // Small: segments turn over all the time.
    logSegmentBytes: 512 * 1024,
    reserveBytes: 0,
    openFiles: 2,
    unsyncedBytes: 200_000,
    leastPlacedBlocks: 4,
    mostBlocksPerRecord: 8,
  });
}

const fileIds = ['v:1', 'v:2', 'v:3', 'v:4'];

async function work(
  store: ObjectStore,
  fileId: string,
  model: Model,
  random: Random,
  state: { over: boolean },
) {
  let epoch = model.epoch;
  const below = (limit: number) => Math.floor(random() * limit);
  while (!state.over) {
    const dice = random();
    if (dice < 0.6) {
      // Large ones aligned, which may be placed, small ones anywhere.
      const isLarge = random() < 0.5;
      const start = isLarge ? below(80) * 4096 : below(fileBytes - 40_000);
      const length = isLarge ? (1 + below(16)) * 4096 : 1 + below(9000);
      const bytes = new Uint8Array(length).fill(1 + below(255));
      const durable = random() < 0.3;
      const size = Math.max(model.size, start + length);
      const deed = model.begin({ start, end: start + length, bytes, size, epoch });
      await store.write(fileId, start, Uint8Array.from(bytes), { striping, durable });
      deed.isDone = true;
      deed.isDurable = durable;
    } else if (dice < 0.72) {
      const done = model.deeds.filter(({ isDone }) => isDone);
      await store.sync(fileId);
      for (const deed of done) deed.isDurable = true;
    } else if (dice < 0.8) {
      const size = below(fileBytes);
      epoch += 1;
      const deed = model.begin({ start: size, end: fileBytes * 2, bytes: undefined, size, epoch });
      await store.truncate(fileId, size, epoch, striping);
      deed.isDone = true;
      deed.isDurable = true;
    } else if (dice < 0.88) {
      const start = below(fileBytes - 1);
      const end = Math.min(start + 1 + below(100_000), model.size);
      if (end <= start) continue;
      const deed = model.begin({ start, end, bytes: undefined, size: model.size, epoch });
      await store.zero(fileId, start, end - start, striping);
      deed.isDone = true;
      deed.isDurable = true;
    } else if (dice < 0.9) {
      const deed = model.begin({ start: 0, end: fileBytes * 2, bytes: undefined, size: 0, epoch: 0 });
      await store.unlink(fileId);
      deed.isDone = true;
      deed.isDurable = true;
    } else {
      const start = below(fileBytes);
      const read = await store.read(fileId, start, 20_000);
      const expected = model.current().subarray(start, start + 20_000);
      const wrong = read.findIndex((byte, index) => byte !== expected[index]);
      assert.ok(
        Buffer.compare(read, expected) === 0,
        `${fileId}: ${read.length} bytes of ${expected.length} at ${start}, the first wrong one at ${start + wrong}`,
      );
    }
  }
}

async function round(seed: number, kind: 'power-cut' | 'killed' | 'mixed', crashes: number): Promise<void> {
  const random = seededRandom(seed);
  let storage = createSimulatedStorage(random);
  const models = new Map(fileIds.map((fileId) => [fileId, new Model()]));
  for (let crash = 0; crash < crashes; crash++) {
    const store = await open(storage);
    const state = { over: false };
    const { promise, reject } = Promise.withResolvers<never>();
    for (const [fileId, model] of models) {
      work(store, fileId, model, random, state).catch((error: unknown) => {
        if (!state.over) reject(error);
      });
    }
    const turns = 50 + Math.floor(random() * 700);
    const life = (async () => {
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
    })();
    try {
      await Promise.race([life, promise]);
    } finally {
      state.over = true;
    }
    const cut = kind === 'mixed' ? (random() < 0.5 ? 'power-cut' : 'killed') : kind;
    storage = storage.crash(cut);
    // Sometimes again in the middle of the recovery.
    if (random() < 0.3) {
      const opening = open(storage);
      opening.catch(() => undefined);
      for (let turn = 0; turn < random() * 60; turn++) await new Promise((resolve) => setImmediate(resolve));
      storage = storage.crash(cut);
    }
    const found = await open(storage);
    for (const [fileId, model] of models) {
      const { localBytes, truncateEpoch } = await found.state(fileId);
      const bytes = await found.read(fileId, 0, localBytes);
      const complaint = model.impossible(bytes) ?? model.impossibleSize(localBytes);
      assert.equal(complaint, undefined, `seed ${seed}, crash ${crash} (${cut}), ${fileId}: ${complaint}`);
      model.adopt(bytes, truncateEpoch);
    }
    await found.close();
  }
}

const rounds = Number(process.env['XOS_CRASH_ROUNDS'] ?? 12);

describe('after a crash', () => {
  it('a power cut loses nothing that was durable and damages nothing', { timeout: 300_000 }, async () => {
    for (let seed = 1; seed <= rounds; seed++) await round(seed, 'power-cut', 3);
  });
  it('the end of the process loses nothing that was acknowledged as durable', {
    timeout: 300_000,
  }, async () => {
    for (let seed = 1001; seed <= 1000 + rounds; seed++) await round(seed, 'killed', 3);
  });
  it('both in turns', { timeout: 300_000 }, async () => {
    for (let seed = 2001; seed <= 2000 + rounds; seed++) await round(seed, 'mixed', 4);
  });
});
