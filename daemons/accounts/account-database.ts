import type { SQLInputValue } from 'node:sqlite';
import { XosError } from '@xtreemos/base';
import { AccountConnection, type AccountReader, type AccountWriter, type Row } from './account-connection.ts';
import { MIGRATIONS } from './account-schema.ts';
import { inTurns, type Steps } from './in-turns.ts';

export type { Row } from './account-connection.ts';

export interface AccountDatabaseOptions {
  /** Called before every statement with its text: fault injection counts and kills here. */
  readonly beforeStatement?: (sql: string) => void;
  /** Upper bound of the file, in pages of 4096 bytes; SQLite answers SQLITE_FULL beyond. */
  readonly maximumPages?: number;
}

interface PendingWrite {
  readonly run: () => unknown;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

/** Writes taken into one commit; bounds how long the event loop is held. */
const WRITES_PER_COMMIT = 256;

/**
 * accounts.db. WAL with synchronous=FULL: a commit is on the disk when it returns, so an answer given after it stands
 * whatever happens next. Concurrent writers share one commit (`durably`), because the sync is what costs.
 */
export class AccountDatabase implements AccountReader {
  readonly #main: AccountConnection;
  readonly #path: string;
  readonly #options: AccountDatabaseOptions;
  #pending: PendingWrite[] = [];
  /** The connection of a transaction that is written in turns; other writes wait for its end. */
  #long: AccountConnection | undefined;
  #closed = false;

  /** @throws Error naming the file when it cannot be opened, is damaged, or was written by a newer version */
  constructor(path: string, options: AccountDatabaseOptions = {}) {
    this.#path = path;
    this.#options = options;
    try {
      this.#main = this.#connect();
      this.#migrate(path);
    } catch (error) {
      throw new Error(`account database ${path} cannot be used: ${String(error)}`, { cause: error });
    }
  }

  #connect(): AccountConnection {
    if (this.#closed) throw new Error(`${this.#path} is closed`);
    const connection = new AccountConnection(this.#path, this.#options.beforeStatement);
    connection.configure('PRAGMA journal_mode = WAL');
    connection.configure('PRAGMA synchronous = FULL');
    connection.configure('PRAGMA foreign_keys = ON');
    // The log must not keep the size of the largest membership list ever applied.
    connection.configure('PRAGMA journal_size_limit = 1048576');
    if (this.#options.maximumPages !== undefined) {
      connection.configure(`PRAGMA max_page_count = ${Math.trunc(this.#options.maximumPages)}`);
    }
    return connection;
  }

  /** A transaction in turns that is under way is undone; its caller gets an error. */
  close(): void {
    this.#closed = true;
    this.#long?.close();
    this.#long = undefined;
    this.#flushAll();
    this.#main.close();
  }

  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#main.get(sql, ...values);
  }

  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#main.all(sql, ...values);
  }

  each(sql: string, ...values: SQLInputValue[]): Iterable<Row> {
    return this.#main.each(sql, ...values);
  }

  /** @returns the number of rows changed */
  run(sql: string, ...values: SQLInputValue[]): number {
    return this.#main.run(sql, ...values);
  }

  /** SQLITE_FULL (13) is the site's to mend, and says so. */
  #explained(error: unknown): unknown {
    if ((error as { readonly errcode?: unknown }).errcode !== 13) return error;
    return new XosError(
      'XOS_STORAGE_FULL',
      { attempt: 'store the change of an account', path: this.#path },
      { cause: error },
    );
  }

  /** Runs `work` in one transaction: all of it is durable when this returns, or nothing of it happened. @throws XosError XOS_STORAGE_FULL */
  transaction<T>(work: () => T): T {
    this.#main.run('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.#main.run('COMMIT');
      return result;
    } catch (error) {
      // After SQLITE_FULL SQLite has rolled back by itself, and a second ROLLBACK would hide the first error.
      if (this.#main.isTransaction) this.#main.run('ROLLBACK');
      throw this.#explained(error);
    }
  }

  /**
   * As `transaction`, for work that would hold the event loop long: it is done in turns on a connection of its own. Questions
   * see the state before it until it is durable, and what is queued by `durably` is written after it. One at a time.
   */
  async transactionInTurns<T>(work: (writer: AccountWriter) => Steps<T>): Promise<T> {
    if (this.#long !== undefined) throw new Error('a transaction in turns is under way already');
    this.#flushAll();
    const long = this.#connect();
    this.#long = long;
    try {
      long.run('BEGIN IMMEDIATE');
      const result = await inTurns(this.#whileOpen(long, work(long)));
      long.run('COMMIT');
      return result;
    } catch (error) {
      throw this.#explained(error);
    } finally {
      // `close` may have been first. Closing undoes what was not committed.
      if (this.#long === long) {
        this.#long = undefined;
        long.close();
        if (this.#pending.length > 0) setImmediate(() => this.#flush());
      }
    }
  }

  /** Reads one state of the database in turns, whatever is written meanwhile. */
  async readInTurns<T>(work: (reader: AccountReader) => Steps<T>): Promise<T> {
    const reader = this.#connect();
    try {
      reader.run('BEGIN');
      return await inTurns(work(reader));
    } finally {
      reader.close();
    }
  }

  *#whileOpen<T>(connection: AccountConnection, steps: Steps<T>): Steps<T> {
    for (;;) {
      if (this.#long !== connection) throw new Error(`${this.#path} was closed meanwhile`);
      const { done, value } = steps.next();
      if (done === true) return value;
      yield;
    }
  }

  /**
   * Queues `work` for the next commit and resolves with its result once that commit is durable. Work of one turn of the
   * event loop shares the commit; work that throws is undone alone and rejects alone.
   */
  durably<T>(work: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#pending.length === 0) setImmediate(() => this.#flush());
      this.#pending.push({ run: work, resolve: resolve as PendingWrite['resolve'], reject });
    });
  }

  #flushAll(): void {
    while (this.#pending.length > 0) this.#flush();
  }

  #flush(): void {
    if (this.#long !== undefined) return;
    const batch = this.#pending.splice(0, WRITES_PER_COMMIT);
    if (this.#pending.length > 0) setImmediate(() => this.#flush());
    if (batch.length === 0) return;
    const settle: (() => void)[] = [];
    try {
      this.transaction(() => {
        for (const write of batch) settle.push(this.#runWithinBatch(write));
      });
    } catch (error) {
      // SQLITE_FULL and I/O errors may roll the whole transaction back: nobody of the batch is told success.
      for (const write of batch) write.reject(error);
      return;
    }
    for (const done of settle) done();
  }

  #runWithinBatch(write: PendingWrite): () => void {
    this.#main.run('SAVEPOINT one');
    try {
      const value = write.run();
      this.#main.run('RELEASE one');
      return () => write.resolve(value as never);
    } catch (error) {
      if (!this.#main.isTransaction) throw error;
      this.#main.run('ROLLBACK TO one');
      this.#main.run('RELEASE one');
      return () => write.reject(this.#explained(error));
    }
  }

  #migrate(path: string): void {
    const version = Number(this.#main.get('PRAGMA user_version')?.['user_version'] ?? 0);
    if (version > MIGRATIONS.length) {
      throw new Error(`${path} has schema version ${version}, this program knows up to ${MIGRATIONS.length}`);
    }
    for (const [index, sql] of MIGRATIONS.entries()) {
      if (index < version) continue;
      this.#main.configure(`BEGIN IMMEDIATE; ${sql}; PRAGMA user_version = ${index + 1}; COMMIT`);
    }
  }
}
