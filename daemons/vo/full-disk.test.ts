import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { generateKey } from '@xtreemos/identity';
import { sql } from 'kysely';
import { csrOf, type ServiceFixture, startFixture } from './service-fixture.ts';

/** SQLite's own limit stands for a disk without space: the error, SQLITE_FULL, is the same. */
async function limitPages(fixture: ServiceFixture, pages: number): Promise<void> {
  await fixture.service.context.database.commits.run((write) =>
    sql`pragma max_page_count = ${sql.lit(pages)}`.execute(write),
  );
}

describe('a full disk', () => {
  it('nothing is issued, nothing half done, and it goes on when there is space again', async () => {
    const fixture = await startFixture();
    const vo = 'physics.example';
    try {
      await fixture.admin.createVo({ id: vo });
      const alice = await fixture.enrol(vo, 'alice');
      const csr = csrOf(await generateKey());
      await limitPages(fixture, 1);
      let issued = 0;
      await assert.rejects(
        async () => {
          for (; issued < 2000; issued += 1) await alice.client.requestCertificate(vo, { csr });
        },
        { code: 'XOS_STORAGE_FULL' },
      );
      const several = [1, 2, 3].map(() => alice.client.requestCertificate(vo, { csr }));
      for (const result of await Promise.allSettled(several)) assert.equal(result.status, 'rejected');
      assert.equal((await alice.client.showMember(vo, 'alice')).status, 'active');
      await limitPages(fixture, 1_000_000);
      await alice.client.requestCertificate(vo, { csr });
      const rows = await fixture.service.context.database.read
        .selectFrom('certificate')
        .select((expression) => expression.fn.countAll<number>().as('total'))
        .where('kind', '=', 'user')
        .executeTakeFirstOrThrow();
      assert.equal(Number(rows.total), 1 + issued + 1);
      assert.equal((await fixture.admin.verifyAudit()).brokenAt, null);
    } finally {
      await fixture.close();
    }
  });
});
