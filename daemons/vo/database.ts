import { closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { Kysely } from 'kysely';
import { CommitQueue } from './commit-queue.ts';
import type { DatabaseSchema } from './database-schema.ts';
import { migrate } from './migrations.ts';
import { NodeSqliteDialect } from './node-sqlite-dialect.ts';

/** What reading functions take: the reader of committed data, or the transaction that is under way. */
export type Read = Kysely<DatabaseSchema>;

export interface Database {
  /** Sees what was committed, never waits for a writer (WAL). */
  readonly read: Read;
  readonly commits: CommitQueue;
  close(): Promise<void>;
}

/** Opens or makes the database file (0600) and brings its schema up to date. */
export async function openDatabase(path: string, committed?: (jobs: number) => void): Promise<Database> {
  // SQLite makes files by the umask; the journal files take over the mode of the database.
  closeSync(openSync(path, 'a', 0o600));
  const writer = new DatabaseSync(path, { timeout: 5000 });
  writer.exec('pragma journal_mode = wal');
  writer.exec('pragma synchronous = full');
  writer.exec('pragma foreign_keys = on');
  const writing = new Kysely<DatabaseSchema>({ dialect: new NodeSqliteDialect(writer) });
  await migrate(writing);
  const reading = new Kysely<DatabaseSchema>({
    dialect: new NodeSqliteDialect(new DatabaseSync(path, { readOnly: true, timeout: 5000 }), {
      readOnly: true,
    }),
  });
  const commits = new CommitQueue(writing, committed);
  return {
    read: reading,
    commits,
    async close() {
      await commits.idle();
      await reading.destroy();
      await writing.destroy();
    },
  };
}
