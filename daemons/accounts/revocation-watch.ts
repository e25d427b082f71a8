import { setImmediate } from 'node:timers/promises';
import { type Clock, isXosError, type Logger, reasonOf } from '@xtreemos/base';
import {
  isCrlOfAnchor,
  parseCertificateChain,
  parseCrl,
  type TrustDirectories,
  validatePath,
  writeCrl,
} from '@xtreemos/identity';
import type { CrlBundle } from '@xtreemos/vo-client';
import { events } from './account-events.ts';
import type { SessionRecord } from './account-records.ts';
import type { AccountStore } from './account-store.ts';
import type { LeaseEnd } from './lease-end.ts';

export interface RevocationWatchOptions {
  readonly store: AccountStore;
  readonly trust: TrustDirectories;
  readonly crlDirectory: string;
  readonly leaseEnd: LeaseEnd;
  readonly voRoots: () => ReadonlyMap<string, string>;
  /** GUID of this host in a VO: session certificates are bound to it. */
  readonly hostGuid: (vo: string) => string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Keeps CRLs and ends the accounts whose live sessions stand on a certificate that was revoked. */
export class RevocationWatch {
  readonly #options: RevocationWatchOptions;

  constructor(options: RevocationWatchOptions) {
    this.#options = options;
  }

  /**
   * Stores newer CRLs of a bundle and judges the live sessions again. Each must be signed by a CA that is installed here:
   * else one VO's service could put a forged list, dated ahead, in the place of another VO's, whose people could log in no more.
   */
  async take(vo: string, bundle: CrlBundle): Promise<void> {
    const { trust, crlDirectory, logger } = this.#options;
    let written = false;
    for (const { issuer, pem } of bundle.crls) {
      const list = parseCrl(pem);
      if (!isCrlOfAnchor(list, trust.current)) {
        logger.warning(
          events.revocationListRefused,
          `VO ${vo}: the CRL of its ${issuer} is not signed by a CA installed here named ${list.issuer.rfc4514}`,
          { voId: vo },
        );
        continue;
      }
      const result = await writeCrl(crlDirectory, list);
      written ||= result.written;
      if (result.written) {
        logger.debug(events.revocationListReceived, `VO ${vo}: CRL of its ${issuer} stored`, { voId: vo });
      }
    }
    const changed = await trust.reload();
    if (written || changed) await this.judgeSessions();
  }

  /**
   * Ends the accounts of sessions whose certificate or SSH certificate is revoked; resolves when all were judged, while
   * clean-ups go on. Many sessions are judged in turns, so that a new CRL does not hold up those who log in meanwhile.
   */
  async judgeSessions(): Promise<void> {
    for (const [index, session] of this.#options.store.sessions().entries()) {
      if (index % 16 === 15) await setImmediate();
      this.#judge(session);
    }
  }

  #judge(session: SessionRecord): void {
    const { store, leaseEnd, logger } = this.#options;
    const reason = this.#revocationOf(session);
    if (reason === undefined) return;
    const lease = store.leaseOf(session.vo, session.user);
    if (lease?.state !== 'leased') return;
    logger.notice(events.revocation, `${session.login}: ${reason}`, {
      loginName: session.login,
      sessionId: session.sessionId,
      voId: session.vo,
    });
    leaseEnd.end(lease, reason).catch((error: unknown) => {
      logger.error(events.cleanUpFailed, `${session.login}: ending the account failed: ${reasonOf(error)}`);
    });
  }

  #revocationOf(session: SessionRecord): string | undefined {
    const { store, trust, voRoots, hostGuid, clock } = this.#options;
    if (session.sshSerial !== undefined && store.isSshCertificateRevoked(session.vo, session.sshSerial)) {
      return `its SSH certificate ${session.sshSerial} is revoked`;
    }
    if (session.chain === undefined) return undefined;
    const presentedBy = hostGuid(session.vo);
    try {
      validatePath(parseCertificateChain(session.chain), {
        store: trust.current,
        now: new Date(clock.nowMs()),
        voRoots: voRoots(),
        allowProxies: false,
        ...(presentedBy === undefined ? {} : { presentedBy }),
      });
    } catch (error) {
      // Only a revocation ends sessions here: an expired certificate or CRL is for ExpiredSession= to decide.
      if (isXosError(error, 'XOS_CREDENTIAL_REVOKED')) return error.message;
    }
    return undefined;
  }
}
