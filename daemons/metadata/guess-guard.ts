import { defineEvent, type Logger } from '@xtreemos/base';

const events = { guessing: defineEvent('metadata.numbers-guessed') } as const;

/** So many numbers that no file ever had may a host ask for; clients that are in order ask for none. */
const mostGuesses = 16;
const forgetMs = 3_600_000;

interface Guesses {
  count: number;
  readonly sinceMs: number;
}

/** Bars hosts that try out numbers of files. */
export class GuessGuard {
  readonly #monotonicMs: () => number;
  readonly #logger: Logger;
  readonly #guesses = new Map<string, Guesses>();

  constructor(monotonicMs: () => number, logger: Logger) {
    this.#monotonicMs = monotonicMs;
    this.#logger = logger;
  }

  /** @param host for people */
  note(owner: string, host: string): void {
    const known = this.#current(owner);
    const guesses = known ?? { count: 0, sinceMs: this.#monotonicMs() };
    this.#guesses.set(owner, guesses);
    guesses.count += 1;
    if (guesses.count === mostGuesses)
      this.#logger.warning(
        events.guessing,
        `Client on ${host} asked for files that never were, and is refused for an hour`,
        { host },
      );
  }

  isBarred(owner: string): boolean {
    return (this.#current(owner)?.count ?? 0) >= mostGuesses;
  }

  #current(owner: string): Guesses | undefined {
    const known = this.#guesses.get(owner);
    if (known === undefined || this.#monotonicMs() - known.sinceMs < forgetMs) return known;
    this.#guesses.delete(owner);
    return undefined;
  }
}
