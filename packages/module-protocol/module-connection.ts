import type { Socket } from 'node:net';
import { FrameReader } from './frame-reader.ts';
import { type DaemonMessage, encodeMessage, type Message, type ModuleMessage } from './generated/codec.ts';
import { ProtocolError } from './protocol-error.ts';

/** How often `working` is sent while a request is worked on, and what it promises (a stopped daemon is noticed by that). */
const heartbeatEveryMs = 250;
const heartbeatPromiseMs = 1000;
/** Messages read ahead before the socket is paused; a module never has more than two under way. */
const readAhead = 8;

/**
 * The daemon's side of one module connection: requests come out of `next`, answers go in by `send`. From a request until its
 * answer `working` heartbeats keep the module waiting (PAM connections only; NSS has 1 s in all).
 */
export class ModuleConnection {
  readonly #socket: Socket;
  readonly #reader = new FrameReader();
  readonly #queue: ModuleMessage[] = [];
  #waiting:
    | { resolve: (message: ModuleMessage | undefined) => void; reject: (error: Error) => void }
    | undefined;
  #ended = false;
  #error: Error | undefined;
  #heartbeat: NodeJS.Timeout | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('end', () => this.#end());
    socket.on('close', () => this.#end());
    socket.on('error', () => this.#end());
  }

  /**
   * The next request, undefined when the module hung up. Rejects with ProtocolError when it broke the protocol (the connection
   * is destroyed by then). One caller at a time.
   */
  next(): Promise<ModuleMessage | undefined> {
    const queued = this.#queue.shift();
    if (queued !== undefined) {
      if (this.#socket.isPaused()) this.#socket.resume();
      return Promise.resolve(queued);
    }
    if (this.#error !== undefined) return Promise.reject(this.#error);
    if (this.#ended) return Promise.resolve(undefined);
    if (this.#waiting !== undefined) throw new Error('ModuleConnection.next is already being waited for');
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  /** Sends an answer. To a module that hung up it is dropped. Throws ProtocolError when a field is out of its range. */
  send(message: DaemonMessage): void {
    const frame = encodeMessage(message);
    this.#stopHeartbeat();
    if (this.#socket.writable) this.#socket.write(frame);
  }

  /**
   * Starts heartbeats until the next `send` or the module hangs up; call it as soon as a PAM request arrived. The first goes
   * out at once, because the module waits 1 s for the first sign of life.
   */
  working(): void {
    this.#stopHeartbeat();
    const beat = (): void => {
      if (this.#socket.writable) {
        this.#socket.write(encodeMessage({ type: 'working', milliseconds: heartbeatPromiseMs }));
      }
    };
    beat();
    this.#heartbeat = setInterval(beat, heartbeatEveryMs);
    this.#heartbeat.unref();
  }

  /** Ends the connection after what was sent has gone out. */
  close(): void {
    this.#stopHeartbeat();
    this.#socket.end();
  }

  /** Ends the connection at once. */
  destroy(): void {
    this.#stopHeartbeat();
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    let messages: Message[];
    try {
      messages = this.#reader.push(chunk);
    } catch (error) {
      this.#fail(error instanceof Error ? error : new ProtocolError(String(error)));
      return;
    }
    for (const message of messages) {
      if (!isModuleMessage(message)) {
        this.#fail(new ProtocolError(`a module may not send ${message.type}`));
        return;
      }
      if (this.#waiting === undefined) {
        this.#queue.push(message);
      } else {
        this.#waiting.resolve(message);
        this.#waiting = undefined;
      }
    }
    if (this.#queue.length >= readAhead) this.#socket.pause();
  }

  #fail(error: Error): void {
    this.#error = error;
    this.#waiting?.reject(error);
    this.#waiting = undefined;
    this.destroy();
  }

  #end(): void {
    this.#ended = true;
    this.#stopHeartbeat();
    this.#waiting?.resolve(undefined);
    this.#waiting = undefined;
  }

  #stopHeartbeat(): void {
    clearInterval(this.#heartbeat);
    this.#heartbeat = undefined;
  }
}

const moduleMessages: ReadonlySet<Message['type']> = new Set<ModuleMessage['type']>([
  'getPasswdByName',
  'getPasswdByUid',
  'getGroupByName',
  'getGroupByGid',
  'getGroupsOfUser',
  'authenticate',
  'response',
  'account',
  'openSession',
  'sessionKey',
  'closeSession',
  'principals',
]);

function isModuleMessage(message: Message): message is ModuleMessage {
  return moduleMessages.has(message.type);
}
