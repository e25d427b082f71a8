/** Objects of one file that were read before anybody asked for them. */
import { type ObjectRange, objectsOfRange, type Striping } from '@xtreemos/xtreemfs';

export interface ReadAheadOptions {
  readonly striping: Striping;
  /** Reads a whole object; shorter at the end of what there is. */
  readonly read: (part: ObjectRange) => Promise<Buffer>;
  /** How far ahead, at most. */
  readonly windowBytes: number;
}

interface Fetched {
  readonly data: Promise<Buffer>;
  /** A part of it was taken. */
  isLent: boolean;
}

/** Distance between reads that still count as sequential: the kernel sends its own read-ahead in any order. */
const slackBytes = 1024 * 1024;
const firstWindowBytes = 256 * 1024;
const leastStreak = 2;

export class ReadAhead {
  readonly #options: ReadAheadOptions;
  readonly #fetched = new Map<number, Fetched>();
  readonly #mostObjects: number;
  #expected = 0;
  /** Reads in a row that went on where others ended: a random one does so now and then. */
  #streak = 0;
  #windowBytes = 0;

  constructor(options: ReadAheadOptions) {
    this.#options = options;
    const { stripeBytes } = options.striping;
    this.#mostObjects = Math.ceil((options.windowBytes + 2 * slackBytes) / stripeBytes) + 1;
  }

  /** Told of every read: one that goes on where another ended has what follows fetched. `size` is that of the file. */
  note(offset: number, length: number, size: number): void {
    const end = offset + length;
    const isSequential = offset <= this.#expected + slackBytes && end + slackBytes >= this.#expected;
    if (!isSequential || (offset === 0 && this.#expected === 0)) {
      this.#windowBytes = 0;
      this.#streak = 0;
      this.#expected = end;
      return;
    }
    this.#expected = Math.max(this.#expected, end);
    this.#streak += 1;
    if (this.#streak < leastStreak) return;
    const { striping, windowBytes, read } = this.#options;
    this.#windowBytes = Math.min(Math.max(this.#windowBytes * 2, firstWindowBytes), windowBytes);
    const until = Math.min(this.#expected + this.#windowBytes, size);
    if (until <= this.#expected) return;
    for (const { object, osd } of objectsOfRange(striping, this.#expected, until - this.#expected)) {
      if (this.#fetched.has(object)) continue;
      const data = read({ object, osd, offset: 0, length: striping.stripeBytes, position: 0 });
      const fetched = { data, isLent: false };
      // It is read again by whoever needs it.
      data.catch(() => {
        if (this.#fetched.get(object) === fetched) this.#fetched.delete(object);
      });
      this.#fetched.set(object, fetched);
    }
    for (const object of this.#fetched.keys()) {
      if (this.#fetched.size <= this.#mostObjects) break;
      this.#fetched.delete(object);
    }
  }

  /**
   * What is there, or on its way, of the part of an object; undefined when it has to be asked for. Who takes it all has the very buffer
   * that was read, and nobody else has.
   */
  async take({ object, offset, length }: ObjectRange): Promise<Buffer | undefined> {
    const fetched = this.#fetched.get(object);
    if (fetched === undefined) return undefined;
    try {
      const data = await fetched.data;
      // Changed meanwhile.
      if (this.#fetched.get(object) !== fetched) return undefined;
      // Read to its end: nobody asks for it again, or the kernel has it.
      const isEnd = offset + length >= this.#options.striping.stripeBytes;
      if (isEnd) this.#fetched.delete(object);
      if (isEnd && offset === 0 && !fetched.isLent) return data;
      fetched.isLent = true;
      return data.subarray(Math.min(offset, data.length), Math.min(offset + length, data.length));
    } catch {
      return undefined;
    }
  }

  /** The object changed, or is about to. */
  drop(object: number): void {
    this.#fetched.delete(object);
  }

  dropAll(): void {
    this.#fetched.clear();
  }
}
