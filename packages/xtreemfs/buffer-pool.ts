/** Buffers of a few sizes, mostly that of an object, used again: fresh memory costs page faults, and its end a look at the whole heap. */
export class BufferPool {
  readonly #mostBytes: number;
  readonly #free = new Map<number, Buffer[]>();
  /** Taken and not given back. */
  readonly #taken = new WeakSet<Uint8Array>();
  #freeBytes = 0;

  /** @param mostBytes kept for use; more are left to the garbage collector */
  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** @returns a buffer of exactly that size, whatever is in it */
  take(bytes: number): Buffer {
    const known = this.#free.get(bytes)?.pop();
    if (known !== undefined) this.#freeBytes -= bytes;
    const buffer = known ?? Buffer.allocUnsafeSlow(bytes);
    this.#taken.add(buffer);
    return buffer;
  }

  /** Nobody uses it any more. Whatever was not taken here, or is a part of what was, is passed over. */
  give(given: Uint8Array): void {
    if (!this.#taken.delete(given)) return;
    const buffer = given as Buffer;
    if (this.#freeBytes + buffer.length > this.#mostBytes) this.#forgetOthers(buffer.length);
    if (this.#freeBytes + buffer.length > this.#mostBytes) return;
    const free = this.#free.get(buffer.length);
    if (free === undefined) this.#free.set(buffer.length, [buffer]);
    else free.push(buffer);
    this.#freeBytes += buffer.length;
  }

  /** Sizes that nobody asks for any more make room. */
  #forgetOthers(bytes: number): void {
    for (const [size, buffers] of this.#free) {
      if (size === bytes) continue;
      this.#free.delete(size);
      this.#freeBytes -= size * buffers.length;
    }
  }
}
