/** Memory for data that programs wrote and OSDs have not yet. */

/** Bytes of dirty data of a whole mount, with a limit: who wants more waits until some is written. */
export class WriteBudget {
  readonly #limitBytes: number;
  #usedBytes = 0;
  readonly #waiting: { readonly bytes: number; readonly resolve: () => void }[] = [];
  /** Told when somebody waits: what is dirty should be written now. */
  readonly #onPressure = new Set<() => void>();

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get limitBytes(): number {
    return this.#limitBytes;
  }

  onPressure(listener: () => void): () => void {
    this.#onPressure.add(listener);
    return () => this.#onPressure.delete(listener);
  }

  /** One that is larger than the limit is let through alone. @throws the signal's reason */
  async take(bytes: number, signal?: AbortSignal): Promise<void> {
    if (this.#waiting.length === 0 && this.#hasRoom(bytes)) {
      this.#usedBytes += bytes;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const entry = { bytes, resolve };
    this.#waiting.push(entry);
    const abort = () => {
      const index = this.#waiting.indexOf(entry);
      if (index < 0) return;
      this.#waiting.splice(index, 1);
      reject(signal?.reason);
      this.#admit();
    };
    signal?.addEventListener('abort', abort, { once: true });
    if (signal?.aborted === true) abort();
    for (const tell of this.#onPressure) tell();
    try {
      await promise;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  give(bytes: number): void {
    this.#usedBytes -= bytes;
    this.#admit();
  }

  #hasRoom(bytes: number): boolean {
    return this.#usedBytes === 0 || this.#usedBytes + bytes <= this.#limitBytes;
  }

  #admit(): void {
    for (
      let next = this.#waiting[0];
      next !== undefined && this.#hasRoom(next.bytes);
      next = this.#waiting[0]
    ) {
      this.#waiting.shift();
      this.#usedBytes += next.bytes;
      next.resolve();
    }
    if (this.#waiting.length > 0) for (const tell of this.#onPressure) tell();
  }
}
