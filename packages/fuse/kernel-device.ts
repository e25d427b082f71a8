import { closeSync } from 'node:fs';
import { readRequest, startWatch, stopWatch, writeReply } from '@xtreemos/native-fuse';
import { errno } from './errno.ts';

/** /dev/fuse, or what a test puts in its place. Results below 0 are errnos. */
export interface KernelDevice {
  read(buffer: Uint8Array): number;
  write(head: Uint8Array, headBytes: number, data: Uint8Array | readonly Uint8Array[] | null): number;
  watch(readable: () => void): void;
  /** Stops watching, too. */
  close(): void;
}

export function kernelDevice(descriptor: number): KernelDevice {
  // The number may be another file's by the time of a late answer.
  let open = true;
  return {
    read: (buffer) => (open ? readRequest(descriptor, buffer) : errno.ENODEV),
    write: (head, headBytes, data) => (open ? writeReply(descriptor, head, headBytes, data) : errno.ENODEV),
    watch: (readable) => startWatch(descriptor, readable),
    close() {
      open = false;
      stopWatch(descriptor);
      closeSync(descriptor);
    },
  };
}
