/** What holds a frame of which a part has come. */
export interface FrameHolder {
  cut(): void;
}

/**
 * Memory of frames that are not whole, of all connections of a server. Where it is all taken, the frame that was begun first goes,
 * with its connection: those of clients are whole within milliseconds, those of who stops in the middle are not.
 */
export class UnfinishedFrames {
  readonly #mostBytes: number;
  /** In the order in which the frames began. */
  readonly #held = new Map<FrameHolder, number>();
  #bytes = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** @param bytes 0 when the holder waits for a frame. @param isNewFrame the one that was told of before is whole, or gone */
  hold(holder: FrameHolder, bytes: number, isNewFrame: boolean): void {
    const before = this.#held.get(holder) ?? 0;
    if (before === bytes && !isNewFrame) return;
    if (isNewFrame || bytes === 0) this.#held.delete(holder);
    if (bytes > 0) this.#held.set(holder, bytes);
    this.#bytes += bytes - before;
    for (const [oldest, oldestBytes] of this.#held) {
      if (this.#bytes <= this.#mostBytes) break;
      this.#held.delete(oldest);
      this.#bytes -= oldestBytes;
      oldest.cut();
    }
  }
}
