import type { Socket } from 'node:net';
import { frameStart } from './frame.ts';

/** Writes frames to a socket. Those of one turn of the event loop leave in one write. */
export class FrameWriter {
  readonly #socket: Socket;
  #isCorked = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** `data` is not copied. @param taken called when the data are needed no more; not when the socket ended before */
  write(header: Uint8Array, message: Uint8Array, data: Uint8Array, taken?: () => void): void {
    const socket = this.#socket;
    if (!this.#isCorked) {
      this.#isCorked = true;
      socket.cork();
      setImmediate(() => {
        this.#isCorked = false;
        socket.uncork();
      });
    }
    socket.write(frameStart(header, message, data.length));
    if (data.length === 0) return;
    if (taken === undefined) socket.write(data);
    else
      socket.write(data, (error) => {
        if (error === undefined || error === null) taken();
      });
  }
}
