/**
 * The log of changes: two segments that are used in turn. Changes that come while others are being written share the next write,
 * which is durable when it ends.
 */
import { type ChangedEntry, encodeRecord, recordBytes } from './change-record.ts';
import type { RecoveredLog } from './log-recovery.ts';

export interface LogFile {
  /** Everything is durable when it resolves. */
  write(buffers: readonly Uint8Array[], position: number): Promise<void>;
  close(): Promise<void>;
}

interface Queued {
  readonly file: LogFile;
  readonly position: number;
  readonly record: Buffer;
  readonly sequence: number;
}

interface Waiter {
  readonly sequence: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class ChangeLog {
  readonly #segments: readonly [LogFile, LogFile];
  readonly #segmentBytes: number;
  #active: 0 | 1 = 0;
  #isOtherFree = true;
  #generation: number;
  #offset = 0;
  #lastSequence: number;
  #durableSequence: number;
  #queue: Queued[] = [];
  #waiters: Waiter[] = [];
  #isWriting = false;
  #failure: unknown;

  /** @param recovered what the base has all of */
  constructor(segments: readonly [LogFile, LogFile], segmentBytes: number, recovered: RecoveredLog) {
    this.#segments = segments;
    this.#segmentBytes = segmentBytes;
    this.#generation = recovered.lastGeneration + 1;
    this.#lastSequence = recovered.lastSequence;
    this.#durableSequence = recovered.lastSequence;
  }

  get lastSequence(): number {
    return this.#lastSequence;
  }

  get durableSequence(): number {
    return this.#durableSequence;
  }

  /** Bytes that the active segment still takes. */
  get room(): number {
    return this.#segmentBytes - this.#offset;
  }

  /** Set once a write failed: what is on disk is not known any more, and nothing can be promised. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Takes the change, to be written at once or after what is being written. @returns its sequence */
  append(entries: readonly ChangedEntry[]): number {
    const bytes = recordBytes(entries);
    if (bytes > this.room) throw new RangeError(`a change of ${bytes} bytes: ${this.room} are the most`);
    const sequence = ++this.#lastSequence;
    const record = encodeRecord(entries, {
      generation: this.#generation,
      sequence,
      durable: this.#durableSequence,
    });
    this.#queue.push({ file: this.#segments[this.#active], position: this.#offset, record, sequence });
    this.#offset += record.length;
    if (!this.#isWriting) {
      this.#isWriting = true;
      // All changes that came with the same events leave together.
      setImmediate(() => void this.#write());
    }
    return sequence;
  }

  /** Resolves when the change and all before it are durable. @throws what the disk said */
  async durable(sequence: number): Promise<void> {
    if (sequence <= this.#durableSequence) return;
    if (this.#failure !== undefined) throw this.#failure;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiters.push({ sequence, resolve, reject });
    await promise;
  }

  get isOtherFree(): boolean {
    return this.#isOtherFree;
  }

  /** Goes on in the other segment; what this one has is needed until `release`. */
  turnOver(): void {
    if (!this.#isOtherFree) throw new Error('the other segment of the log is in use');
    this.#active = this.#active === 0 ? 1 : 0;
    this.#isOtherFree = false;
    this.#generation++;
    this.#offset = 0;
  }

  /** The base has all of the segment before the active one, which is of no use any more. */
  release(): void {
    this.#isOtherFree = true;
  }

  async close(): Promise<void> {
    for (const file of this.#segments) await file.close();
  }

  async #write(): Promise<void> {
    while (this.#queue.length > 0 && this.#failure === undefined) {
      const batch = this.#takeBatch();
      const [first] = batch;
      const last = batch.at(-1);
      if (first === undefined || last === undefined) break;
      try {
        await first.file.write(
          batch.map(({ record }) => record),
          first.position,
        );
      } catch (error) {
        this.#failure = error;
        for (const { reject } of this.#waiters.splice(0)) reject(error);
        break;
      }
      this.#durableSequence = last.sequence;
      this.#settle();
    }
    this.#isWriting = false;
  }

  /** What stands side by side in one segment. */
  #takeBatch(): Queued[] {
    const file = this.#queue[0]?.file;
    const others = this.#queue.findIndex((queued) => queued.file !== file);
    return this.#queue.splice(0, others < 0 ? this.#queue.length : others);
  }

  #settle(): void {
    const waiters = this.#waiters;
    this.#waiters = waiters.filter(({ sequence }) => sequence > this.#durableSequence);
    for (const { sequence, resolve } of waiters) if (sequence <= this.#durableSequence) resolve();
  }
}
