import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, type Logger, reasonOf, writeFileAtomically, XosError } from '@xtreemos/base';
import { type JoinedVo, type TrustStore, verifyDocument } from '@xtreemos/identity';
import { membershipDocumentType, parseMembershipList } from '@xtreemos/vo-client';
import { events } from './account-events.ts';
import type { AccountStore } from './account-store.ts';
import { VO_ID } from './member-names.ts';
import {
  applyMembership,
  type ForeignIdQuery,
  forgetVo,
  type MembershipChanges,
  type VerifiedMembership,
} from './membership-application.ts';
import type { MembershipRules } from './membership-plan.ts';
import { SerialQueue } from './serial-queue.ts';

export interface MembershipIntakeOptions {
  readonly store: AccountStore;
  readonly stateDirectory: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly trust: () => TrustStore;
  readonly voRoots: () => ReadonlyMap<string, string>;
  /** The site's rules as they are now. */
  readonly rules: () => MembershipRules;
  readonly queryForeign: ForeignIdQuery;
  /** Called after each application that is durable. */
  readonly onApplied: (changes: MembershipChanges) => void;
}

/** Takes signed membership lists: verified, kept as received, applied. One at a time, since all VOs share the ids. */
export class MembershipIntake {
  readonly #options: MembershipIntakeOptions;
  readonly #queue = new SerialQueue();

  constructor(options: MembershipIntakeOptions) {
    this.#options = options;
  }

  /** @throws XosError when the document is not this VO's, older than the one in force, expired, or badly signed */
  take(joined: JoinedVo, document: Buffer): Promise<void> {
    return this.#queue.run(async () => {
      const membership = this.#verify(joined, document);
      await this.#keep(joined, document);
      await this.#apply(membership);
    });
  }

  /** Applies what the store knows of a VO again, after the site's rules, its alias or the local users changed. */
  reapply(joined: JoinedVo): Promise<void> {
    return this.#queue.run(async () => {
      const { store } = this.#options;
      const record = store.vo(joined.vo);
      if (record === undefined) return;
      const members = store.membersOf(joined.vo).map(({ refusal: _refusal, ...member }) => member);
      await this.#apply({
        vo: joined.vo,
        alias: joined.alias,
        version: record.version,
        listExpiresAtMs: record.listExpiresAtMs,
        members,
        revokedSshSerials: store.revokedSshSerials(joined.vo),
      });
    });
  }

  /** Ends every account of a VO that this host is no longer in. */
  forget(vo: string): Promise<void> {
    return this.#queue.run(async () => {
      const { store, rules, onApplied, logger } = this.#options;
      const changes = await forgetVo(store.database, vo, rules());
      logger.notice(events.voGone, `VO ${vo} forgotten, ${changes.ended.length} accounts end`, { voId: vo });
      onApplied(changes);
    });
  }

  #verify(joined: JoinedVo, document: Buffer): VerifiedMembership {
    const { store, clock, trust, voRoots, logger } = this.#options;
    const { vo, alias } = joined;
    try {
      const { header, payload } = verifyDocument(document, {
        store: trust(),
        now: new Date(clock.nowMs()),
        voRoots: voRoots(),
        allowProxies: false,
        type: membershipDocumentType,
        vo,
        role: 'vops',
        minimumVersion: store.vo(vo)?.version ?? 0,
      });
      const list = parseMembershipList(JSON.parse(payload.toString('utf8')));
      if (list.vo !== vo || list.version !== header.version) {
        throw new XosError('XOS_DOCUMENT_INVALID', {
          what: 'membership list',
          vo,
          reason: 'its header and content differ',
        });
      }
      const members = list.members.map(({ user, guid, fqans, expiresAtMs }) => ({
        vo,
        user,
        guid,
        fqans,
        ...(expiresAtMs === null ? {} : { notAfterMs: expiresAtMs }),
      }));
      return {
        vo,
        alias,
        version: list.version,
        listExpiresAtMs: header.notAfter.getTime(),
        members,
        revokedSshSerials: list.revokedSshSerials,
      };
    } catch (error) {
      logger.error(events.membershipRefused, `VO ${vo}: membership list refused: ${reasonOf(error)}`, {
        voId: vo,
      });
      throw error;
    }
  }

  async #keep({ vo }: JoinedVo, document: Buffer): Promise<void> {
    if (!VO_ID.test(vo)) throw new XosError('XOS_VO_UNKNOWN', { vo });
    const directory = join(this.#options.stateDirectory, 'vo', vo);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    await writeFileAtomically(join(directory, 'membership'), document, { mode: 0o600 });
  }

  async #apply(membership: VerifiedMembership): Promise<void> {
    const { store, rules, queryForeign, logger, onApplied } = this.#options;
    const changes = await applyMembership(store.database, membership, rules(), queryForeign);
    if (changes.assigned.length + changes.ended.length + changes.refused.length > 0) {
      logger.info(
        events.membershipApplied,
        `VO ${membership.vo}: list ${membership.version} with ${membership.members.length} members applied, ` +
          `${changes.assigned.length} new accounts, ${changes.ended.length} ended`,
        { voId: membership.vo, listVersion: membership.version },
      );
    }
    // A list with thousands of refusals has one cause, which a few lines show.
    for (const { user, refusal } of changes.refused.slice(0, 20)) {
      logger.warning(
        events.memberWithoutAccount,
        `${user}@${membership.vo} has no account here: ${refusal}`,
        {
          voId: membership.vo,
          user,
        },
      );
    }
    onApplied(changes);
  }
}
