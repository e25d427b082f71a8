/**
 * Appending to one file that several mounts may append to: each knows the end of the file only while it is its turn, which the MRC
 * gives (docs/decisions/appends-of-several-mounts.md). A mount that has the file open for writing alone has the turn without asking.
 */
import type { KnownSize } from './file-size.ts';

export interface TakenTurn {
  readonly number: bigint;
  /** The file as it is then. */
  readonly known: KnownSize;
}

export interface AppendTurnOptions {
  /** Waits for the turn. */
  readonly take: () => Promise<TakenTurn>;
  /** After all that was written came to where others see it. A turn that is over is not given once more. */
  readonly give: (number: bigint) => Promise<void>;
  /** Turns that this mount gave: an answer that was on its way may still speak of one. */
  readonly given: Set<bigint>;
  /** Another number once the server may have given the turn away without a word. */
  readonly silences: () => number;
  readonly adopt: (known: KnownSize) => void;
}

const mostGiven = 1000;
/** The kernel sends the next part of a write at once. Others wait no longer, however many parts it has. */
const nextPartMs = 1000;
const mostPartsMs = 3000;

export class AppendTurn {
  readonly #options: AppendTurnOptions;
  #number = 0n;
  /** Given, and perhaps in vain: the file was being closed, and is open again. */
  #left = 0n;
  /** Number of silences when it was known to be this mount's. */
  #since = 0;
  /** Somebody else changed the file since its end was known. */
  #isOld = false;
  #wantedMs: number | undefined;
  /** What was appended last may be the first part of a write. */
  #goesOn = false;
  #timer: NodeJS.Timeout | undefined;
  #hasEnded = false;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: AppendTurnOptions) {
    this.#options = options;
  }

  /** 0: it is not this mount's, as far as is known. */
  get number(): bigint {
    const { silences, given } = this.#options;
    return this.#since === silences() && !given.has(this.#number) ? this.#number : 0n;
  }

  /** The MRC said so at an opening. @param number 0: it said nothing */
  granted(number: bigint): void {
    const { given, silences } = this.#options;
    if (given.has(number)) this.#left = number;
    if (number === 0n || given.has(number)) return;
    this.#number = number;
    this.#since = silences();
  }

  /** Others wait for it. */
  get isWanted(): boolean {
    return this.#wantedMs !== undefined;
  }

  /** The file is open here no more: the MRC gives the turn on with its last handle. */
  end(): void {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
  }

  changedElsewhere(): void {
    this.#isOld = true;
  }

  /** Others wait: they have it after what is under way here. */
  wanted(): void {
    if (this.#wantedMs !== undefined) return;
    this.#wantedMs = performance.now();
    this.#giveSoon();
  }

  #giveSoon(): void {
    clearTimeout(this.#timer);
    if (this.#wantedMs === undefined || this.#hasEnded) return;
    const leftMs = this.#goesOn ? this.#wantedMs + mostPartsMs - performance.now() : 0;
    if (leftMs <= 0) {
      this.#goesOn = false;
      void this.#inTurn(() => this.#give()).catch(() => undefined);
      return;
    }
    const isLast = () => {
      this.#goesOn = false;
      this.#giveSoon();
    };
    this.#timer = setTimeout(isLast, Math.min(nextPartMs, leftMs));
  }

  async #give(): Promise<void> {
    if (this.#goesOn || this.#hasEnded) return;
    this.#wantedMs = undefined;
    const { given, give } = this.#options;
    const number = this.#number === 0n ? this.#left : this.#number;
    if (number === 0n) return;
    this.#number = 0n;
    this.#left = number;
    given.add(number);
    if (given.size > mostGiven) for (const [oldest] of given.entries()) if (given.delete(oldest)) break;
    await give(number);
    if (this.#left === number) this.#left = 0n;
  }

  /**
   * One append after the other.
   * @param work is done while the end of the file is known, and nobody else appends
   * @param mayGoOn it may be a part of a write of which more comes
   */
  append<Result>(work: () => Promise<Result>, mayGoOn: boolean): Promise<Result> {
    return this.#inTurn(async () => {
      this.#goesOn = mayGoOn;
      try {
        if (this.number === 0n || this.#isOld) {
          this.#isOld = false;
          await this.#take();
        }
        return await work();
      } catch (error) {
        this.#goesOn = false;
        // Where the end is may not have been learnt.
        this.#isOld = true;
        throw error;
      } finally {
        if (mayGoOn || this.#wantedMs !== undefined) this.#giveSoon();
      }
    });
  }

  async #take(): Promise<void> {
    const { take, give, given, silences, adopt } = this.#options;
    for (;;) {
      const since = silences();
      const { number, known } = await take();
      if (!given.has(number)) {
        this.#number = number;
        this.#since = since;
        adopt(known);
        return;
      }
      // An opening before this one is about to give it, or was closed before it could.
      await give(number);
    }
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }
}
