import assert from 'node:assert/strict';
import test from 'node:test';
import { aMembership, aStore, nothingForeign, siteRules, VO } from './account-fixtures.ts';
import type { SessionRecord } from './account-records.ts';
import type { AccountStore } from './account-store.ts';
import { applyMembership } from './membership-application.ts';

const NOW = 1_700_000_000_000;

async function storeWith(
  context: { after(work: () => void): void },
  ...users: string[]
): Promise<AccountStore> {
  const store = aStore(context);
  await applyMembership(store.database, aMembership(users), siteRules(), nothingForeign);
  return store;
}

function aSession(store: AccountStore, user: string, sessionId: string): SessionRecord {
  const assignment = store.byIdentity(VO, user);
  assert.ok(assignment !== undefined);
  return {
    sessionId,
    vo: VO,
    user,
    login: assignment.login,
    uid: assignment.uid,
    service: 'login',
    tty: 'tty1',
    remoteHost: '',
    leaderPid: 1,
    leaderStart: '1',
    openedAtMs: NOW,
  };
}

test('a lease is made once and prolonged after', async (context) => {
  const store = await storeWith(context, 'alice');
  const first = await store.lease(VO, 'alice', NOW, NOW + 10);
  const second = await store.lease(VO, 'alice', NOW + 5, NOW + 20);
  assert.deepEqual([first.made, second.made], [true, false]);
  assert.equal(second.lease.leaseId, first.lease.leaseId);
  assert.equal(store.leaseOf(VO, 'alice')?.expiresAtMs, NOW + 20);
});

test('leases asked for at the same moment are made once', async (context) => {
  const store = await storeWith(context, 'alice');
  const leases = await Promise.all(Array.from({ length: 50 }, () => store.lease(VO, 'alice', NOW, NOW + 10)));
  assert.equal(leases.filter(({ made }) => made).length, 1);
  assert.equal(new Set(leases.map(({ lease }) => lease.leaseId)).size, 1);
});

test('nobody is leased who is not assigned, and his failure does not undo the neighbours in the same commit', async (context) => {
  const store = await storeWith(context, 'alice', 'bob');
  const [alice, stranger, bob] = await Promise.allSettled([
    store.lease(VO, 'alice', NOW, NOW + 10),
    store.lease(VO, 'mallory', NOW, NOW + 10),
    store.lease(VO, 'bob', NOW, NOW + 10),
  ]);
  assert.deepEqual([alice.status, stranger.status, bob.status], ['fulfilled', 'rejected', 'fulfilled']);
  assert.equal(store.leases().length, 2);
});

test('an ending account takes neither a lease nor a session until it is clean', async (context) => {
  const store = await storeWith(context, 'alice');
  const { lease } = await store.lease(VO, 'alice', NOW, NOW + 10);
  await store.openSession(aSession(store, 'alice', 's1'));
  assert.equal(await store.beginEnd(lease.leaseId, 'revoked'), true);
  assert.equal(await store.beginEnd(lease.leaseId, 'revoked'), false);
  await assert.rejects(store.lease(VO, 'alice', NOW, NOW + 10), { code: 'XOS_LEASE_CONFLICT' });
  await assert.rejects(store.openSession(aSession(store, 'alice', 's2')), { code: 'XOS_ACCOUNT_REFUSED' });
  await store.finishEnd(lease);
  assert.deepEqual([store.sessions().length, store.leases().length], [0, 0]);
  assert.equal((await store.lease(VO, 'alice', NOW, NOW + 10)).made, true);
});

test("a member who left while leased: the uid is nobody else's before it is clean and rested", async (context) => {
  const store = aStore(context);
  const rules = siteRules({ userRange: { first: 2030043136, last: 2030043136 } });
  await applyMembership(store.database, aMembership(['alice']), rules, nothingForeign);
  await store.lease(VO, 'alice', NOW, NOW + 10);
  await applyMembership(store.database, aMembership(['bob'], { version: 2 }), rules, nothingForeign);
  await store.forgetTombstones(Number.MAX_SAFE_INTEGER);
  await applyMembership(store.database, aMembership(['bob'], { version: 3 }), rules, nothingForeign);
  assert.equal(store.byIdentity(VO, 'bob'), undefined, 'still being cleaned');
  const [ending] = store.endingLeases();
  assert.ok(ending !== undefined);
  await store.finishEnd(ending);
  await applyMembership(store.database, aMembership(['bob'], { version: 4 }), rules, nothingForeign);
  assert.equal(store.byIdentity(VO, 'bob')?.uid, rules.userRange.first);
});

test('on a full disk a lease is refused, nothing is half there, and it works again with room', async (context) => {
  const store = await storeWith(context, ...Array.from({ length: 400 }, (_, index) => `user${index}`));
  const pages = Number(store.database.get('PRAGMA page_count')?.['page_count']);
  store.database.get(`PRAGMA max_page_count = ${pages}`);
  const results = await Promise.allSettled(
    Array.from({ length: 400 }, (_, index) => store.lease(VO, `user${index}`, NOW, NOW + 10)),
  );
  const refused = results.filter(({ status }) => status === 'rejected');
  assert.ok(refused.length > 0);
  assert.equal((refused[0] as PromiseRejectedResult).reason.code, 'XOS_STORAGE_FULL');
  assert.equal(store.leases().length, results.length - refused.length);
  store.database.get('PRAGMA max_page_count = 1000000');
  assert.equal((await store.lease(VO, 'user399', NOW, NOW + 10)).lease.state, 'leased');
});

test('a million look-ups of unknown names would change nothing: a look-up writes no row', async (context) => {
  const store = await storeWith(context, 'alice');
  const before = store.database.get('SELECT total_changes() AS n')?.['n'];
  for (let index = 0; index < 10_000; index++) {
    assert.equal(store.byLogin(`nobody${index}@physics`), undefined);
    assert.equal(store.byUid(2030043136 + index), undefined);
  }
  assert.equal(store.database.get('SELECT total_changes() AS n')?.['n'], before);
});
