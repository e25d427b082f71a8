/**
 * Whose turn it is to append to a file. Of the clients that have it open for writing one has the turn, and knows by that where the file
 * ends; who opened it alone has it without asking. Another one that wants it waits until it is given, or its holder is done with the file.
 */
export interface AppendTurnsOptions {
  /** Somebody waits for the turn that `holder` has. */
  readonly onWanted: (file: FileOfVolume, holder: string) => void;
  /** How long it is unknown yet who has turns, after a restart. */
  readonly graceLeftMs: () => number;
  readonly nextNumber: () => number;
}

export interface FileOfVolume {
  readonly volume: number;
  readonly node: number;
}

interface Turn {
  /** Another one each time that somebody gets it. */
  number: number;
  holder: string;
  readonly waiting: Waiter[];
}

interface Waiter {
  readonly clientId: string;
  readonly end: () => void;
}

export class AppendTurns {
  readonly #options: AppendTurnsOptions;
  readonly #turns = new Map<string, Turn>();

  constructor(options: AppendTurnsOptions) {
    this.#options = options;
  }

  /** @returns the number of the client's turn; 0 when it has none */
  of(file: FileOfVolume, clientId: string): number {
    const turn = this.#turns.get(keyOf(file));
    return turn?.holder === clientId ? turn.number : 0;
  }

  /** The client is the only one that has the file open for writing, as far as is known. @param isNew nobody can have had it open before */
  alone(file: FileOfVolume, clientId: string, isNew: boolean): void {
    if (isNew || this.#options.graceLeftMs() <= 0) this.claim(file, clientId, this.#options.nextNumber());
  }

  /** After a restart: the client had the turn. */
  claim(file: FileOfVolume, clientId: string, number: number): void {
    const key = keyOf(file);
    if (!this.#turns.has(key)) this.#turns.set(key, { number, holder: clientId, waiting: [] });
  }

  /** Waits for the turn, `waitMs` at most. @returns as `of`; who has it is asked once more with each call */
  async take(file: FileOfVolume, clientId: string, waitMs: number, signal: AbortSignal): Promise<number> {
    if (!this.#turns.has(keyOf(file))) this.alone(file, clientId, false);
    if (this.of(file, clientId) !== 0) return this.of(file, clientId);
    const { promise, resolve: end } = Promise.withResolvers<void>();
    const waiter = { clientId, end };
    const turn = this.#turns.get(keyOf(file));
    turn?.waiting.push(waiter);
    if (turn !== undefined) this.#options.onWanted(file, turn.holder);
    const giveUp = () => end();
    const mostMs = turn === undefined ? Math.min(waitMs, this.#options.graceLeftMs()) : waitMs;
    const timer = setTimeout(giveUp, mostMs);
    signal.addEventListener('abort', giveUp, { once: true });
    await promise;
    clearTimeout(timer);
    signal.removeEventListener('abort', giveUp);
    const index = turn?.waiting.indexOf(waiter) ?? -1;
    if (index >= 0) turn?.waiting.splice(index, 1);
    return this.of(file, clientId);
  }

  /** The turn goes to who waits for it longest. One that is over is not given once more. */
  give(file: FileOfVolume, number: number): void {
    const key = keyOf(file);
    const turn = this.#turns.get(key);
    if (turn?.number !== number) return;
    const next = turn.waiting.shift();
    if (next === undefined) {
      this.#turns.delete(key);
      return;
    }
    turn.holder = next.clientId;
    turn.number = this.#options.nextNumber();
    next.end();
    if (turn.waiting.length > 0) this.#options.onWanted(file, turn.holder);
  }

  /** The client has the file open for writing no more. */
  left(file: FileOfVolume, clientId: string): void {
    const turn = this.#turns.get(keyOf(file));
    for (const waiter of [...(turn?.waiting ?? [])]) {
      if (waiter.clientId !== clientId) continue;
      turn?.waiting.splice(turn.waiting.indexOf(waiter), 1);
      waiter.end();
    }
    this.give(file, this.of(file, clientId));
  }
}

function keyOf({ volume, node }: FileOfVolume): string {
  return `${volume}:${node}`;
}
