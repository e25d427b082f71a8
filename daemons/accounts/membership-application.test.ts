import assert from 'node:assert/strict';
import test from 'node:test';
import { readNssMap, writeNssMap } from '@xtreemos/module-protocol';
import { aMember, aMembership, aStore, nothingForeign, siteRules, VO } from './account-fixtures.ts';
import { preferredUid } from './id-assignment.ts';
import { atOnce } from './in-turns.ts';
import type { LocalAccount, LocalAccounts } from './local-accounts.ts';
import { parseMappingRules } from './mapping-rules.ts';
import { applyMembership, forgetVo } from './membership-application.ts';
import { nssMapContent } from './nss-map.ts';

const USERS = siteRules().userRange;

function localAccounts(...accounts: LocalAccount[]): LocalAccounts {
  return {
    byName: new Map(accounts.map((account) => [account.name, account])),
    uids: new Set(accounts.map(({ uid }) => uid)),
    gids: new Set(),
    groupNames: new Set(),
  };
}

function localAccount(name: string, uid: number): LocalAccount {
  return { name, uid, gid: uid, home: `/home/${name}`, shell: '/bin/sh' };
}

test('10,000 members get their uids in one transaction, and applying the list again changes nothing', async (context) => {
  const store = aStore(context);
  const list = aMembership(
    Array.from({ length: 10_000 }, (_, index) =>
      aMember(`user${index}`, { fqans: [`/${VO}`, `/${VO}/g${index % 50}`] }),
    ),
  );
  // Processor time: a machine with more to do gives the daemon less of it.
  const startedAt = process.cpuUsage();
  const first = await applyMembership(store.database, list, siteRules(), nothingForeign);
  const { user, system } = process.cpuUsage(startedAt);
  const tookMs = (user + system) / 1000;
  assert.equal(first.assigned.length, 10_000);
  assert.equal(new Set(first.assigned.map(({ uid }) => uid)).size, 10_000);
  assert.ok(tookMs < 5000, `took ${tookMs} ms`);
  const second = await applyMembership(store.database, list, siteRules(), nothingForeign);
  assert.deepEqual([second.assigned.length, second.ended.length, second.visible], [0, 0, false]);
  assert.equal(store.groups(VO).length, 51);
  context.diagnostic(`10,000 members applied in ${tookMs.toFixed(0)} ms`);
});

test('two hosts that met colliding users in different order map each to one person, and back', async (context) => {
  // A range of two ids: whoever comes second is moved aside.
  const narrow = siteRules({ userRange: { first: 2030043136, last: 2030043137 } });
  const [one, other] = ['amy', 'bob', 'cat', 'dan', 'eve'].filter(
    (user, _index, all) =>
      preferredUid(narrow.userRange, VO, user) === preferredUid(narrow.userRange, VO, all[0] ?? ''),
  );
  assert.ok(one !== undefined && other !== undefined, 'two of the names collide');
  const hosts = [
    { store: aStore(context), order: [one, other] },
    { store: aStore(context), order: [other, one] },
  ];
  for (const { store, order } of hosts) {
    await applyMembership(store.database, aMembership(order.slice(0, 1)), narrow, nothingForeign);
    await applyMembership(store.database, aMembership(order, { version: 2 }), narrow, nothingForeign);
    for (const user of order) {
      const account = store.byIdentity(VO, user);
      assert.ok(account !== undefined);
      assert.equal(store.byUid(account.uid)?.user, user);
    }
  }
  assert.notEqual(hosts[0]?.store.byIdentity(VO, one)?.uid, hosts[1]?.store.byIdentity(VO, one)?.uid);
});

test('ids that local files or another name service know are passed over', async (context) => {
  const store = aStore(context);
  const wanted = preferredUid(USERS, VO, 'alice');
  const rules = siteRules({ local: localAccounts(localAccount('squatter', wanted)) });
  await applyMembership(store.database, aMembership(['alice']), rules, (uids) =>
    Promise.resolve({ uids: new Set(uids.filter((uid) => uid === wanted + 1)), gids: new Set() }),
  );
  assert.equal(store.byIdentity(VO, 'alice')?.uid, wanted + 2);
});

test('a range in the hands of another name service is said, not searched for ever', async (context) => {
  const store = aStore(context);
  const taken = applyMembership(store.database, aMembership(['alice']), siteRules(), (uids) =>
    Promise.resolve({ uids: new Set(uids), gids: new Set() }),
  );
  await assert.rejects(taken, { code: 'XOS_UID_SPACE_FULL' });
  assert.equal(store.counts().members, 0);
});

test('who left comes back to the same uid; a stranger of the same name gets neither name nor uid', async (context) => {
  const store = aStore(context);
  await applyMembership(store.database, aMembership(['alice', 'bob']), siteRules(), nothingForeign);
  const uid = store.byIdentity(VO, 'alice')?.uid;
  const gone = await applyMembership(
    store.database,
    aMembership(['bob'], { version: 2 }),
    siteRules(),
    nothingForeign,
  );
  assert.deepEqual(
    gone.ended.map(({ assignment }) => assignment.user),
    ['alice'],
  );
  assert.equal(store.byUid(uid ?? 0), undefined);

  const stranger = aMember('alice', { guid: 'another-person' });
  const refused = await applyMembership(
    store.database,
    aMembership(['bob', stranger], { version: 3 }),
    siteRules(),
    nothingForeign,
  );
  assert.match(refused.refused[0]?.refusal ?? '', /another person/);
  assert.equal(store.byIdentity(VO, 'alice'), undefined);

  await applyMembership(
    store.database,
    aMembership(['bob', 'alice'], { version: 4 }),
    siteRules(),
    nothingForeign,
  );
  assert.equal(store.byIdentity(VO, 'alice')?.uid, uid);
});

test('a name handed to another person while its account lives ends the account and stays refused', async (context) => {
  const store = aStore(context);
  await applyMembership(store.database, aMembership(['alice']), siteRules(), nothingForeign);
  const list = aMembership([aMember('alice', { guid: 'another-person' })], { version: 2 });
  const changes = await applyMembership(store.database, list, siteRules(), nothingForeign);
  assert.equal(changes.ended.length, 1);
  await applyMembership(store.database, { ...list, version: 3 }, siteRules(), nothingForeign);
  assert.equal(store.byLogin('alice@physics'), undefined);
});

test('once its tombstone has gone a name may be given again', async (context) => {
  const store = aStore(context);
  const rules = siteRules();
  await applyMembership(store.database, aMembership(['alice']), rules, nothingForeign);
  await applyMembership(store.database, aMembership([], { version: 2 }), rules, nothingForeign);
  assert.ok((await store.forgetTombstones(rules.nowMs + rules.tombstoneMs)) >= 2);
  const stranger = aMembership([aMember('alice', { guid: 'another-person' })], { version: 3 });
  await applyMembership(store.database, stranger, rules, nothingForeign);
  assert.equal(store.byIdentity(VO, 'alice')?.guid, 'another-person');
});

test('a static mapping gives the local account to one member, and only a managed uid', async (context) => {
  const store = aStore(context);
  const rules = siteRules({
    mapping: parseMappingRules(
      `user alice@${VO} static own\nuser bob@${VO} static own\nuser carol@${VO} static person\nvo * static nobody`,
      'm',
    ),
    local: localAccounts(localAccount('own', USERS.first + 5), localAccount('person', 1000)),
  });
  const changes = await applyMembership(
    store.database,
    aMembership(['alice', 'bob', 'carol', 'dan']),
    rules,
    nothingForeign,
  );
  assert.equal(store.byUid(USERS.first + 5)?.user, 'alice');
  assert.equal(store.byIdentity(VO, 'alice')?.home, '/home/own');
  const refusals = new Map(changes.refused.map(({ user, refusal }) => [user, refusal ?? '']));
  assert.match(refusals.get('bob') ?? '', /another member's/);
  assert.match(refusals.get('carol') ?? '', /uid 1000, outside/);
  assert.match(refusals.get('dan') ?? '', /does not exist/);
  const again = await applyMembership(
    store.database,
    aMembership(['alice', 'bob', 'carol', 'dan']),
    rules,
    nothingForeign,
  );
  assert.equal(again.visible, false);
});

test('pool accounts are exclusive, rest after use, and are then given to the next', async (context) => {
  const store = aStore(context);
  const rules = siteRules({
    mapping: parseMappingRules('vo * pool grid', 'm'),
    local: localAccounts(
      localAccount('grid10', USERS.first + 10),
      localAccount('grid2', USERS.first + 2),
      localAccount('grid3', 1003),
      localAccount('gridmaster', USERS.first + 4),
    ),
  });
  await applyMembership(store.database, aMembership(['alice', 'bob', 'carol']), rules, nothingForeign);
  assert.deepEqual(
    ['alice', 'bob', 'carol'].map((user) => store.byIdentity(VO, user)?.localName),
    ['grid2', 'grid10', undefined],
  );
  const without = aMembership(['bob', 'carol'], { version: 2 });
  await applyMembership(store.database, without, rules, nothingForeign);
  await applyMembership(store.database, without, rules, nothingForeign);
  assert.equal(store.byIdentity(VO, 'carol'), undefined);
  await store.forgetTombstones(rules.nowMs + rules.localQuarantineMs);
  await applyMembership(store.database, without, rules, nothingForeign);
  assert.equal(store.byIdentity(VO, 'carol')?.localName, 'grid2');
});

test('local users win: a login name that stands in passwd is not given', async (context) => {
  const store = aStore(context);
  const rules = siteRules({ local: localAccounts(localAccount('alice@physics', 1000)) });
  const changes = await applyMembership(store.database, aMembership(['alice']), rules, nothingForeign);
  assert.match(changes.refused[0]?.refusal ?? '', /local user/);
});

test('a login name beyond 32 bytes is refused to its member alone', async (context) => {
  const store = aStore(context);
  const long = 'a'.repeat(25);
  await applyMembership(store.database, aMembership([long, 'bob']), siteRules(), nothingForeign);
  assert.equal(store.byIdentity(VO, long), undefined);
  assert.ok(store.byIdentity(VO, 'bob'));
});

test('no choice of names in one VO keeps the map of the host from being written', async (context) => {
  const store = aStore(context);
  const fqans = ['atlas', 'a/b', 'a.b', 'x/y.z', 'members', 'with space', 'a:b', 'a\nroot:x:0:', '']
    .map((path) => `/${VO}/${path}`)
    .concat(`/${VO}/atlas/Role=admin`);
  const members = [aMember('alice', { fqans }), aMember('atlas'), aMember('a.b'), aMember('members')];
  const changes = await applyMembership(store.database, aMembership(members), siteRules(), nothingForeign);
  assert.deepEqual(
    changes.refused.map(({ user }) => user),
    ['members'],
  );
  const look = { homeDirectory: '/home', shell: '/bin/sh' };
  const map = readNssMap(writeNssMap(atOnce(nssMapContent(store.database, look, 1))));
  assert.deepEqual(map.passwd.map(({ name }) => name).sort(), [
    'a.b@physics',
    'alice@physics',
    'atlas@physics',
  ]);
  assert.deepEqual(map.groups.map(({ name }) => name).sort(), ['a@physics', 'members@physics', 'x@physics']);
  const alice = map.passwd.find(({ name }) => name === 'alice@physics');
  assert.equal(new Set(alice?.groups).size, alice?.groups.length);
});

test('another alias renames the logins and keeps the uids', async (context) => {
  const store = aStore(context);
  await applyMembership(store.database, aMembership(['alice']), siteRules(), nothingForeign);
  const uid = store.byIdentity(VO, 'alice')?.uid;
  await applyMembership(
    store.database,
    aMembership(['alice'], { alias: 'phys' }),
    siteRules(),
    nothingForeign,
  );
  assert.equal(store.byLogin('alice@phys')?.uid, uid);
  assert.equal(store.byLogin('alice@physics'), undefined);
});

test('leaving a VO ends its leases and forgets it, its uids rest', async (context) => {
  const store = aStore(context);
  await applyMembership(store.database, aMembership(['alice']), siteRules(), nothingForeign);
  await store.lease(VO, 'alice', 1, 2);
  const changes = await forgetVo(store.database, VO, siteRules());
  assert.equal(changes.ended.length, 1);
  assert.equal(store.endingLeases().length, 1);
  assert.deepEqual([store.vos().length, store.counts().quarantined], [0, 1]);
});
