import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AccountDatabase, type AccountDatabaseOptions } from './account-database.ts';
import type { MemberRecord } from './account-records.ts';
import { AccountStore } from './account-store.ts';
import { noLocalAccounts } from './local-accounts.ts';
import { defaultMappingRules } from './mapping-rules.ts';
import type { ForeignIdQuery, VerifiedMembership } from './membership-application.ts';
import type { MembershipRules } from './membership-plan.ts';

/** Builders for the tests of this folder. */

export const VO = 'physics.example';

export const nothingForeign: ForeignIdQuery = () => Promise.resolve({ uids: new Set(), gids: new Set() });

export function aMember(user: string, changes: Partial<MemberRecord> = {}): MemberRecord {
  return { vo: VO, user, guid: `guid-${user}`, fqans: [`/${VO}`], ...changes };
}

export function aMembership(
  members: readonly (string | MemberRecord)[],
  changes: Partial<VerifiedMembership> = {},
): VerifiedMembership {
  return {
    vo: VO,
    alias: 'physics',
    version: 1,
    listExpiresAtMs: 2_000_000_000_000,
    members: members.map((member) => (typeof member === 'string' ? aMember(member) : member)),
    revokedSshSerials: [],
    ...changes,
  };
}

export function siteRules(changes: Partial<MembershipRules> = {}): MembershipRules {
  return {
    mapping: defaultMappingRules,
    userRange: { first: 2030043136, last: 2147352575 },
    groupRange: { first: 2013265920, last: 2030043135 },
    local: noLocalAccounts,
    nowMs: 1_700_000_000_000,
    tombstoneMs: 365 * 86_400_000,
    localQuarantineMs: 3_600_000,
    ...changes,
  };
}

/** A directory that is gone when the test ends. */
export function temporaryDirectory(context: { after(work: () => void): void }): string {
  const directory = mkdtempSync(join(tmpdir(), 'xos-accounts-'));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A store in a temporary directory, closed and removed when the test ends. */
export function aStore(
  context: { after(work: () => void): void },
  options: AccountDatabaseOptions = {},
): AccountStore {
  const directory = mkdtempSync(join(tmpdir(), 'xos-accounts-'));
  const store = new AccountStore(new AccountDatabase(join(directory, 'accounts.db'), options));
  context.after(() => {
    store.database.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return store;
}
