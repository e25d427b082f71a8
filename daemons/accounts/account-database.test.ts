import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { isXosError } from '@xtreemos/base';
import { nssMapSteps } from '@xtreemos/module-protocol';
import { AccountDatabase } from './account-database.ts';
import {
  aMember,
  aMembership,
  aStore,
  nothingForeign,
  siteRules,
  temporaryDirectory,
  VO,
} from './account-fixtures.ts';
import { inTurns } from './in-turns.ts';
import { applyMembership } from './membership-application.ts';
import { nssMapContent } from './nss-map.ts';

const look = { homeDirectory: '/home', shell: '/bin/bash' };

/** The most processor time, in milliseconds, that passes between two turns of a timer while `work` is done. */
async function longestTurn(work: () => Promise<unknown>): Promise<{ longest: number; whole: number }> {
  const cpuMs = () => process.cpuUsage().user / 1000;
  const begun = cpuMs();
  let last = begun;
  let longest = 0;
  const note = () => {
    const now = cpuMs();
    longest = Math.max(longest, now - last);
    last = now;
  };
  const timer = setInterval(note, 1);
  await work();
  note();
  clearInterval(timer);
  return { longest, whole: cpuMs() - begun };
}

test('applying 20,000 members and making their map leave the event loop to logins in between', async (context) => {
  const store = aStore(context);
  const members = Array.from({ length: 20_000 }, (_, index) => aMember(`user${index}`));
  const { longest, whole } = await longestTurn(async () => {
    await applyMembership(store.database, aMembership(members), siteRules(), nothingForeign);
    const content = await store.database.readInTurns((reader) => nssMapContent(reader, look, 1));
    assert.equal(content.passwd.length, members.length);
    await inTurns(nssMapSteps(content));
  });
  assert.ok(whole > 500, `all of it took ${whole} ms`);
  assert.ok(longest < 200, `one turn took ${longest} ms of ${whole}`);
});

test('a transaction in turns is seen whole or not at all, and what is queued meanwhile is written after it', async (context) => {
  const store = aStore(context);
  const { database } = store;
  const order: string[] = [];
  const long = database.transactionInTurns(function* (writer) {
    for (let number = 0; number < 50; number++) {
      writer.run(
        'INSERT INTO vo (vo, alias, version, list_expires_at) VALUES (?, ?, 1, 1)',
        `vo${number}`,
        `a${number}`,
      );
      const until = performance.now() + 1;
      while (performance.now() < until);
      yield;
    }
  });
  const queued = database.durably(() => {
    order.push(`queued sees ${store.vos().length}`);
    database.run("DELETE FROM vo WHERE vo = 'vo0'");
  });
  await new Promise(setImmediate);
  assert.equal(store.vos().length, 0, 'half of it is visible');
  await long;
  order.push(`done, ${store.vos().length}`);
  await queued;
  assert.deepEqual(order, ['done, 50', 'queued sees 50']);
  assert.equal(store.vos().length, 49);
});

test('what fails in turns is undone and keeps nobody from writing', async (context) => {
  const { database } = aStore(context);
  const failing = database.transactionInTurns(function* (writer) {
    writer.run("INSERT INTO vo (vo, alias, version, list_expires_at) VALUES ('a', 'a', 1, 1)");
    yield;
    throw new Error('mine');
  });
  await assert.rejects(failing, /mine/);
  await database.durably(() =>
    database.run("INSERT INTO vo (vo, alias, version, list_expires_at) VALUES ('b', 'b', 1, 1)"),
  );
  assert.deepEqual(
    database.all('SELECT vo FROM vo').map((row) => row['vo']),
    ['b'],
  );
});

test('a full disk in turns is said as such, and nothing of the list is there', async (context) => {
  const store = aStore(context, { maximumPages: 40 });
  const members = Array.from({ length: 5000 }, (_, index) => aMember(`user${index}`));
  await assert.rejects(
    applyMembership(store.database, aMembership(members), siteRules(), nothingForeign),
    (error) => isXosError(error, 'XOS_STORAGE_FULL'),
  );
  assert.equal(store.memberCount(VO), 0);
  await applyMembership(store.database, aMembership(['alice']), siteRules(), nothingForeign);
  assert.equal(store.memberCount(VO), 1);
});

test('closing while a list is applied undoes it, and a closed database takes no other', async (context) => {
  const file = join(temporaryDirectory(context), 'accounts.db');
  let inserts = 0;
  const database = new AccountDatabase(file, {
    beforeStatement: (sql) => {
      if (sql.startsWith('INSERT INTO member') && ++inserts === 100) setImmediate(() => database.close());
    },
  });
  const list = aMembership(Array.from({ length: 20_000 }, (_, index) => aMember(`user${index}`)));
  await assert.rejects(applyMembership(database, list, siteRules(), nothingForeign), /closed/);
  await assert.rejects(applyMembership(database, list, siteRules(), nothingForeign), /closed/);
  const again = new AccountDatabase(file);
  assert.equal(again.get('SELECT count(*) AS n FROM member')?.['n'], 0);
  again.close();
});
