import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';

export type Row = Readonly<Record<string, unknown>>;

/** Questions on accounts.db. */
export interface AccountReader {
  get(sql: string, ...values: SQLInputValue[]): Row | undefined;
  all(sql: string, ...values: SQLInputValue[]): Row[];
  /** Rows one by one. On a connection that others use too, nothing may happen on it between two of them. */
  each(sql: string, ...values: SQLInputValue[]): Iterable<Row>;
}

/** Questions and changes, inside a transaction that somebody else opens and ends. */
export interface AccountWriter extends AccountReader {
  /** @returns the number of rows changed */
  run(sql: string, ...values: SQLInputValue[]): number;
}

/** One connection to accounts.db and its prepared statements. */
export class AccountConnection implements AccountWriter {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #before: ((sql: string) => void) | undefined;

  /** @param before called before every statement with its text */
  constructor(path: string, before?: (sql: string) => void) {
    this.#before = before;
    this.#database = new DatabaseSync(path, { timeout: 5000 });
  }

  get isTransaction(): boolean {
    return this.#database.isTransaction;
  }

  /** Statements that are not counted and not kept: settings and migrations. */
  configure(sql: string): void {
    this.#database.exec(sql);
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }

  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#prepared(sql).get(...values);
  }

  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#prepared(sql).all(...values);
  }

  each(sql: string, ...values: SQLInputValue[]): Iterable<Row> {
    return this.#prepared(sql).iterate(...values);
  }

  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#prepared(sql).run(...values).changes);
  }

  #prepared(sql: string): StatementSync {
    this.#before?.(sql);
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}
