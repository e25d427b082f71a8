import type { Socket } from 'node:net';
import { addon } from './addon.ts';

/** Who is at the other end of a local socket, at the time it connected. */
export interface PeerCredentials {
  /** 0 when the peer is in a PID namespace that is not visible from here. */
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/**
 * Credentials of the peer of a connected AF_UNIX socket (SO_PEERCRED, unix(7)).
 * @throws SystemError EBADF, ENOTSOCK
 */
export function peerCredentials(descriptor: number): PeerCredentials {
  return addon.peerCredentials(descriptor);
}

/**
 * The descriptor under a Node socket. It belongs to the socket: use it at once, never close it, and never after the
 * socket has closed (the number may by then be another file's).
 * @throws Error when the socket is closed or was never connected
 */
export function socketDescriptor(socket: Socket): number {
  const handle = (socket as unknown as { readonly _handle?: { readonly fd?: unknown } | null } | null)
    ?._handle;
  const descriptor = handle?.fd;
  if (typeof descriptor !== 'number' || descriptor < 0)
    throw new Error('the socket has no descriptor: it is closed or was never connected');
  return descriptor;
}

/**
 * Sends `bytes` on a connected AF_UNIX stream socket, a descriptor with the first byte. Bytes that the socket itself has
 * still queued in JavaScript would come later: send only while `socket.writableLength` is 0.
 * Blocks the calling thread while the peer does not read, at most `timeoutMs`: keep it for small replies.
 * @param passedDescriptor stays open here; undefined sends bytes alone
 * @param timeoutMs 0 to 10,000, default 100
 * @throws SystemError EAGAIN when time ran out, perhaps with a part sent: close the connection; EPIPE, EBADF
 * @throws RangeError on no bytes: a descriptor needs at least one to travel with
 */
export function sendWithDescriptor(
  descriptor: number,
  bytes: Uint8Array,
  passedDescriptor?: number,
  timeoutMs = 100,
): void {
  addon.sendWithDescriptor(descriptor, bytes, passedDescriptor ?? -1, timeoutMs);
}
