import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { reasonOf, syncDirectory, XosError } from '@xtreemos/base';
import { ChangeLog } from './change-log.ts';
import type { ChangedEntry } from './change-record.ts';
import { LmdbBase } from './lmdb-base.ts';
import { recoverLog } from './log-recovery.ts';
import { mergedRange } from './merged-range.ts';
import { RecentChanges, textOf } from './recent-changes.ts';
import { openSegment } from './segment-file.ts';
import { type KeyRange, maximumKeyBytes, type Store, type StoreEntry, type StoreWriter } from './store.ts';

export interface StoreOptions {
  /** Of each of the two segments of the log. A change has a quarter of it at most. */
  readonly segmentBytes?: number;
}

/** Entries that the base takes at once: it stops the event loop for some milliseconds. */
const entriesAtOnce = 500;
const retryMs = 1000;

/**
 * Opens, or makes, the store in a directory of its own, for this process alone.
 * @throws XosError XOS_STORAGE_FULL, XOS_STORAGE_FAILED
 */
export async function openStore(
  directory: string,
  { segmentBytes = 8 << 20 }: StoreOptions = {},
): Promise<Store> {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o750 });
    const base = new LmdbBase(directory);
    const first = await openSegment(join(directory, 'changes.0'), segmentBytes);
    const second = await openSegment(join(directory, 'changes.1'), segmentBytes);
    await syncDirectory(directory);
    const recovered = recoverLog([first.content, second.content], base.inBase);
    await base.apply(
      recovered.changes.flatMap(({ entries }) => entries),
      recovered.lastSequence,
    );
    const log = new ChangeLog([first.file, second.file], segmentBytes, recovered);
    return new LoggedStore({ base, log, directory, largestBytes: Math.floor(segmentBytes / 4) });
  } catch (cause) {
    throw failure(cause, 'open the store', directory);
  }
}

/** A change that waits for room. */
interface Job {
  readonly run: () => void;
  readonly refuse: (error: unknown) => void;
}

/** What holds all that was brought to it, in order. */
export interface StoreBase {
  get(key: Uint8Array): Buffer | undefined;
  range(range: KeyRange): Iterable<StoreEntry>;
  /**
   * All are on disk and seen by later reads when it resolves, or none of them is.
   * @param inBase from now on the base has all changes up to this one
   * @throws errors of the system
   */
  apply(entries: Iterable<ChangedEntry>, inBase?: number): Promise<void>;
  close(): Promise<void>;
}

export interface LoggedStoreParts {
  readonly base: StoreBase;
  readonly log: ChangeLog;
  /** For messages. */
  readonly directory: string;
  /** Of a change in the log. */
  readonly largestBytes: number;
}

/** Changes are made in memory and acknowledged when the log has them; the base is brought them later, many at once. */
export class LoggedStore implements Store {
  readonly #parts: LoggedStoreParts;
  #active = new RecentChanges();
  /** What was turned over and the base does not have yet. */
  #frozen: RecentChanges | undefined;
  #bringing: Promise<void> | undefined;
  /** Why the base did not take what it was brought last. */
  #baseFailure: XosError | undefined;
  readonly #jobs: Job[] = [];
  #isClosing = false;

  constructor(parts: LoggedStoreParts) {
    this.#parts = parts;
  }

  get(key: Uint8Array): Buffer | undefined {
    return this.find(key, this.#parts.log.durableSequence);
  }

  range(range: KeyRange = {}): Iterable<StoreEntry> {
    return this.rangeUpTo(range, this.#parts.log.durableSequence);
  }

  find(key: Uint8Array, sequence: number): Buffer | undefined {
    const text = textOf(key);
    const version = this.#active.find(text, sequence) ?? this.#frozen?.find(text, sequence);
    if (version === undefined) return this.#parts.base.get(key);
    return version.value === undefined ? undefined : Buffer.from(version.value);
  }

  rangeUpTo(range: KeyRange, sequence: number): Iterable<StoreEntry> {
    const recent = this.#frozen === undefined ? [this.#active] : [this.#active, this.#frozen];
    return mergedRange(recent, this.#parts.base, range, sequence);
  }

  async write<Value>(change: (writer: StoreWriter) => Value): Promise<Value> {
    const { log, directory } = this.#parts;
    const made = Promise.withResolvers<{ readonly value: Value; readonly sequence: number }>();
    this.#jobs.push({
      run: () => {
        try {
          made.resolve(this.#make(change));
        } catch (error) {
          made.reject(error);
        }
      },
      refuse: made.reject,
    });
    this.#runJobs();
    const { value, sequence } = await made.promise;
    try {
      await log.durable(sequence);
    } catch (cause) {
      throw failure(cause, 'commit', directory);
    }
    return value;
  }

  #make<Value>(change: (writer: StoreWriter) => Value): { readonly value: Value; readonly sequence: number } {
    const { log } = this.#parts;
    const writer = new ChangeWriter(this, this.#active, log.lastSequence + 1, log.durableSequence);
    try {
      const value = change(writer);
      return { value, sequence: writer.isEmpty ? log.lastSequence : log.append(writer.end()) };
    } catch (error) {
      writer.undo();
      throw error;
    } finally {
      writer.end();
    }
  }

  /** In the order in which they came, as far as there is room. */
  #runJobs(): void {
    for (;;) {
      const [next] = this.#jobs;
      if (next === undefined) return;
      let refusal = this.#refusal();
      if (refusal === undefined && !this.#hasRoom()) {
        if (this.#baseFailure === undefined) return;
        refusal = this.#baseFailure;
      }
      this.#jobs.shift();
      if (refusal === undefined) next.run();
      else next.refuse(refusal);
    }
  }

  #refusal(): XosError | undefined {
    const { log, directory } = this.#parts;
    if (this.#isClosing) return failure(new Error('the store is closed'), 'commit', directory);
    if (log.failure !== undefined) return failure(log.failure, 'commit', directory);
    return undefined;
  }

  async close(): Promise<void> {
    const { log, base } = this.#parts;
    while (this.#jobs.length > 0) await this.#bringing;
    this.#isClosing = true;
    try {
      await log.durable(log.lastSequence).catch(() => undefined);
      await this.#bringing;
      if (log.failure === undefined && log.isOtherFree && this.#active.keys > 0) {
        this.#turnOver();
        await this.#bringing;
      }
    } finally {
      await log.close();
      await base.close();
    }
  }

  /** Room for the largest change; turns the log over when that makes room. */
  #hasRoom(): boolean {
    const { log, largestBytes } = this.#parts;
    if (log.room >= largestBytes) return true;
    if (!log.isOtherFree) return false;
    this.#turnOver();
    return true;
  }

  #turnOver(): void {
    const { log } = this.#parts;
    const frozen = this.#active;
    const last = log.lastSequence;
    this.#frozen = frozen;
    this.#active = new RecentChanges();
    log.turnOver();
    this.#bringing = this.#bring(frozen, last);
  }

  /** Brings the base what was turned over, for as long as that takes. */
  async #bring(frozen: RecentChanges, last: number): Promise<void> {
    const { base, log, directory } = this.#parts;
    for (;;) {
      try {
        await log.durable(last);
        for (const entries of chunks(frozen.latest(), entriesAtOnce)) await base.apply(entries);
        await base.apply([], last);
        break;
      } catch (cause) {
        this.#baseFailure = failure(cause, 'commit', directory);
        this.#runJobs();
        // The log has it all: nothing is lost by waiting.
        if (this.#isClosing || log.failure !== undefined) return;
        await new Promise((resolve) => setTimeout(resolve, retryMs));
      }
    }
    this.#baseFailure = undefined;
    this.#frozen = undefined;
    log.release();
    this.#runJobs();
  }
}

/** One change, made at once in what is recent; nobody else sees it before it is durable. */
class ChangeWriter implements StoreWriter {
  readonly #store: LoggedStore;
  readonly #recent: RecentChanges;
  readonly #sequence: number;
  readonly #seen: number;
  readonly #entries: ChangedEntry[] = [];
  readonly #before: (readonly [string, ReturnType<RecentChanges['put']>])[] = [];
  #hasEnded = false;

  constructor(store: LoggedStore, recent: RecentChanges, sequence: number, seen: number) {
    this.#store = store;
    this.#recent = recent;
    this.#sequence = sequence;
    this.#seen = seen;
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  get(key: Uint8Array): Buffer | undefined {
    this.#check();
    return this.#store.find(key, this.#sequence);
  }

  range(range: KeyRange = {}): Iterable<StoreEntry> {
    this.#check();
    return this.#store.rangeUpTo(range, this.#sequence);
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#check();
    if (key.length === 0 || key.length > maximumKeyBytes)
      throw new RangeError(`a key of ${key.length} bytes: 1 to ${maximumKeyBytes} are allowed`);
    // Views of memory that the caller goes on to use are copied here.
    this.#change(Buffer.from(key), Buffer.from(value));
  }

  delete(key: Uint8Array): boolean {
    if (this.get(key) === undefined) return false;
    this.#change(Buffer.from(key), undefined);
    return true;
  }

  #change(key: Buffer, value: Buffer | undefined): void {
    const text = textOf(key);
    this.#before.push([text, this.#recent.put(text, { sequence: this.#sequence, value }, this.#seen)]);
    this.#entries.push({ key, value });
  }

  end(): readonly ChangedEntry[] {
    this.#hasEnded = true;
    return this.#entries;
  }

  undo(): void {
    this.#hasEnded = true;
    for (const [text, before] of this.#before.toReversed()) this.#recent.undo(text, before);
  }

  #check(): void {
    if (this.#hasEnded) throw new Error('the change that this writer was for has ended');
  }
}

function* chunks<Item>(items: Iterable<Item>, count: number): Generator<Item[]> {
  let chunk: Item[] = [];
  for (const item of items) {
    chunk.push(item);
    if (chunk.length < count) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

function failure(cause: unknown, attempt: string, path: string): XosError {
  const reason = reasonOf(cause);
  if (/no space|ENOSPC|MDB_MAP_FULL|disk quota/i.test(reason))
    return new XosError('XOS_STORAGE_FULL', { attempt, path }, { cause });
  return new XosError('XOS_STORAGE_FAILED', { attempt, path, reason }, { cause });
}
