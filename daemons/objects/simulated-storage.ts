/**
 * A file system in memory for tests, with what a disk can do to an engine: a power cut that keeps any part of what was not
 * synced, sector by sector; an end of the process amid calls; a full disk; failing calls; flipped bits. Its order of events
 * follows from a seed.
 */
import { type Change, Content, sectorBytes } from './simulated-content.ts';
import type { Storage, StorageFile } from './storage.ts';

export type Random = () => number;

/** mulberry32: small, good enough to choose what happens next. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

interface Inode {
  durable: Content;
  current: Content;
  /** Carried out in `current`, not durable. */
  pending: Change[];
}

export interface Faults {
  /** Throws or not before a call does anything. */
  before?: (call: 'write' | 'sync' | 'read', name: string) => void;
  /** A sync fails, and takes what it should have made durable for clean, as Linux does (fsync(2), EIO). */
  refusesSync?: (name: string) => boolean;
  capacityBytes?: number;
}

export interface SimulatedStorage extends Storage {
  readonly faults: Faults;
  /** Calls that run never end; later ones neither. @returns what a machine finds afterwards */
  crash(kind: 'power-cut' | 'killed'): SimulatedStorage;
  /** Flips a bit on disk, behind the back of everything. */
  flip(name: string, position: number, bit: number): void;
  names(): readonly string[];
  /** As it is now. */
  contentOf(name: string): Buffer;
}

export function createSimulatedStorage(random: Random): SimulatedStorage {
  return simulate(random, new Map(), new Map(), 1);
}

function simulate(
  random: Random,
  durableNames: Map<string, Inode>,
  names: Map<string, Inode>,
  boot: number,
): SimulatedStorage {
  const faults: Faults = {};
  const running = new Set<{ inode: Inode; change: Change }>();
  let isCrashed = false;

  async function turn(): Promise<void> {
    if (isCrashed) await new Promise(() => undefined);
    const hops = Math.floor(random() * 3);
    for (let hop = 0; hop < hops; hop++) await new Promise((resolve) => setImmediate(resolve));
    if (isCrashed) await new Promise(() => undefined);
  }

  function allocated(): number {
    let bytes = 0;
    for (const { current } of names.values()) bytes += current.sectors.size * sectorBytes;
    return bytes;
  }

  async function change(inode: Inode, made: Change): Promise<void> {
    const entry = { inode, change: made };
    running.add(entry);
    await turn();
    running.delete(entry);
    if (
      made.kind === 'write' &&
      faults.capacityBytes !== undefined &&
      allocated() + made.bytes.length > faults.capacityBytes
    )
      throw Object.assign(new Error('full'), { code: 'ENOSPC' });
    inode.current.apply(made);
    inode.pending.push(made);
  }

  function fileOf(inode: Inode, name: string): StorageFile {
    return {
      async read(buffer, position) {
        faults.before?.('read', name);
        await turn();
        return inode.current.read(buffer, position);
      },
      async write(buffers, position) {
        faults.before?.('write', name);
        // As pages are copied: one after the other, others in between.
        let at = position;
        for (const buffer of buffers) {
          for (let from = 0; from < buffer.length; from += 4096) {
            const bytes = Buffer.from(buffer.subarray(from, from + 4096));
            const isLast = from + 4096 >= buffer.length;
            if (isLast || random() < 0.1) await change(inode, { kind: 'write', position: at, bytes });
            else {
              inode.current.apply({ kind: 'write', position: at, bytes });
              inode.pending.push({ kind: 'write', position: at, bytes });
            }
            at += bytes.length;
          }
        }
      },
      truncate: (size) => change(inode, { kind: 'truncate', size }),
      punch: (position, length) => change(inode, { kind: 'punch', position, length }),
      reserve: () => turn(),
      async size() {
        await turn();
        return inode.current.size;
      },
      async extents(from) {
        await turn();
        const { size } = inode.current;
        return from < size ? [{ start: from, end: size }] : [];
      },
      async sync() {
        faults.before?.('sync', name);
        const count = inode.pending.length;
        await turn();
        if (faults.refusesSync?.(name) === true) {
          inode.pending.splice(0, count);
          throw Object.assign(new Error('refused'), { code: 'EIO' });
        }
        for (const made of inode.pending.splice(0, count)) inode.durable.apply(made);
      },
      close: () => turn(),
    };
  }

  return {
    boot: `boot ${boot}`,
    faults,
    async open(name, create) {
      await turn();
      let inode = names.get(name);
      if (inode === undefined) {
        if (!create) return undefined;
        inode = { durable: new Content(), current: new Content(), pending: [] };
        names.set(name, inode);
      }
      return fileOf(inode, name);
    },
    async unlink(name) {
      await turn();
      names.delete(name);
    },
    makeDirectory: async () => undefined,
    async list(directory) {
      await turn();
      return [...names.keys()]
        .filter((name) => name.startsWith(`${directory}/`))
        .map((name) => name.slice(directory.length + 1));
    },
    async syncDirectory(directory) {
      const state = [...names].filter(([name]) => name.startsWith(`${directory}/`));
      await turn();
      for (const name of durableNames.keys()) if (name.startsWith(`${directory}/`)) durableNames.delete(name);
      for (const [name, inode] of state) durableNames.set(name, inode);
    },
    async space() {
      await turn();
      const totalBytes = faults.capacityBytes ?? 2 ** 40;
      return { freeBytes: totalBytes - allocated(), totalBytes };
    },
    names: () => [...names.keys()],
    contentOf(name) {
      const content = names.get(name)?.current ?? new Content();
      const bytes = Buffer.alloc(content.size);
      content.read(bytes, 0);
      return bytes;
    },
    flip(name, position, bit) {
      const inode = names.get(name);
      for (const content of [inode?.current, inode?.durable]) {
        const sector = content?.sectors.get(Math.floor(position / sectorBytes));
        const at = position % sectorBytes;
        if (sector !== undefined) sector[at] = (sector[at] ?? 0) ^ (1 << bit);
      }
    },
    crash(kind) {
      isCrashed = true;
      for (const { inode, change: made } of running) {
        if (random() < 0.5) continue;
        inode.current.apply(made);
        inode.pending.push(made);
      }
      const found = new Map<string, Inode>();
      for (const name of new Set([...names.keys(), ...durableNames.keys()])) {
        // A change of a directory that was not synced may have happened or not.
        const now = names.get(name);
        const before = durableNames.get(name);
        const inode = kind === 'killed' || now === before || random() < 0.5 ? now : before;
        if (inode === undefined) continue;
        const content = kind === 'killed' ? inode.current : afterPowerCut(inode, random);
        const pending = kind === 'killed' ? inode.pending : [];
        const durable = kind === 'killed' ? inode.durable : content.clone();
        found.set(name, { durable, current: content, pending });
      }
      const durable =
        kind === 'killed'
          ? new Map(
              [...durableNames.keys()].flatMap((name) => {
                const inode = found.get(name);
                return inode === undefined ? [] : [[name, inode] as const];
              }),
            )
          : new Map(found);
      return simulate(random, durable, found, kind === 'power-cut' ? boot + 1 : boot);
    },
  };
}

/** Each sector as it was after some of the changes; so the size. */
function afterPowerCut(inode: Inode, random: Random): Content {
  const { durable, pending } = inode;
  const result = durable.clone();
  const keepsAll = random();
  const prefix = () =>
    keepsAll < 0.2 ? pending.length : keepsAll < 0.3 ? 0 : Math.floor(random() * (pending.length + 1));
  const touched = new Set<number>();
  for (const made of pending) {
    if (made.kind === 'write')
      for (let at = made.position; at < made.position + made.bytes.length; at += sectorBytes)
        touched.add(Math.floor(at / sectorBytes)).add(Math.floor((at + sectorBytes - 1) / sectorBytes));
    else for (const index of [...durable.sectors.keys(), ...touched]) touched.add(index);
  }
  for (const index of touched) for (const made of pending.slice(0, prefix())) result.apply(made, index);
  const sizes = new Content();
  sizes.size = durable.size;
  for (const made of pending.slice(0, prefix())) {
    if (made.kind === 'truncate') sizes.size = made.size;
    else if (made.kind === 'write') sizes.size = Math.max(sizes.size, made.position + made.bytes.length);
  }
  result.apply({ kind: 'truncate', size: sizes.size });
  return result;
}
