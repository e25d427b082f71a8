import { addon } from './addon.ts';
import type { PeerCredentials } from './peer-socket.ts';

export interface SendDatagramOptions {
  /** Sent along (sd_notify's FDSTORE=1), at most 253; they stay open here. */
  readonly descriptors?: readonly number[];
  /**
   * What does not fit a datagram goes as a sealed memfd with an empty datagram, which journald understands
   * (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/). Default false: EMSGSIZE.
   */
  readonly memfdWhenTooLarge?: boolean;
  /** How long the calling thread may block on a receiver whose queue is full; 0 to 10,000, default 0. */
  readonly timeoutMs?: number;
}

export interface Datagram {
  readonly bytes: Buffer;
  /** Open, close-on-exec, and now the receiver's to close. */
  readonly descriptors: readonly number[];
  /** From the kernel (SCM_CREDENTIALS), not from the sender's word. */
  readonly sender: PeerCredentials;
}

export interface ReceiveDatagramOptions {
  /** 1 to 600,000, default 5,000. */
  readonly timeoutMs?: number;
  /** A larger datagram is refused (EMSGSIZE) and lost; 0 to 64 MiB, default 256 KiB. */
  readonly maxBytes?: number;
}

/**
 * Sends one AF_UNIX datagram from an unbound socket: sd_notify, journald.
 * @param address a path, or `@name` in the abstract namespace (as in NOTIFY_SOCKET)
 * @throws SystemError ENOENT, ECONNREFUSED (nobody listens), EAGAIN (the receiver's queue is full), EMSGSIZE
 */
export function sendDatagram(address: string, bytes: Uint8Array, options: SendDatagramOptions = {}): void {
  addon.sendDatagram(
    address,
    bytes,
    options.descriptors ?? [],
    options.memfdWhenTooLarge ?? false,
    options.timeoutMs ?? 0,
  );
}

/**
 * A datagram socket bound to `address`, for {@link receiveDatagram}. Close it with `fs.closeSync`, and unlink a path.
 * @throws SystemError EADDRINUSE when the path exists
 */
export function bindDatagram(address: string): number {
  return addon.bindDatagram(address);
}

/**
 * Waits for the next datagram.
 * @throws SystemError ETIMEDOUT; EMSGSIZE
 */
export async function receiveDatagram(
  descriptor: number,
  options: ReceiveDatagramOptions = {},
): Promise<Datagram> {
  return addon.receiveDatagram(descriptor, options.timeoutMs ?? 5_000, options.maxBytes ?? 262_144);
}
