import type { Socket } from 'node:net';
import {
  create,
  type DescMessage,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { type Logger, reasonOf } from '@xtreemos/base';
import type { AnyCall, Call } from './call.ts';
import { decodeRequest } from './credential-bytes.ts';
import { type Frame, type FrameLimits, FrameReader, requestLimits, type TakeMemory } from './frame.ts';
import { FrameWriter } from './frame-writer.ts';
import { ErrorType } from './generated/rpc_pb.js';
import { type CallUser, errorHeader, type RequestHead, readRequestHead, successHeader } from './header.ts';
import { PacedNotice } from './paced-notice.ts';
import { RpcError, typeOf } from './rpc-error.ts';
import { events } from './rpc-events.ts';
import { UnfinishedFrames } from './unfinished-frames.ts';

/** Who asks, and on which connection. */
export interface CallContext<Peer> {
  /** What `admit` said of the connection. */
  readonly peer: Peer;
  /** The user, as far as `userOf` believes the caller. */
  readonly user: CallUser;
  /** A view of received memory. */
  readonly data: Uint8Array;
  /** Aborts when the connection ends: nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** Number of the connection: later ones have higher numbers. */
  readonly connection: number;
}

export interface Reply<Response extends DescMessage> {
  readonly response: MessageInitShape<Response>;
  /** The data section; not copied, and not to be changed afterwards. */
  readonly data?: Uint8Array;
  /** Told when the data may be changed all the same. Not told of an answer that nobody took. */
  readonly taken?: () => void;
}

export type Handler<Request extends DescMessage, Response extends DescMessage, Peer> = (
  request: MessageShape<Request>,
  context: CallContext<Peer>,
) => Promise<Reply<Response>> | Reply<Response>;

export interface RpcServerOptions<Peer> {
  readonly logger: Logger;
  /** Who is at the other end. @throws when the connection is refused; nothing is read from it before */
  readonly admit: (socket: Socket) => Peer | Promise<Peer>;
  /** Whom a call is made for. @throws RpcError 'user' when the peer may not speak for that user */
  readonly userOf: (peer: Peer, claimed: CallUser, call: AnyCall) => CallUser;
  /** Told of every call that ended; `outcome` is `done` or the kind of the error. */
  readonly onCall?: (call: AnyCall, outcome: string, milliseconds: number) => void;
  readonly limits?: FrameLimits;
  /** Memory of requests' data sections, from 16 KiB on; handlers may put it to another use afterwards. */
  readonly takeMemory?: TakeMemory;
  /** Calls of one connection under way at once; beyond them nothing is read from it. Default 256. */
  readonly callsPerConnection?: number;
  /**
   * How long a frame may take from its first byte to its last, and a new connection until its first frame is whole, in
   * milliseconds. Default 60,000.
   */
  readonly frameTimeoutMs?: number;
  /** Memory of frames that are not whole, of all connections. Default 256 MiB. */
  readonly unfinishedBytes?: number;
  /** How long a connection may be idle, in milliseconds. Default 900,000. */
  readonly idleTimeoutMs?: number;
}

interface Served<Peer> {
  readonly call: AnyCall;
  readonly handle: Handler<DescMessage, DescMessage, Peer>;
}

/** Unsent answers beyond which nothing more is read from a connection whose peer does not take them. */
const unsentLimitBytes = 32 * 2 ** 20;

/** For peers of a draining server to close their side, once they were sent everything. */
const lingerMs = 250;

/** Serves calls on connections that it is given. One connection's failure is no other's. */
export class RpcServer<Peer> {
  readonly #options: RpcServerOptions<Peer>;
  readonly #served = new Map<number, Map<number, Served<Peer>>>();
  readonly #connections = new Set<Connection<Peer>>();
  readonly #unfinished: UnfinishedFrames;
  readonly #refused: PacedNotice;
  #taken = 0;

  constructor(options: RpcServerOptions<Peer>) {
    this.#options = options;
    this.#unfinished = new UnfinishedFrames(options.unfinishedBytes ?? 256 * 2 ** 20);
    this.#refused = new PacedNotice(options.logger, events.connectionRefused);
  }

  /** From now on the handler answers the call. */
  serve<Request extends DescMessage, Response extends DescMessage>(
    call: Call<Request, Response>,
    handle: Handler<Request, Response, Peer>,
  ): void {
    const byProc = this.#served.get(call.interfaceId) ?? new Map<number, Served<Peer>>();
    this.#served.set(call.interfaceId, byProc);
    if (byProc.has(call.procId)) throw new Error(`${call.name} is served already`);
    byProc.set(call.procId, { call, handle: handle as unknown as Handler<DescMessage, DescMessage, Peer> });
  }

  /** Open connections. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Admits a connected socket and answers its calls until it ends. @param proven told at its first frame */
  async take(socket: Socket, proven?: () => void): Promise<void> {
    const { admit } = this.#options;
    // Until there is a listener, an error of the socket would end the process.
    socket.on('error', () => socket.destroy());
    let peer: Peer;
    try {
      peer = await admit(socket);
    } catch (error) {
      this.#refused.say(`Connection from ${socket.remoteAddress} refused: ${reasonOf(error)}`);
      socket.destroy();
      return;
    }
    if (socket.destroyed) return;
    const connection = new Connection(socket, peer, {
      options: this.#options,
      find: (head) => this.#served.get(head.interfaceId)?.get(head.procId),
      unfinished: this.#unfinished,
      refused: this.#refused,
      number: ++this.#taken,
      proven,
    });
    this.#connections.add(connection);
    socket.once('close', () => this.#connections.delete(connection));
  }

  /** Resolves when all calls are answered and the connections ended; whatever is left then is cut off at the deadline. */
  async drain(deadline: AbortSignal): Promise<void> {
    const all = [...this.#connections];
    const cut = () => {
      for (const connection of all) connection.cut();
    };
    deadline.addEventListener('abort', cut, { once: true });
    if (deadline.aborted) cut();
    await Promise.all(all.map((connection) => connection.drain()));
    deadline.removeEventListener('abort', cut);
  }
}

/** What a connection knows of its server. */
interface Shared<Peer> {
  readonly options: RpcServerOptions<Peer>;
  /** The connection's own. */
  readonly number: number;
  readonly find: (head: RequestHead) => Served<Peer> | undefined;
  readonly unfinished: UnfinishedFrames;
  readonly refused: PacedNotice;
  readonly proven: (() => void) | undefined;
}

class Connection<Peer> {
  readonly #socket: Socket;
  readonly #peer: Peer;
  readonly #options: RpcServerOptions<Peer>;
  readonly #shared: Shared<Peer>;
  readonly #reader: FrameReader;
  readonly #writer: FrameWriter;
  readonly #gone = new AbortController();
  readonly #closed: Promise<void>;
  #underWay = 0;
  #isDraining = false;
  #hasSpoken = false;
  #frameTimer: NodeJS.Timeout | undefined;

  constructor(socket: Socket, peer: Peer, shared: Shared<Peer>) {
    const { options } = shared;
    this.#socket = socket;
    this.#peer = peer;
    this.#options = options;
    this.#shared = shared;
    const { takeMemory } = options;
    this.#reader = new FrameReader(options.limits ?? requestLimits, {
      freesChunks: true,
      ...(takeMemory === undefined ? {} : { takeMemory }),
    });
    this.#writer = new FrameWriter(socket);
    this.#closed = new Promise((resolve) => {
      socket.once('close', () => {
        clearTimeout(this.#frameTimer);
        shared.unfinished.hold(this, 0, false);
        this.#gone.abort();
        resolve();
      });
    });
    socket.setNoDelay(true);
    socket.setTimeout(options.idleTimeoutMs ?? 900_000, () => {
      if (this.#underWay === 0) socket.destroy();
    });
    socket.on('drain', () => this.#readOrWait());
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    this.#watchFrame();
  }

  cut(): void {
    this.#socket.destroy();
  }

  async drain(): Promise<void> {
    this.#isDraining = true;
    if (this.#underWay === 0) this.#end();
    await this.#closed;
  }

  /** What comes now is read and passed over: a close with something unread would take the last answers away from the peer. */
  #end(): void {
    this.#socket.end(() => {
      const timer = setTimeout(() => this.#socket.destroy(), lingerMs);
      this.#socket.once('close', () => clearTimeout(timer));
    });
    this.#socket.resume();
  }

  #take(chunk: Buffer): void {
    if (this.#isDraining) return;
    try {
      const frames = this.#reader.push(chunk);
      for (const frame of frames) this.#begin(frame);
      if (frames.length > 0) this.#endFrame();
      if (!this.#hasSpoken || this.#reader.isInside) this.#watchFrame();
      this.#shared.unfinished.hold(this, this.#reader.heldBytes, frames.length > 0);
    } catch (error) {
      this.#shared.refused.say(`Connection from ${this.#socket.remoteAddress} ended: ${reasonOf(error)}`);
      this.#socket.destroy();
    }
    this.#readOrWait();
  }

  #endFrame(): void {
    if (!this.#hasSpoken) this.#shared.proven?.();
    this.#hasSpoken = true;
    clearTimeout(this.#frameTimer);
    this.#frameTimer = undefined;
  }

  /** A peer that sends a byte now and then, or nothing, would hold its memory and its place for ever. */
  #watchFrame(): void {
    this.#frameTimer ??= setTimeout(
      () => this.#socket.destroy(),
      this.#options.frameTimeoutMs ?? 60_000,
    ).unref();
  }

  #readOrWait(): void {
    const isFull =
      this.#underWay >= (this.#options.callsPerConnection ?? 256) ||
      this.#socket.writableLength > unsentLimitBytes;
    if (isFull && !this.#isDraining) this.#socket.pause();
    else if (this.#socket.isPaused()) this.#socket.resume();
  }

  #begin(frame: Frame): void {
    const head = readRequestHead(frame.header);
    this.#underWay++;
    void this.#answer(head, frame).finally(() => {
      this.#underWay--;
      if (this.#isDraining && this.#underWay === 0) this.#end();
      this.#readOrWait();
    });
  }

  /** Never rejects. */
  async #answer(head: RequestHead, frame: Frame): Promise<void> {
    const { onCall } = this.#options;
    const start = performance.now();
    const served = this.#shared.find(head);
    if (served === undefined) {
      const message = `no call ${head.procId} of interface ${head.interfaceId} here`;
      this.#write(errorHeader(head.callId, { type: ErrorType.INVALID_PROC_ID, message }), noBytes, noBytes);
      return;
    }
    const { call } = served;
    try {
      const { response, data = noBytes, taken } = await this.#handle(served, head, frame);
      const message = toBinary(call.response, create(call.response, response));
      this.#write(successHeader(head.callId), message, data, taken);
      onCall?.(call, 'done', performance.now() - start);
    } catch (error) {
      const refusal = this.#refusalOf(error, call);
      const errno = refusal.kind === 'errno' ? { errno: refusal.errno } : {};
      const header = errorHeader(head.callId, {
        type: typeOf(refusal.kind),
        message: refusal.message,
        ...errno,
      });
      this.#write(header, noBytes, noBytes);
      onCall?.(call, refusal.kind, performance.now() - start);
    }
  }

  async #handle(
    { call, handle }: Served<Peer>,
    head: RequestHead,
    { message, data }: Frame,
  ): Promise<Reply<DescMessage>> {
    const user = this.#options.userOf(this.#peer, head.user, call);
    if (data.length > 0 && !call.takesData) throw new RpcError('arguments', `${call.name} takes no data`);
    return await handle(readRequest(call, message), {
      peer: this.#peer,
      user,
      data,
      signal: this.#gone.signal,
      connection: this.#shared.number,
    });
  }

  /** What the peer is told. The reason of what nobody foresaw stays here: it may name what is none of the peer's business. */
  #refusalOf(error: unknown, call: AnyCall): RpcError {
    if (error instanceof RpcError) return error;
    this.#options.logger.error(events.callFailed, `${call.name} failed: ${reasonOf(error)}`, {
      error: error instanceof Error ? error : null,
    });
    return new RpcError('internal', `${call.name} failed; the journal of the server says why`);
  }

  #write(header: Uint8Array, message: Uint8Array, data: Uint8Array, taken?: () => void): void {
    if (!this.#socket.destroyed) this.#writer.write(header, message, data, taken);
  }
}

const noBytes = new Uint8Array(0);

function readRequest(call: AnyCall, message: Uint8Array): MessageShape<DescMessage> {
  try {
    return decodeRequest(call.request, message);
  } catch (cause) {
    throw new RpcError('arguments', `the message of ${call.name} cannot be read`, { cause });
  }
}
