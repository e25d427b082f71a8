import type { OnReadOpts, Socket } from 'node:net';
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import type { AnyCall, Call } from './call.ts';
import { type Frame, type FrameLimits, FrameReader, responseLimits, type TakeMemory } from './frame.ts';
import { FrameWriter } from './frame-writer.ts';
import { type CallUser, errorOf, nobody, readHeader, requestHeader, successIdOf } from './header.ts';
import { RpcError } from './rpc-error.ts';

export interface ConnectionOptions {
  /** Calls under way at once; more wait. Default 1024. */
  readonly callsAtOnce?: number;
  /** For calls that give none, in milliseconds. Default 30,000. */
  readonly timeoutMs?: number;
  readonly limits?: FrameLimits;
  /** Of the socket, when it was made with one. */
  readonly receiver?: Receiver;
  /** Memory of answers' data sections, from 16 KiB on; whoever gets the answer may put it to another use afterwards. */
  readonly takeMemory?: TakeMemory;
}

/** Bytes of a socket come here at once, small ones for the last time when the callback returns. */
const sharedBytes = 256 * 1024;

/**
 * Receives for a connection into memory that is used again, and large data where they stay. A buffer for each read, which sockets
 * make otherwise, has the garbage collector look at the whole heap for every thousand of them.
 */
export class Receiver {
  readonly #shared = Buffer.allocUnsafeSlow(sharedBytes);
  #room: () => Uint8Array | undefined = () => undefined;
  #received: (bytes: Uint8Array, isRoom: boolean) => void = () => undefined;

  /** For `connect` of node:net or node:tls. */
  readonly onread: OnReadOpts = {
    buffer: () => this.#room() ?? this.#shared,
    callback: (count, buffer) => {
      this.#received(buffer.subarray(0, count), buffer.buffer !== this.#shared.buffer);
      return true;
    },
  };

  start(room: () => Uint8Array | undefined, received: (bytes: Uint8Array, isRoom: boolean) => void): void {
    this.#room = room;
    this.#received = received;
  }
}

export interface CallOptions {
  readonly user?: CallUser;
  /** The data section; it is not copied, and must not change until the call ended. */
  readonly data?: Uint8Array;
  readonly signal?: AbortSignal;
  /** From now to the answer, in milliseconds. */
  readonly timeoutMs?: number;
}

export interface Answer<Response extends DescMessage> {
  readonly response: MessageShape<Response>;
  /** A view of received memory. */
  readonly data: Uint8Array;
}

interface PendingCall {
  readonly call: AnyCall;
  readonly deadlineMs: number;
  readonly resolve: (frame: Frame) => void;
  readonly reject: (error: RpcError) => void;
}

/** How often deadlines are looked at: a timer for each call would cost more than the call. */
const sweepMs = 100;
const noData = new Uint8Array(0);

/**
 * Calls over one connected socket: any number under way, answers in any order. It ends when the socket does, or when the peer
 * sends what is no answer; all calls under way fail then, and whether they were carried out is not known.
 */
export class RpcConnection {
  readonly #socket: Socket;
  readonly #reader: FrameReader;
  readonly #writer: FrameWriter;
  readonly #callsAtOnce: number;
  readonly #timeoutMs: number;
  readonly #pending = new Map<number, PendingCall>();
  readonly #waiting: (() => void)[] = [];
  #nextId = 1;
  #end: RpcError | undefined;
  #sweep: NodeJS.Timeout | undefined;

  constructor(socket: Socket, options: ConnectionOptions = {}) {
    this.#socket = socket;
    const { receiver, takeMemory } = options;
    this.#reader = new FrameReader(options.limits ?? responseLimits, {
      reusesChunks: receiver !== undefined,
      ...(takeMemory === undefined ? {} : { takeMemory }),
    });
    this.#writer = new FrameWriter(socket);
    this.#callsAtOnce = options.callsAtOnce ?? 1024;
    this.#timeoutMs = options.timeoutMs ?? 30_000;
    socket.setNoDelay(true);
    if (receiver === undefined) socket.on('data', (chunk: Buffer) => this.#take(chunk, false));
    else
      receiver.start(
        () => this.#reader.room,
        (bytes, isRoom) => this.#take(bytes, isRoom),
      );
    socket.on('error', (cause) => this.#finish(new RpcError('unreachable', cause.message, { cause })));
    socket.on('close', () => this.#finish(new RpcError('unreachable', 'the peer closed the connection')));
  }

  /** Why no call can be made any more. */
  get ended(): RpcError | undefined {
    return this.#end;
  }

  /** Calls under way. */
  get underWay(): number {
    return this.#pending.size;
  }

  /** @throws RpcError; after `timeout` and `cancelled` the peer may still carry the call out. */
  async call<Request extends DescMessage, Response extends DescMessage>(
    call: Call<Request, Response>,
    request: MessageInitShape<Request>,
    options: CallOptions = {},
  ): Promise<Answer<Response>> {
    const { user = nobody, data = noData, signal } = options;
    const deadlineMs = performance.now() + (options.timeoutMs ?? this.#timeoutMs);
    const message = call.encode?.(request) ?? toBinary(call.request, create(call.request, request));
    while (this.#pending.size >= this.#callsAtOnce && this.#end === undefined) await this.#room(signal);
    if (this.#end !== undefined) throw this.#end;
    signal?.throwIfAborted();
    const callId = this.#takeId();
    const { promise, resolve, reject } = Promise.withResolvers<Frame>();
    this.#pending.set(callId, { call, deadlineMs, resolve, reject });
    this.#sweep ??= setInterval(() => this.#endOverdue(), sweepMs).unref();
    const { interfaceId, procId } = call;
    this.#writer.write(requestHeader({ callId, interfaceId, procId, user }), message, data);
    const abort = () => {
      this.#pending.delete(callId);
      reject(new RpcError('cancelled', `${call.name} was cancelled`, { cause: signal?.reason }));
    };
    signal?.addEventListener('abort', abort, { once: true });
    try {
      const frame = await promise;
      return { response: readResponse(call, frame.message), data: frame.data };
    } finally {
      signal?.removeEventListener('abort', abort);
      this.#waiting.shift()?.();
    }
  }

  /** Ends the connection and whatever is under way on it. */
  close(): void {
    this.#finish(new RpcError('unreachable', 'the connection was closed here'));
  }

  #take(bytes: Uint8Array, isRoom: boolean): void {
    if (this.#end !== undefined) return;
    try {
      if (isRoom) {
        const frame = this.#reader.received(bytes.length);
        if (frame !== undefined) this.#answer(frame);
      } else for (const frame of this.#reader.push(bytes)) this.#answer(frame);
    } catch (error) {
      this.#finish(
        error instanceof RpcError ? error : new RpcError('frame', String(error), { cause: error }),
      );
    }
  }

  #answer(frame: Frame): void {
    const successId = successIdOf(frame.header);
    const header = successId === undefined ? readHeader(frame.header) : undefined;
    const error = header && errorOf(header);
    if (error?.kind === 'frame') throw error;
    const callId = successId ?? header?.callId ?? 0;
    const pending = this.#pending.get(callId);
    // Answered after its deadline, or cancelled.
    if (pending === undefined) return;
    this.#pending.delete(callId);
    if (error === undefined) pending.resolve(frame);
    else pending.reject(error);
  }

  #endOverdue(): void {
    const nowMs = performance.now();
    for (const [callId, { call, deadlineMs, reject }] of this.#pending) {
      if (deadlineMs > nowMs) continue;
      this.#pending.delete(callId);
      reject(new RpcError('timeout', `${call.name} was not answered in time`));
    }
    if (this.#pending.size > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }

  #finish(error: RpcError): void {
    if (this.#end !== undefined) return;
    this.#end = error;
    clearInterval(this.#sweep);
    this.#socket.destroy();
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of pending) reject(error);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async #room(signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    signal?.addEventListener('abort', () => resolve(), { once: true });
    await promise;
    signal?.throwIfAborted();
  }

  #takeId(): number {
    while (this.#pending.has(this.#nextId)) this.#nextId = (this.#nextId + 1) >>> 0;
    const id = this.#nextId;
    this.#nextId = (id + 1) >>> 0;
    return id;
  }
}

function readResponse<Response extends DescMessage>(
  call: Call<DescMessage, Response>,
  message: Uint8Array,
): MessageShape<Response> {
  try {
    return fromBinary(call.response, message);
  } catch (cause) {
    throw new RpcError('frame', `the response to ${call.name} cannot be read`, { cause });
  }
}
