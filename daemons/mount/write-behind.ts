/** What programs wrote to one file and its OSDs have not yet: merged by object, written later, many at a time. */
import { type BufferPool, type ObjectRange, objectsOfRange, type Striping } from '@xtreemos/xtreemfs';
import { type ByteRange, bytesOf, covers, withRange } from './byte-ranges.ts';
import type { WriteBudget } from './write-buffers.ts';

export interface WriteBehindOptions {
  readonly striping: Striping;
  readonly budget: WriteBudget;
  readonly buffers: BufferPool;
  /** Writes to an OSD; the data stay as they are until it ends. */
  readonly send: (part: ObjectRange, data: Uint8Array, isDurable: boolean) => Promise<void>;
  /** What was given up: the data are lost, and the file says so at fsync(2) or close(2). */
  readonly onFailure: (error: unknown) => void;
  /** Data rest no longer than this before they are written. */
  readonly ageMs?: number;
  /** Of one file, under way at once. */
  readonly mostFlyingBytes?: number;
}

interface DirtyObject {
  readonly object: number;
  readonly buffer: Buffer;
  ranges: readonly ByteRange[];
  isDurable: boolean;
  /** A reader looks at the buffer: it is not used again. */
  isLent: boolean;
  readonly settled: PromiseWithResolvers<void>;
}

/** A piece of newer data, to be laid over what was read. */
export interface Overlay {
  /** From the beginning of the range that was asked for. */
  readonly position: number;
  readonly data: Uint8Array;
}

export class WriteBehind {
  readonly #options: WriteBehindOptions;
  readonly #mostFlying: number;
  readonly #dirty = new Map<number, DirtyObject>();
  /** Being written: nothing is added to them, and at most one of each object. */
  readonly #flying = new Map<number, DirtyObject>();
  /** Dirty objects to be written as soon as there is room, oldest first. */
  readonly #wanted = new Set<number>();
  readonly #stopListening: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: WriteBehindOptions) {
    this.#options = options;
    const most = options.mostFlyingBytes ?? 16 * 1024 * 1024;
    this.#mostFlying = Math.max(2, Math.floor(most / options.striping.stripeBytes));
    this.#stopListening = options.budget.onPressure(() => this.start());
  }

  /** Nothing is dirty or being written. */
  get isClean(): boolean {
    return this.#dirty.size === 0 && this.#flying.size === 0;
  }

  get dirtyObjects(): number {
    return this.#dirty.size;
  }

  /** That are dirty or being written. */
  get bytes(): number {
    let bytes = 0;
    for (const objects of [this.#dirty, this.#flying])
      for (const { ranges } of objects.values()) bytes += bytesOf(ranges);
    return bytes;
  }

  get isFlying(): boolean {
    return this.#flying.size > 0;
  }

  /** OSDs by the number of objects that wait for them. */
  dirtyByOsd(): ReadonlyMap<number, number> {
    const counts = new Map<number, number>();
    for (const { object, ranges } of this.#dirty.values()) {
      const osd = object % this.#options.striping.width;
      counts.set(osd, (counts.get(osd) ?? 0) + ranges.length);
    }
    return counts;
  }

  /** Copies the data; waits while too much of the mount is dirty. @throws the signal's reason */
  async write(offset: number, data: Uint8Array, signal?: AbortSignal): Promise<void> {
    const { striping, budget } = this.#options;
    for (const part of objectsOfRange(striping, offset, data.length)) {
      await budget.take(part.length, signal);
      this.#put(part, data);
    }
    if (budget.usedBytes > budget.limitBytes / 2) this.start();
  }

  #put({ object, offset, length, position }: ObjectRange, data: Uint8Array): void {
    const { striping, budget, buffers } = this.#options;
    let dirty = this.#dirty.get(object);
    if (dirty === undefined) {
      dirty = {
        object,
        buffer: buffers.take(striping.stripeBytes),
        ranges: [],
        isDurable: false,
        isLent: false,
        settled: Promise.withResolvers<void>(),
      };
      this.#dirty.set(object, dirty);
    }
    dirty.buffer.set(data.subarray(position, position + length), offset);
    const before = bytesOf(dirty.ranges);
    dirty.ranges = withRange(dirty.ranges, { start: offset, end: offset + length });
    const overlap = before + length - bytesOf(dirty.ranges);
    if (overlap > 0) budget.give(overlap);
    if (covers(dirty.ranges, { start: 0, end: striping.stripeBytes })) this.#want(object);
    else this.#timer ??= setTimeout(() => this.start(), this.#options.ageMs ?? 1000).unref();
  }

  /** Newer data in the range, in the order in which they are to be laid over what OSDs have. */
  overlay(offset: number, length: number): readonly Overlay[] {
    if (this.isClean) return [];
    const pieces: Overlay[] = [];
    for (const part of objectsOfRange(this.#options.striping, offset, length)) {
      for (const known of [this.#flying.get(part.object), this.#dirty.get(part.object)]) {
        if (known === undefined) continue;
        for (const range of known.ranges) {
          const start = Math.max(range.start, part.offset);
          const end = Math.min(range.end, part.offset + part.length);
          if (start >= end) continue;
          known.isLent = true;
          pieces.push({
            position: part.position + start - part.offset,
            data: known.buffer.subarray(start, end),
          });
        }
      }
    }
    return pieces;
  }

  /** Has everything that is dirty written. */
  start(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const object of this.#dirty.keys()) this.#wanted.add(object);
    this.#pump();
  }

  /** Everything that was written before is at the OSDs when it resolves, or was given up. @param durableOsds they write it durably */
  async flush(durableOsds?: ReadonlySet<number>): Promise<void> {
    if (this.isClean) return;
    const { width } = this.#options.striping;
    const waited = [...this.#flying.values(), ...this.#dirty.values()];
    for (const dirty of this.#dirty.values())
      if (durableOsds?.has(dirty.object % width) === true) dirty.isDurable = true;
    this.start();
    await Promise.all(waited.map(({ settled }) => settled.promise));
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#stopListening();
  }

  #want(object: number): void {
    this.#wanted.add(object);
    this.#pump();
  }

  #pump(): void {
    for (const object of this.#wanted) {
      if (this.#flying.size >= this.#mostFlying) return;
      if (this.#flying.has(object)) continue;
      this.#wanted.delete(object);
      const dirty = this.#dirty.get(object);
      if (dirty === undefined) continue;
      this.#dirty.delete(object);
      this.#flying.set(object, dirty);
      void this.#fly(dirty);
    }
  }

  async #fly(dirty: DirtyObject): Promise<void> {
    const { striping, send, onFailure, budget } = this.#options;
    const { object, ranges, buffer, isDurable } = dirty;
    const osd = object % striping.width;
    try {
      await Promise.all(
        ranges.map(({ start, end }) =>
          send(
            { object, osd, offset: start, length: end - start, position: 0 },
            buffer.subarray(start, end),
            isDurable,
          ),
        ),
      );
    } catch (error) {
      onFailure(error);
    }
    this.#flying.delete(object);
    budget.give(bytesOf(ranges));
    this.#release(dirty);
    this.#pump();
  }

  #release(dirty: DirtyObject): void {
    if (!dirty.isLent) this.#options.buffers.give(dirty.buffer);
    dirty.settled.resolve();
  }
}
