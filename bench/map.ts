/** Leases made and looked up per second at 10,000 members, and memory per account. */

import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { AccountDatabase } from '../daemons/accounts/account-database.ts';
import type { MemberRecord } from '../daemons/accounts/account-records.ts';
import { AccountStore } from '../daemons/accounts/account-store.ts';
import { noLocalAccounts } from '../daemons/accounts/local-accounts.ts';
import { defaultMappingRules } from '../daemons/accounts/mapping-rules.ts';
import { applyMembership } from '../daemons/accounts/membership-application.ts';
import type { Bench } from './bench.ts';

const vo = 'bench.example';
const memberCount = 10_000;

export const bench: Bench = {
  name: 'map',
  what: 'accounts: membership list applied, leases made and looked up per second, memory per account',
  sandbox: false,
  async run(report) {
    // The disk that a host would use: /tmp may be in memory, where a sync costs nothing.
    const directory = await mkdtemp(
      path.join(process.env['XOS_BENCH_DIRECTORY'] ?? tmpdir(), 'xos-bench-map-'),
    );
    const store = new AccountStore(new AccountDatabase(path.join(directory, 'accounts.db')));
    try {
      const members = Array.from({ length: memberCount }, (_, index) => aMember(index));
      const memoryBefore = residentBytes();
      report.add({
        case: `list of ${memberCount} members applied for the first time`,
        ours: await seconds(() => apply(store, members, 1)),
        unit: 's',
        better: 'lower',
      });
      report.add({
        case: 'the next list, one member more',
        ours: await seconds(() => apply(store, [...members, aMember(memberCount)], 2)),
        unit: 's',
        better: 'lower',
      });
      const alone = await seconds(async () => {
        for (const { user } of members.slice(0, 500)) await store.lease(vo, user, 1, 2);
      });
      report.add({
        case: 'leases made durable one after the other',
        ours: 500 / alone,
        unit: 'leases/s',
        better: 'higher',
      });
      const together = await seconds(async () => {
        await Promise.all(members.slice(500).map(({ user }) => store.lease(vo, user, 1, 2)));
      });
      report.add({
        case: 'leases made durable, asked for at once',
        ours: (memberCount - 500) / together,
        unit: 'leases/s',
        better: 'higher',
      });
      const uids = store.assignments(vo).map(({ uid }) => uid);
      const forward = await seconds(() => {
        for (const { user } of members)
          if (store.leaseOf(vo, user) === undefined) throw new Error(`no lease of ${user}`);
      });
      report.add({
        case: 'lease looked up by identity',
        ours: memberCount / forward,
        unit: 'look-ups/s',
        better: 'higher',
      });
      const inverse = await seconds(() => {
        for (const uid of uids) if (store.byUid(uid) === undefined) throw new Error(`nobody has ${uid}`);
      });
      report.add({
        case: 'identity looked up by uid',
        ours: uids.length / inverse,
        unit: 'look-ups/s',
        better: 'higher',
      });
      members.length = 0;
      report.add({
        case: `memory with ${memberCount} leased accounts`,
        ours: Math.max(0, residentBytes() - memoryBefore) / memberCount,
        unit: 'bytes/account',
        better: 'lower',
      });
      const pages = Number(store.database.get('PRAGMA page_count')?.['page_count'] ?? 0);
      report.add({
        case: 'on the disk',
        ours: (pages * 4096) / memberCount,
        unit: 'bytes/account',
        better: 'lower',
      });
      report.note(`${directory}: one sync of the disk per commit; leases asked for at once share commits`);
    } finally {
      store.database.close();
      await rm(directory, { recursive: true, force: true });
    }
  },
};

function aMember(index: number): MemberRecord {
  return { vo, user: `user${index}`, guid: randomUUID(), fqans: [`/${vo}`, `/${vo}/group${index % 100}`] };
}

async function apply(store: AccountStore, members: readonly MemberRecord[], version: number): Promise<void> {
  const membership = {
    vo,
    alias: 'bench',
    version,
    listExpiresAtMs: 2 ** 45,
    members,
    revokedSshSerials: [],
  };
  const rules = {
    mapping: defaultMappingRules,
    userRange: { first: 2030043136, last: 2147352575 },
    groupRange: { first: 2013265920, last: 2030043135 },
    local: noLocalAccounts,
    nowMs: 1,
    tombstoneMs: 1,
    localQuarantineMs: 1,
  };
  const nothing = async () => ({ uids: new Set<number>(), gids: new Set<number>() });
  await applyMembership(store.database, membership, rules, nothing);
}

async function seconds(work: () => void | Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1000;
}

/** After a collection where the engine offers one, so that garbage is not counted. */
function residentBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage.rss();
}
