import { requestOverheadBytes } from './protocol.ts';

/** Where a request is read to and parsed in place. */
export interface ReceiveBuffer {
  readonly bytes: Buffer;
  readonly words: Uint32Array;
}

/** How many of them wait for use; more are left to the garbage collector. */
const mostSpare = 16;

/** Buffers that hold any request. Only pages that were written to take memory. */
export class ReceiveBuffers {
  readonly #spare: ReceiveBuffer[] = [];
  readonly #size: number;

  constructor(maxWriteBytes: number) {
    this.#size = maxWriteBytes + requestOverheadBytes;
  }

  take(): ReceiveBuffer {
    const spare = this.#spare.pop();
    if (spare !== undefined) return spare;
    const memory = new ArrayBuffer(this.#size);
    return { bytes: Buffer.from(memory), words: new Uint32Array(memory) };
  }

  give(buffer: ReceiveBuffer): void {
    if (this.#spare.length < mostSpare) this.#spare.push(buffer);
  }
}
