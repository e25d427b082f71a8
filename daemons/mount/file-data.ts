/** The content of one file, as all programs on this mount see it. */
import { AllocateMode, type FileCredentials, SeekTarget } from '@xtreemos/rpc';
import { type BufferPool, type ObjectRange, objectsOfRange } from '@xtreemos/xtreemfs';
import { Failure } from './call-failure.ts';
import type { Capabilities } from './capabilities.ts';
import { ErrorSequence } from './error-sequence.ts';
import type { FileLayout } from './file-layout.ts';
import type { FileSize, ReportedSize } from './file-size.ts';
import { ObjectAccess, type WrittenAnswer } from './object-access.ts';
import type { ObjectServers } from './object-servers.ts';
import { ReadAhead } from './read-ahead.ts';
import { WriteBehind } from './write-behind.ts';
import type { WriteBudget } from './write-buffers.ts';

/** What all files of a mount share. */
export interface DataParts {
  readonly servers: ObjectServers;
  readonly budget: WriteBudget;
  readonly buffers: BufferPool;
  readonly readAheadBytes: number;
  /** Nanoseconds since 1970. */
  readonly nowNs: () => bigint;
}

/** Of one OSD: data that a power cut would take. */
interface Unsynced {
  /** Another one after each write. */
  readonly count: number;
  /** Under which start of the OSD all of it was answered, as far as that is known here. */
  readonly serverStart: bigint | undefined;
}

const noBytes = Buffer.alloc(0);
/** Calls on single objects that are under way at once, where one call has many. */
const objectsAtOnce = 32;

export class FileData {
  readonly size: FileSize;
  readonly capabilities: Capabilities;
  readonly errors = new ErrorSequence();
  readonly layout: FileLayout;
  readonly #parts: DataParts;
  readonly #objects: ObjectAccess;
  readonly #writes: WriteBehind;
  readonly #ahead: ReadAhead;
  readonly #unsynced = new Map<number, Unsynced>();
  #writeCount = 0;

  constructor(parts: DataParts, layout: FileLayout, capabilities: Capabilities, size: FileSize) {
    this.#parts = parts;
    this.layout = layout;
    this.size = size;
    this.capabilities = capabilities;
    this.#objects = new ObjectAccess(layout, parts.servers, capabilities);
    const { striping } = layout;
    this.#ahead = new ReadAhead({
      striping,
      windowBytes: parts.readAheadBytes,
      read: (part) => this.#objects.read(part),
    });
    this.#writes = new WriteBehind({
      striping,
      budget: parts.budget,
      buffers: parts.buffers,
      send: (part, data, isDurable) => this.#send(part, data, isDurable),
      onFailure: (error) => this.errors.record(error),
    });
  }

  /** What was there before may have been written without being synced, here or elsewhere. */
  distrustDisk(): void {
    for (const osd of this.layout.osdUuids.keys()) this.#touch(osd);
  }

  get isClean(): boolean {
    return this.#writes.isClean;
  }

  /** Written here, and not at the OSDs yet. */
  get unwrittenBytes(): number {
    return this.#writes.bytes;
  }

  /**
   * Pieces that follow one another; fewer bytes than asked for at the end of the file alone. Each is to be given to the buffers of
   * the mount when nobody reads it any more.
   */
  async read(offset: number, length: number, signal?: AbortSignal): Promise<readonly Buffer[]> {
    const wanted = Math.min(length, this.size.size - offset);
    if (wanted <= 0) return [];
    // Taken before OSDs are asked: what is written meanwhile may be on its way past the read.
    const before = this.#writes.overlay(offset, wanted);
    const [first] = before;
    if (first?.position === 0 && first.data.length === wanted && before.length === 1)
      return [Buffer.from(first.data)];
    this.#ahead.note(offset, wanted, this.size.size);
    const parts = objectsOfRange(this.layout.striping, offset, wanted);
    const pieces = await Promise.all(
      parts.map(async (part) => (await this.#ahead.take(part)) ?? this.#objects.read(part, signal)),
    );
    const after = this.#writes.overlay(offset, wanted);
    if (before.length === 0 && after.length === 0)
      return parts.flatMap(({ length: bytes }, index) => {
        const piece = pieces[index] ?? noBytes;
        // An object that ends is followed by a hole.
        return piece.length === bytes ? [piece] : [piece, Buffer.alloc(bytes - piece.length)];
      });
    const result = Buffer.alloc(wanted);
    for (const [index, { position }] of parts.entries()) {
      const piece = pieces[index] ?? noBytes;
      result.set(piece, position);
      this.#parts.buffers.give(piece);
    }
    for (const { position, data } of before) result.set(data, position);
    for (const { position, data } of after) result.set(data, position);
    return [result];
  }

  /**
   * As the OSDs have it, without what was read ahead. An object's end within the range may be an older or newer one than that of the file.
   * @returns zeros behind the ends of objects, and whether there were some
   */
  async readThrough(
    offset: number,
    length: number,
    signal?: AbortSignal,
  ): Promise<{ readonly pieces: readonly Buffer[]; readonly hasEnds: boolean }> {
    const parts = objectsOfRange(this.layout.striping, offset, length);
    const found = await Promise.all(parts.map((part) => this.#objects.read(part, signal)));
    const pieces = parts.flatMap(({ length: bytes }, index) => {
      const piece = found[index] ?? noBytes;
      return piece.length === bytes ? [piece] : [piece, Buffer.alloc(bytes - piece.length)];
    });
    return { pieces, hasEnds: pieces.length > parts.length };
  }

  /** Resolves when OSDs have it. @returns the end that they told, and the epoch that all of it was written in, or after. @throws RpcError, the signal's reason */
  async writeThrough(offset: number, data: Uint8Array, signal?: AbortSignal): Promise<ReportedSize> {
    const answers = await Promise.all(
      objectsOfRange(this.layout.striping, offset, data.length).map(async (part) => {
        const { position, length } = part;
        const bytes = data.subarray(position, position + length);
        const answer = await this.#objects.write(part, bytes, false, signal);
        this.#heard(part.osd, answer);
        this.#touch(part.osd, answer.serverStart);
        return answer;
      }),
    );
    return {
      size: offset + data.length,
      truncateEpoch: Math.min(...answers.map(({ truncateEpoch }) => truncateEpoch)),
    };
  }

  /** Resolves when the data are taken over; what becomes of them, `flush` tells. */
  async write(offset: number, data: Uint8Array, signal?: AbortSignal): Promise<void> {
    const { striping } = this.layout;
    for (const { object } of objectsOfRange(striping, offset, data.length)) this.#ahead.drop(object);
    await this.#writes.write(offset, data, signal);
    if (offset > this.size.size) this.size.leftHole();
    this.size.wrote(offset + data.length, this.#parts.nowNs());
  }

  async #send(part: ObjectRange, data: Uint8Array, isDurable: boolean): Promise<void> {
    const answer = await this.#objects.write(part, data, isDurable);
    // Another client wrote behind it, perhaps one that will never tell.
    if (answer.size > this.size.size) this.size.leftHole();
    this.#heard(part.osd, answer);
    if (!isDurable) this.#touch(part.osd, answer.serverStart);
    // What was fetched while this was under way may be older.
    this.#ahead.drop(part.object);
  }

  #touch(osd: number, serverStart = this.#unsynced.get(osd)?.serverStart): void {
    this.#unsynced.set(osd, { count: ++this.#writeCount, serverStart });
  }

  /** An OSD that started anew since it answered writes, and did not sync them, may have lost them: as write(2) errors are, it is told at fsync(2). */
  #heard(osd: number, answer: WrittenAnswer): void {
    this.size.reported(answer);
    const { serverStart } = this.#unsynced.get(osd) ?? {};
    if (serverStart === undefined || serverStart === answer.serverStart) return;
    this.errors.record(new Failure('EIO', 'an OSD lost what it had not been asked to sync'));
    this.#touch(osd, answer.serverStart);
  }

  /**
   * Everything that was written is at the OSDs when it resolves, or recorded in `errors`. Who is interrupted waits no longer; writing
   * goes on. @throws the signal's reason
   */
  flush(signal?: AbortSignal): Promise<void> {
    return unlessAborted(this.#writes.flush(), signal);
  }

  /** As `flush`; and what is there is on disk. @throws RpcError */
  async sync(signal?: AbortSignal): Promise<void> {
    const durable = new Set<number>();
    // A single write is made durable as it is written, which saves a round trip.
    if (!this.#writes.isFlying)
      for (const [osd, writes] of this.#writes.dirtyByOsd())
        if (writes === 1 && !this.#unsynced.has(osd)) durable.add(osd);
    await unlessAborted(this.#writes.flush(durable), signal);
    await Promise.all(
      [...this.#unsynced].map(async ([osd, { count }]) => {
        const answer = await this.#objects.sync(osd, signal);
        if (answer !== undefined) this.#heard(osd, answer);
        if (this.#unsynced.get(osd)?.count === count) this.#unsynced.delete(osd);
      }),
    );
  }

  /** The second half of a truncation, after the MRC's. */
  async truncate(credentials: FileCredentials, size: number): Promise<WrittenAnswer> {
    await this.#writes.flush();
    this.#ahead.dropAll();
    const answer = await this.#objects.truncate(credentials, size);
    this.#ahead.dropAll();
    return answer;
  }

  /** Of fallocate(2); the size is the caller's matter. */
  async allocate(mode: AllocateMode, offset: number, length: number): Promise<void> {
    await this.#writes.flush();
    const changes = mode !== AllocateMode.ALLOCATE_KEEP_SIZE;
    await inTurns(objectsOfRange(this.layout.striping, offset, length), async (part) => {
      this.#ahead.drop(part.object);
      await this.#objects.allocate(part, mode);
      if (changes) this.#touch(part.osd);
      this.#ahead.drop(part.object);
    });
  }

  /** Something was changed here, as the MRC is to be told. @param end 0: nothing beyond the end that was known */
  changed(end = 0): void {
    this.size.wrote(end, this.#parts.nowNs());
  }

  /** The file is longer from now on, without data. */
  extend(size: number): void {
    this.changed(size);
    this.size.reported({ size, truncateEpoch: this.size.truncateEpoch });
  }

  /** Of lseek(2): the next data or hole from the offset on; undefined when there is no more data. */
  async seek(target: SeekTarget, offset: number): Promise<number | undefined> {
    await this.#writes.flush();
    const { size } = this.size;
    const { striping } = this.layout;
    const rounds = objectsAtOnce * striping.stripeBytes;
    for (let start = offset; start < size; start += rounds - (start % striping.stripeBytes)) {
      const parts = objectsOfRange(
        striping,
        start,
        Math.min(rounds - (start % striping.stripeBytes), size - start),
      );
      const found = await Promise.all(parts.map((part) => this.#objects.seek(part, target)));
      const index = found.findIndex((at) => at !== undefined);
      const part = parts[index];
      if (part === undefined) continue;
      const at = part.object * striping.stripeBytes + (found[index] ?? 0);
      if (at < size) return at;
    }
    return target === SeekTarget.HOLE ? size : undefined;
  }

  /** Another client changed the content. */
  changedElsewhere(): void {
    this.#ahead.dropAll();
  }

  close(): void {
    this.#ahead.dropAll();
    this.#writes.close();
  }
}

async function inTurns<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += objectsAtOnce)
    await Promise.all(items.slice(at, at + objectsAtOnce).map(work));
}

/** Whoever is interrupted waits no longer; the work goes on. @throws the signal's reason */
export async function unlessAborted<Result>(
  work: Promise<Result>,
  signal: AbortSignal | undefined,
): Promise<Result> {
  if (signal === undefined) return work;
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
