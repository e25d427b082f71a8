/**
 * Errors of writing behind, told once to each open file that was open when they happened (errseq of Linux): whoever calls fsync(2) or
 * close(2) hears of it, not the first of them alone.
 */
export class ErrorSequence {
  #error: unknown;
  #count = 0;

  record(error: unknown): void {
    this.#error = error;
    this.#count += 1;
  }

  /** For a file that is opened now. */
  get position(): number {
    return this.#count;
  }

  /** @returns the latest error after the position, undefined when there was none */
  since(position: number): { readonly error: unknown } | undefined {
    return position === this.#count ? undefined : { error: this.#error };
  }
}
