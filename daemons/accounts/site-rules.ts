import { statSync } from 'node:fs';
import { XosError } from '@xtreemos/base';
import { type PolicyEvaluator, parseDenyEntry, siteDenyList } from '@xtreemos/policy';
import type { AccountsConfiguration } from './configuration.ts';
import { readLocalAccounts } from './local-accounts.ts';
import { loadMappingRules } from './mapping-rules.ts';
import type { MembershipRules } from './membership-plan.ts';

/** What the site decides, read from its files; replaced as a whole when a file changed. */
export interface SiteRules {
  readonly policy: PolicyEvaluator;
  /** `nowMs` is filled in at each use. */
  readonly membership: Omit<MembershipRules, 'nowMs'>;
}

/** @throws XosError XOS_CONFIGURATION_BAD with every finding of mapping.conf, or about `Deny=` and the id ranges */
export function readSiteRules({ Accounts }: AccountsConfiguration): SiteRules {
  if (Accounts.FirstUserId > Accounts.LastUserId || Accounts.FirstGroupId > Accounts.LastGroupId) {
    throw new XosError('XOS_CONFIGURATION_BAD', { reason: 'an id range ends before it begins' });
  }
  try {
    return {
      policy: siteDenyList(Accounts.Deny.map(parseDenyEntry)),
      membership: {
        mapping: loadMappingRules(Accounts.MappingFile),
        userRange: { first: Accounts.FirstUserId, last: Accounts.LastUserId },
        groupRange: { first: Accounts.FirstGroupId, last: Accounts.LastGroupId },
        local: readLocalAccounts(Accounts.PasswdFile, Accounts.GroupFile),
        tombstoneMs: Accounts.TombstoneTime,
        localQuarantineMs: Accounts.LocalAccountRest,
      },
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new XosError('XOS_CONFIGURATION_BAD', { reason }, { cause: error });
  }
}

/** Differs once any of the files that the rules come from was replaced or written. */
export function siteRevision({ Accounts }: AccountsConfiguration): string {
  return [Accounts.MappingFile, Accounts.PasswdFile, Accounts.GroupFile].map(fileRevision).join(' ');
}

/** Identity and time of a file or directory, `-` when there is none. */
export function fileRevision(file: string): string {
  try {
    const { ino, mtimeMs, size } = statSync(file);
    return `${ino}:${mtimeMs}:${size}`;
  } catch {
    return '-';
  }
}
