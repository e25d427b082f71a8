import { errno, errnoOf } from './errno.ts';
import { Interruptions } from './interruptions.ts';
import type { KernelDevice } from './kernel-device.ts';
import { Message } from './message.ts';
import type { FuseMountOptions } from './mount-options.ts';
import { encodeInit, mostWriteBytes, negotiate } from './negotiation.ts';
import type { NegotiatedProtocol } from './operations.ts';
import { initFlag, opcode, protocolMajor } from './protocol.ts';
import { type ReceiveBuffer, ReceiveBuffers } from './receive-buffer.ts';
import { ReplyWriter } from './reply-writer.ts';
import { PendingRequest } from './request.ts';
import type { AnyKind } from './request-kind.ts';
import { requestKinds } from './request-kinds.ts';

/** Taken in one turn of the event loop, so that timers and sockets have theirs. */
const mostAtOnce = 64;
const defaultLookupTimeoutMs = 30_000;
/** How long operations that were interrupted by the end of the mount may take before `destroy` is called over them. */
const endMs = 10_000;

/** `unmounted`, or `aborted`: the mount may still stand, and every use of it fails. */
export type SessionEnd = 'unmounted' | 'aborted';

/** Takes requests from /dev/fuse in the event loop and answers them. */
export class RequestLoop {
  readonly #device: KernelDevice;
  readonly #options: FuseMountOptions;
  readonly #served: readonly (AnyKind | undefined)[];
  readonly #message = new Message();
  readonly #writer: ReplyWriter;
  readonly #buffers: ReceiveBuffers;
  readonly #interruptions: Interruptions;
  /** Operations that have not returned; by the kernel's number. */
  readonly #pending = new Map<number, { readonly request: PendingRequest; readonly kind: AnyKind }>();
  readonly #initialized = Promise.withResolvers<NegotiatedProtocol>();
  readonly #ended = Promise.withResolvers<SessionEnd>();
  #idle: (() => void) | undefined;
  #buffer: ReceiveBuffer;
  #open = true;

  constructor(device: KernelDevice, options: FuseMountOptions) {
    this.#device = device;
    this.#writer = new ReplyWriter(device);
    this.#options = options;
    this.#buffers = new ReceiveBuffers(options.maxWriteBytes ?? mostWriteBytes);
    this.#buffer = this.#buffers.take();
    this.#served = requestKinds.map((kind) =>
      kind !== undefined && options.operations[kind.operation] !== undefined ? kind : undefined,
    );
    this.#interruptions = new Interruptions(options.lookupTimeoutMs ?? defaultLookupTimeoutMs, (request) =>
      this.#fail(request, errno.ETIMEDOUT),
    );
    this.#initialized.promise.catch(() => undefined);
  }

  /** Settles with the first exchange, when the mount can be used. */
  get initialized(): Promise<NegotiatedProtocol> {
    return this.#initialized.promise;
  }

  get ended(): Promise<SessionEnd> {
    return this.#ended.promise;
  }

  get pending(): number {
    return this.#pending.size;
  }

  /** The device must be mounted. */
  start(): void {
    this.#device.watch(() => this.#readable());
  }

  #readable(): void {
    for (let count = 0; count < mostAtOnce && this.#open; count++) {
      const length = this.#device.read(this.#buffer.bytes);
      if (length === errno.EAGAIN) return;
      if (length < 0) {
        this.#end(length === errno.ENODEV ? 'unmounted' : 'aborted');
        return;
      }
      if (this.#message.take(this.#buffer, length)) this.#dispatch();
    }
  }

  #dispatch(): void {
    const message = this.#message;
    switch (message.opcode) {
      case opcode.forget:
        if (message.bodyBytes >= 8) this.#forget(message.node, message.u64(0));
        return;
      case opcode.batchForget:
        this.#batchForget();
        return;
      case opcode.interrupt:
        if (message.bodyBytes >= 8) this.#interrupt(message.u64(0));
        return;
      case opcode.notifyReply:
        return;
      case opcode.init:
        this.#init();
        return;
      case opcode.destroy:
        this.#writer.start();
        this.#writer.send(message.unique);
        return;
      case opcode.ioctl:
        this.#writer.sendError(message.unique, errno.ENOTTY);
        return;
      default:
        this.#run();
    }
  }

  #run(): void {
    const message = this.#message;
    const kind = this.#served[message.opcode];
    if (kind === undefined || message.bodyBytes < kind.bodyBytes) {
      this.#writer.sendError(message.unique, kind === undefined ? errno.ENOSYS : errno.EIO);
      return;
    }
    const request = new PendingRequest(message);
    const { node } = message;
    try {
      const result = kind.run(this.#options.operations, request, message);
      if (result instanceof Promise) this.#later(kind, request, node, result);
      else this.#answer(kind, request, node, result);
    } catch (error) {
      this.#fail(request, this.#errno(error, kind));
    }
  }

  #later(kind: AnyKind, request: PendingRequest, node: number, result: Promise<unknown>): void {
    this.#pending.set(request.unique, { request, kind });
    if (kind.timed === true) this.#interruptions.timed(request);
    if (kind.keepsBuffer === true) {
      request.buffer = this.#buffer;
      this.#buffer = this.#buffers.take();
    }
    result.then(
      (reply) => {
        this.#settled(request);
        try {
          this.#answer(kind, request, node, reply);
        } catch (error) {
          this.#fail(request, this.#errno(error, kind));
        } finally {
          kind.done?.(reply as never, this.#options.operations);
        }
      },
      (error: unknown) => {
        this.#settled(request);
        this.#fail(request, this.#errno(error, kind));
      },
    );
  }

  #settled(request: PendingRequest): void {
    this.#pending.delete(request.unique);
    this.#interruptions.answered(request);
    if (request.buffer !== undefined) this.#buffers.give(request.buffer);
    request.buffer = undefined;
    if (this.#pending.size === 0) this.#idle?.();
  }

  #answer(kind: AnyKind, request: PendingRequest, node: number, reply: unknown): void {
    if (typeof reply === 'number' && reply < 0) {
      this.#fail(request, reply);
      return;
    }
    let result: number = errno.ENOENT;
    if (!request.answered && this.#open) {
      const writer = this.#writer;
      writer.start();
      try {
        const refused = kind.encode?.(reply as never, writer, request);
        if (typeof refused === 'number' && refused < 0) {
          this.#fail(request, refused);
          return;
        }
      } catch (error) {
        kind.undo?.(reply as never, this.#options.operations, request, node);
        throw error;
      }
      result = writer.send(request.unique);
      request.answered = result === 0 || result === errno.ENOENT;
    }
    if (result === 0) return;
    // The caller is gone, or was told something else already.
    kind.undo?.(reply as never, this.#options.operations, request, node);
    if (!request.answered && this.#open) {
      this.#fail(request, errno.EIO);
      this.#report(new Error(`the kernel refused a reply (errno ${-result})`), kind.operation);
    }
  }

  #fail(request: PendingRequest, negative: number): void {
    if (request.answered || !this.#open) return;
    request.answered = true;
    const valid = Number.isInteger(negative) && negative > -512 ? negative : errno.EIO;
    this.#writer.sendError(request.unique, valid);
  }

  #errno(error: unknown, kind: AnyKind): number {
    const known = errnoOf(error);
    if (known === undefined) this.#report(error, kind.operation);
    return known ?? errno.EIO;
  }

  #report(error: unknown, operation: string): void {
    this.#options.onError?.(error, operation);
  }

  #forget(node: number, lookups: number): void {
    try {
      this.#options.operations.forget?.(node, lookups);
    } catch (error) {
      this.#report(error, 'forget');
    }
  }

  #batchForget(): void {
    const message = this.#message;
    if (message.bodyBytes < 8) return;
    const count = Math.min(message.u32(0), Math.floor((message.bodyBytes - 8) / 16));
    for (let index = 0; index < count; index++)
      this.#forget(message.u64(8 + index * 16), message.u64(16 + index * 16));
  }

  #interrupt(unique: number): void {
    const found = this.#pending.get(unique);
    if (found !== undefined) this.#interruptions.signalled(found.request, found.kind);
  }

  #init(): void {
    const message = this.#message;
    const { unique } = message;
    const protocol = message.bodyBytes < 8 ? 'refused' : negotiate(message, this.#options);
    if (protocol === 'again') {
      this.#writer.start();
      this.#writer.u32(protocolMajor);
      this.#writer.zeros(15);
      this.#writer.send(unique);
      return;
    }
    if (protocol === 'refused') {
      this.#writer.sendError(unique, errno.EPROTO);
      this.#initialized.reject(new Error('the kernel speaks another FUSE protocol: Linux 5.4 is needed'));
      return;
    }
    message.setxattrExtended = (protocol.taken & initFlag.setxattrExtended) !== 0n;
    message.maxWriteBytes = protocol.maxWriteBytes;
    const ready = (): void => {
      encodeInit(protocol, this.#options, this.#writer);
      this.#writer.send(unique);
      this.#initialized.resolve(protocol);
    };
    const refuse = (error: unknown): void => {
      this.#writer.sendError(unique, errno.EIO);
      this.#initialized.reject(error instanceof Error ? error : new Error(String(error)));
    };
    Promise.resolve(protocol)
      .then((agreed) => this.#options.operations.init?.(agreed))
      .then(ready, refuse);
  }

  #end(how: SessionEnd): void {
    if (!this.#open) return;
    this.#open = false;
    this.#device.close();
    this.#initialized.reject(new Error('the mount went away before it was ready'));
    void this.#finish(how);
  }

  async #finish(how: SessionEnd): Promise<void> {
    for (const { request } of this.#pending.values()) request.interrupt();
    if (this.#pending.size > 0) {
      let timer: NodeJS.Timeout | undefined;
      await Promise.race([
        new Promise<void>((resolve) => {
          this.#idle = resolve;
        }),
        new Promise<void>((resolve) => {
          timer = setTimeout(resolve, endMs);
        }),
      ]);
      clearTimeout(timer);
    }
    this.#interruptions.stop();
    try {
      await this.#options.operations.destroy?.();
    } catch (error) {
      this.#report(error, 'destroy');
    }
    this.#ended.resolve(how);
  }
}
