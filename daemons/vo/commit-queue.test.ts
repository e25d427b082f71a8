import assert from 'node:assert/strict';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, it } from 'node:test';
import { appendAudit, readAudit, verifyAudit } from './audit-log.ts';
import { type Database, openDatabase } from './database.ts';

describe('group commit and audit log', () => {
  let directory: string;
  let database: Database;
  const batches: number[] = [];
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'xos-vo-db-'));
    database = await openDatabase(join(directory, 'vo.db'), (jobs) => batches.push(jobs));
  });
  after(async () => {
    await database.close();
    await rm(directory, { recursive: true, force: true });
  });

  const append = (subject: string) =>
    database.commits.run((write) =>
      appendAudit(write, 1, { vo: null, actor: 'test', action: 'test.append', subject }),
    );

  it('concurrent writes share transactions and keep the chain', async () => {
    await Promise.all(Array.from({ length: 300 }, (_none, index) => append(`entry ${index}`)));
    assert.ok(batches.length < 10, `${batches.length} transactions for 300 writes`);
    const { entries, brokenAt } = await verifyAudit(database.read);
    assert.deepEqual([entries, brokenAt], [300, null]);
  });

  it('a write that fails is undone alone, its neighbours stand', async () => {
    const before = (await verifyAudit(database.read)).entries;
    const results = await Promise.allSettled([
      append('first'),
      database.commits.run(async (write) => {
        await appendAudit(write, 1, { vo: null, actor: 'test', action: 'test.append', subject: 'undone' });
        throw new Error('changed my mind');
      }),
      append('last'),
    ]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    const rows = await readAudit(database.read, undefined, { after: before });
    assert.deepEqual(
      rows.map(({ subject }) => subject),
      ['first', 'last'],
    );
  });

  it('the file is for its owner alone', async () => {
    assert.equal((await stat(join(directory, 'vo.db'))).mode & 0o777, 0o600);
    assert.equal((await stat(join(directory, 'vo.db-wal'))).mode & 0o777, 0o600);
  });

  it('who alters an entry behind the service is found out', async () => {
    const file = new DatabaseSync(join(directory, 'vo.db'));
    file.exec('drop trigger audit_no_update');
    file.exec("update audit set actor = 'somebody else' where sequence = 42");
    file.close();
    assert.equal((await verifyAudit(database.read)).brokenAt, 42);
  });
});
