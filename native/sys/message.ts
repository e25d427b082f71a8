import { addon } from './addon.ts';

/** A message between local daemons: a 4-byte little-endian length, then that many bytes; descriptors ride along. */
export interface Message {
  readonly bytes: Buffer;
  /** Open, close-on-exec, and now the receiver's to close. */
  readonly descriptors: readonly number[];
}

export interface RequestOptions {
  /** For everything from connect to the last byte of the reply; 1 to 600,000, default 5,000. */
  readonly timeoutMs?: number;
  /** A longer reply is refused (EMSGSIZE) before anything of it is stored; 0 to 64 MiB, default 1 MiB. */
  readonly maxReplyBytes?: number;
  /** More descriptors than this are closed and the reply refused (EPROTO); 0 to 1,024, default 16. */
  readonly maxDescriptors?: number;
  /** Sent with the request, at most 253 (SCM_MAX_FD); they stay open here. */
  readonly descriptors?: readonly number[];
}

export interface ReceiveMessageOptions {
  /** For the whole message; 1 to 600,000, default 5,000. */
  readonly timeoutMs?: number;
  /** 0 to 64 MiB, default 1 MiB. */
  readonly maxBytes?: number;
  /** 0 to 1,024, default 16. */
  readonly maxDescriptors?: number;
}

/**
 * One question and its answer: connects to an AF_UNIX stream socket, sends one message, receives one, closes. Runs on a
 * thread of its own (64 at once, more wait within their deadline), so neither the event loop nor libuv's pool waits.
 * The bytes are copied at the call, the descriptors duplicated.
 * @param address a path, or `@name` in the abstract namespace; at most 107 bytes
 * @throws SystemError ETIMEDOUT, ECONNREFUSED, ENOENT, EACCES; ECONNRESET when the reply ends early; EMSGSIZE when it is
 * larger than allowed; EPROTO when it does not end where it said or has too many descriptors. Whatever fails, received
 * descriptors are closed.
 */
export async function request(
  address: string,
  bytes: Uint8Array,
  options: RequestOptions = {},
): Promise<Message> {
  return addon.request(
    address,
    bytes,
    options.descriptors ?? [],
    options.timeoutMs ?? 5_000,
    options.maxReplyBytes ?? 1_048_576,
    options.maxDescriptors ?? 16,
  );
}

/**
 * The server's side of {@link request}: receives one message from a connected stream socket. Node's own reading loses
 * descriptors, so the socket must not read: `createServer({ pauseOnConnect: true })`, then
 * `receiveMessage(socketDescriptor(socket))`, and the reply by `sendWithDescriptor(…, frameMessage(bytes), descriptor)`
 * or `socket.end(frameMessage(bytes))`. The descriptor is duplicated at the call; the socket may close meanwhile.
 * @returns null when the peer closed without sending anything
 * @throws SystemError as {@link request}
 */
export async function receiveMessage(
  descriptor: number,
  options: ReceiveMessageOptions = {},
): Promise<Message | null> {
  return addon.receiveMessage(
    descriptor,
    options.timeoutMs ?? 5_000,
    options.maxBytes ?? 1_048_576,
    options.maxDescriptors ?? 16,
  );
}

/** `bytes` with the 4-byte little-endian length in front. */
export function frameMessage(bytes: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(4 + bytes.length);
  framed.writeUInt32LE(bytes.length, 0);
  framed.set(bytes, 4);
  return framed;
}
