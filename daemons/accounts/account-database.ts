import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { XosError } from '@xtreemos/base';
import { MIGRATIONS } from './account-schema.ts';

export type Row = Readonly<Record<string, unknown>>;

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
export class AccountDatabase {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #path: string;
  readonly #before: ((sql: string) => void) | undefined;
  #pending: PendingWrite[] = [];

  /** @throws Error naming the file when it cannot be opened, is damaged, or was written by a newer version */
  constructor(path: string, options: AccountDatabaseOptions = {}) {
    this.#path = path;
    this.#before = options.beforeStatement;
    try {
      this.#database = new DatabaseSync(path, { timeout: 5000 });
      this.#database.exec('PRAGMA journal_mode = WAL');
      this.#database.exec('PRAGMA synchronous = FULL');
      this.#database.exec('PRAGMA foreign_keys = ON');
      // The log must not keep the size of the largest membership list ever applied.
      this.#database.exec('PRAGMA journal_size_limit = 1048576');
      this.#migrate(path);
      if (options.maximumPages !== undefined) {
        this.#database.exec(`PRAGMA max_page_count = ${Math.trunc(options.maximumPages)}`);
      }
    } catch (error) {
      throw new Error(`account database ${path} cannot be used: ${String(error)}`, { cause: error });
    }
  }

  close(): void {
    this.#flush();
    this.#statements.clear();
    this.#database.close();
  }

  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#prepared(sql).get(...values);
  }

  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#prepared(sql).all(...values);
  }

  /** @returns the number of rows changed */
  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#prepared(sql).run(...values).changes);
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
    this.#exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.#exec('COMMIT');
      return result;
    } catch (error) {
      this.#rollBack('ROLLBACK');
      throw this.#explained(error);
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

  #flush(): void {
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
    this.#exec('SAVEPOINT one');
    try {
      const value = write.run();
      this.#exec('RELEASE one');
      return () => write.resolve(value as never);
    } catch (error) {
      if (!this.#database.isTransaction) throw error;
      this.#exec('ROLLBACK TO one');
      this.#exec('RELEASE one');
      return () => write.reject(this.#explained(error));
    }
  }

  #rollBack(sql: string): void {
    // After SQLITE_FULL SQLite has rolled back by itself, and a second ROLLBACK would hide the first error.
    if (this.#database.isTransaction) this.#exec(sql);
  }

  #exec(sql: string): void {
    this.#before?.(sql);
    this.#prepared(sql, true).run();
  }

  #prepared(sql: string, quiet = false): StatementSync {
    if (!quiet) this.#before?.(sql);
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #migrate(path: string): void {
    const version = Number(this.#database.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
    if (version > MIGRATIONS.length) {
      throw new Error(`${path} has schema version ${version}, this program knows up to ${MIGRATIONS.length}`);
    }
    for (const [index, sql] of MIGRATIONS.entries()) {
      if (index < version) continue;
      this.#database.exec(`BEGIN IMMEDIATE; ${sql}; PRAGMA user_version = ${index + 1}; COMMIT`);
    }
  }
}
