import { RpcError } from './rpc-error.ts';

/** A frame's three parts; each may be a view of memory that other frames share. */
export interface Frame {
  readonly header: Uint8Array;
  readonly message: Uint8Array;
  readonly data: Uint8Array;
}

/** The longest part that is taken, each in bytes. */
export interface FrameLimits {
  readonly headerBytes: number;
  readonly messageBytes: number;
  readonly dataBytes: number;
}

/** What a server takes. Requests are small; what is large travels as data. A stock client's never come near. */
export const requestLimits: FrameLimits = {
  headerBytes: 64 * 1024,
  messageBytes: 256 * 1024,
  dataBytes: 16 * 2 ** 20,
};

/** What a client takes: listings of a directory are messages. */
export const responseLimits: FrameLimits = {
  headerBytes: 64 * 1024,
  messageBytes: 16 * 2 ** 20,
  dataBytes: 16 * 2 ** 20,
};

/** The record marker: lengths of header, message and data, 32 bits each, big-endian. */
const markerBytes = 12;
const nothing = new Uint8Array(0);

/** Gives memory of exactly that many bytes, whatever is in it. */
export type TakeMemory = (bytes: number) => Buffer;

/** Data sections from this size on lie in memory of their own, into which they can be received. */
const ownMemoryBytes = 16 * 1024;
/** Taken for a data section that is announced and has not come. Pages of it that nothing came for cost nothing. */
const mostUnseenBytes = 2 * 2 ** 20;

/** The frame whose data section is being gathered. */
interface Gathered {
  readonly header: Uint8Array;
  readonly message: Uint8Array;
  readonly dataBytes: number;
  data: Buffer;
  filled: number;
}

/**
 * Cuts a stream into frames. A peer which announces much and sends little costs little more than it sent.
 *
 * A small frame within one chunk is a view of it, or a copy where chunks are used again. A large data section is gathered where
 * it stays; `room` is where a socket may receive it to, so that it is not copied at all.
 */
export class FrameReader {
  readonly #limits: FrameLimits;
  readonly #reusesChunks: boolean;
  readonly #freesChunks: boolean;
  readonly #take: TakeMemory;
  /** The beginning of a frame, its header and message not complete. */
  #start: Uint8Array = nothing;
  #gathered: Gathered | undefined;

  constructor(
    limits: FrameLimits,
    options: {
      /** A chunk has other content when `push` has returned. */
      readonly reusesChunks?: boolean;
      /** Nobody else looks at a chunk: the memory of one that was copied goes back at once. */
      readonly freesChunks?: boolean;
      readonly takeMemory?: TakeMemory;
    } = {},
  ) {
    this.#limits = limits;
    this.#reusesChunks = options.reusesChunks ?? false;
    this.#freesChunks = options.freesChunks ?? false;
    this.#take = options.takeMemory ?? ((bytes) => Buffer.allocUnsafeSlow(bytes));
  }

  /** True between the first and the last byte of a frame. */
  get isInside(): boolean {
    return this.#gathered !== undefined || this.#start.length > 0;
  }

  /** Memory that the frame of which a part has come takes. */
  get heldBytes(): number {
    return this.#start.length + (this.#gathered?.data.length ?? 0);
  }

  /** Where the next bytes of the stream belong, all of one frame's data section; undefined where that is not known. */
  get room(): Uint8Array | undefined {
    const gathered = this.#gathered;
    if (gathered === undefined) return undefined;
    this.#grow(gathered);
    return gathered.data.subarray(gathered.filled);
  }

  /** After `bytes` were received into `room`. @returns the frame that they complete */
  received(bytes: number): Frame | undefined {
    const gathered = this.#gathered;
    if (gathered === undefined) throw new RpcError('frame', 'no data section is being received');
    gathered.filled += bytes;
    if (gathered.filled < gathered.dataBytes) return undefined;
    this.#gathered = undefined;
    const { header, message, data } = gathered;
    return { header, message, data };
  }

  /** The frames that the chunk completes. @throws RpcError 'frame' for lengths beyond the limits; the stream is of no use then. */
  push(chunk: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    const isCopied = this.#cut(chunk, frames);
    if (this.#freesChunks && isCopied) free(chunk);
    return frames;
  }

  /** @returns whether all of the chunk was copied */
  #cut(chunk: Uint8Array, frames: Frame[]): boolean {
    let isCopied = true;
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#gathered !== undefined) {
        const { room = nothing } = this;
        const part = rest.subarray(0, room.length);
        room.set(part);
        rest = rest.subarray(part.length);
        const frame = this.received(part.length);
        if (frame !== undefined) frames.push(frame);
        continue;
      }
      const isStarted = this.#start.length > 0;
      const bytes = isStarted ? Buffer.concat([this.#start, rest]) : rest;
      this.#start = nothing;
      const taken = this.#begin(bytes, !this.#reusesChunks || isStarted, frames);
      if (taken === 0) {
        this.#start = isStarted || !this.#reusesChunks ? bytes : Buffer.from(bytes);
        return false;
      }
      // What begins here is a frame with a large data section, or a view.
      if (this.#gathered === undefined) isCopied = false;
      rest = bytes.subarray(taken);
    }
    return isCopied;
  }

  /** @returns the bytes of what begins here and is no more needed, 0 when header and message are not whole */
  #begin(bytes: Uint8Array, isKept: boolean, frames: Frame[]): number {
    if (bytes.length < markerBytes) return 0;
    const length = this.#lengthOf(bytes);
    const dataBytes = lengthAt(bytes, 8);
    const startBytes = length - dataBytes;
    if (dataBytes < ownMemoryBytes) {
      if (bytes.length < length) return 0;
      const frame = bytes.subarray(0, length);
      frames.push(cut(isKept ? frame : Buffer.from(frame)));
      return length;
    }
    if (bytes.length < startBytes) return 0;
    const { header, message } = cut(Buffer.from(bytes.subarray(0, startBytes)));
    const data = this.#take(Math.min(dataBytes, mostUnseenBytes));
    this.#gathered = { header, message, dataBytes, data, filled: 0 };
    return startBytes;
  }

  #grow(gathered: Gathered): void {
    const { data, filled, dataBytes } = gathered;
    if (filled < data.length) return;
    gathered.data = Buffer.allocUnsafeSlow(Math.min(dataBytes, data.length * 2));
    gathered.data.set(data);
  }

  #lengthOf(bytes: Uint8Array): number {
    const { headerBytes, messageBytes, dataBytes } = this.#limits;
    const header = within('header', lengthAt(bytes, 0), headerBytes);
    const message = within('message', lengthAt(bytes, 4), messageBytes);
    const data = within('data', lengthAt(bytes, 8), dataBytes);
    if (header === 0) throw new RpcError('frame', 'a frame without a header');
    return markerBytes + header + message + data;
  }
}

/**
 * Buffers of a socket's reads die young, but V8 counts them and looks at the whole heap for every 64 MiB, which was a third of the CPU
 * time of an OSD that is written to. Small ones may lie in a pool of Node's.
 */
function free(chunk: Uint8Array): void {
  const { buffer } = chunk;
  if (buffer instanceof ArrayBuffer && chunk.length >= ownMemoryBytes && chunk.length === buffer.byteLength)
    buffer.transfer(0);
}

function lengthAt(bytes: Uint8Array, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = bytes.subarray(at, at + 4);
  return a * 2 ** 24 + (b << 16) + (c << 8) + d;
}

function within(part: string, length: number, limit: number): number {
  if (length <= limit) return length;
  throw new RpcError('frame', `a ${part} of ${length} bytes is announced, ${limit} are the most`);
}

function cut(bytes: Uint8Array): Frame {
  const message = markerBytes + lengthAt(bytes, 0);
  const data = message + lengthAt(bytes, 4);
  return {
    header: bytes.subarray(markerBytes, message),
    message: bytes.subarray(message, data),
    data: bytes.subarray(data, data + lengthAt(bytes, 8)),
  };
}

/** Marker, header and message in one piece, to be followed by `dataBytes` of data. */
export function frameStart(header: Uint8Array, message: Uint8Array, dataBytes: number): Buffer {
  const start = Buffer.allocUnsafe(markerBytes + header.length + message.length);
  start.writeUInt32BE(header.length, 0);
  start.writeUInt32BE(message.length, 4);
  start.writeUInt32BE(dataBytes, 8);
  start.set(header, markerBytes);
  start.set(message, markerBytes + header.length);
  return start;
}
