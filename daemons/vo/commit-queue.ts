import { type Kysely, sql, type Transaction } from 'kysely';
import type { DatabaseSchema } from './database-schema.ts';

export type Write = Transaction<DatabaseSchema>;

interface Job {
  readonly work: (write: Write) => Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

/** Jobs of one transaction: bounds how long the first of them waits for its answer. */
const maximumBatch = 128;

/**
 * Group commit. Writes run one after another, so each sees all before it and a check holds until its write; those that
 * arrive while a transaction runs share the next one and its one fsync. A job that throws is undone alone (savepoint).
 * Nobody learns of success before the commit that makes it durable.
 */
export class CommitQueue {
  readonly #db: Kysely<DatabaseSchema>;
  readonly #committed: (jobs: number) => void;
  readonly #waiting: Job[] = [];
  #running: Promise<void> | undefined;

  /** `committed` hears how many jobs each transaction held. */
  constructor(db: Kysely<DatabaseSchema>, committed: (jobs: number) => void = () => undefined) {
    this.#db = db;
    this.#committed = committed;
  }

  /** Resolves with the work's result once it is durable; rejects with its error, or the commit's. */
  run<Result>(work: (write: Write) => Promise<Result>): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    this.#waiting.push({ work, resolve: resolve as (value: unknown) => void, reject });
    this.#running ??= this.#drain();
    return promise;
  }

  /** Resolves when everything handed in so far has been answered. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #drain(): Promise<void> {
    // Everything that this turn of the event loop reads from its sockets shares the transaction.
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    while (this.#waiting.length > 0) await this.#commit(this.#waiting.splice(0, maximumBatch));
    this.#running = undefined;
  }

  async #commit(batch: readonly Job[]): Promise<void> {
    let answers: readonly (() => void)[] = [];
    try {
      answers = await this.#db.transaction().execute(async (write) => {
        const done: (() => void)[] = [];
        for (const job of batch) done.push(await this.#runJob(write, job));
        return done;
      });
    } catch (error) {
      for (const job of batch) job.reject(error);
      return;
    }
    this.#committed(batch.length);
    for (const answer of answers) answer();
  }

  async #runJob(write: Write, job: Job): Promise<() => void> {
    await sql`savepoint job`.execute(write);
    try {
      const result = await job.work(write);
      await sql`release savepoint job`.execute(write);
      return () => job.resolve(result);
    } catch (error) {
      try {
        await sql`rollback to savepoint job`.execute(write);
        await sql`release savepoint job`.execute(write);
      } catch {
        // A full disk ended the whole transaction: the first error says why, and all of the batch fails with it.
        throw error;
      }
      return () => job.reject(error);
    }
  }
}
