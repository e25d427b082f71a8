import { addon } from './addon.ts';

/** @returns a descriptor of /dev/fuse, to be named in mount options and closed by the caller. Does not block. */
export function openDevice(): number {
  return addon.openDevice('/dev/fuse');
}

/** @returns the bytes of the request read into `buffer`, or a negative errno: EAGAIN none now, ENODEV unmounted. */
export function readRequest(device: number, buffer: Uint8Array): number {
  return addon.readRequest(device, buffer);
}

/**
 * Writes a reply from where its parts lie.
 *
 * @returns 0 or a negative errno: ENOENT, nobody waits for it any more.
 */
export function writeReply(
  device: number,
  head: Uint8Array,
  headBytes: number,
  data: Uint8Array | readonly Uint8Array[] | null,
): number {
  return addon.writeReply(device, head, headBytes, data);
}

/** Calls back from the event loop whenever the descriptor is readable; once per descriptor. Keeps the process running. */
export function startWatch(descriptor: number, callback: () => void): void {
  addon.startWatch(descriptor, callback);
}

/** The descriptor may be closed when this returns. */
export function stopWatch(descriptor: number): void {
  addon.stopWatch(descriptor);
}

/**
 * mount(2) of a FUSE file system; `flags` are MS_*.
 *
 * @returns the number of its connection in /sys/fs/fuse/connections.
 */
export function mount(
  source: string,
  target: string,
  type: string,
  flags: number,
  options: string,
): Promise<number> {
  return addon.mount(source, target, type, flags, options);
}
