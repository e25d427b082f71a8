/** A regular file, by its volume's number. */
export interface FoundFile {
  readonly volume: number;
  readonly node: number;
}

const many = '*';

/**
 * Files that clients looked up a moment ago. Who has found a name opens the file next: another client's removal is not to come
 * between the two (the kernel asks once more after ESTALE, not again and again), so what is removed then stays for a moment
 * without a name, as if it were open.
 */
export class LatelyFound {
  /** `volume:node` to the client, or `many`. */
  #now = new Map<string, string>();
  #before = new Map<string, string>();
  #kept: FoundFile[] = [];
  #keptBefore: readonly FoundFile[] = [];

  note({ volume, node }: FoundFile, clientId: string): void {
    const key = `${volume}:${node}`;
    const known = this.#now.get(key);
    if (known === undefined) this.#now.set(key, clientId);
    else if (known !== clientId) this.#now.set(key, many);
  }

  /** Whether a client other than this one may be about to open it; if so it has to be looked at again after `turn`. */
  keepsFrom(file: FoundFile, clientId: string): boolean {
    const key = `${file.volume}:${file.node}`;
    const isOthers = (found: string | undefined): boolean => found !== undefined && found !== clientId;
    if (!isOthers(this.#now.get(key)) && !isOthers(this.#before.get(key))) return false;
    this.#kept.push(file);
    return true;
  }

  /** Each second: a file counts as found for one to two. @returns files whose time is over, to be removed unless they are open */
  turn(): readonly FoundFile[] {
    this.#before = this.#now;
    this.#now = new Map();
    const over = this.#keptBefore;
    this.#keptBefore = this.#kept;
    this.#kept = [];
    return over;
  }
}
