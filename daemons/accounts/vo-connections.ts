import { existsSync } from 'node:fs';
import type { VoState } from '@xtreemos/accounts-client';
import { type Clock, type Logger, reasonOf, XosError } from '@xtreemos/base';
import { type JoinedVo, readJoinedVos } from '@xtreemos/identity';
import { events } from './account-events.ts';
import type { AccountStore } from './account-store.ts';
import type { MembershipIntake } from './membership-intake.ts';
import { sleep } from './pausing.ts';
import type { RevocationWatch } from './revocation-watch.ts';
import { VoConnection } from './vo-connection.ts';
import type { VoDirectory } from './vo-directory.ts';

export interface VoConnectionsOptions {
  readonly voFiles: () => string;
  readonly store: AccountStore;
  readonly directory: VoDirectory;
  readonly intake: MembershipIntake;
  readonly revocations: RevocationWatch;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly refreshIntervalMs: () => number;
  /** Reads the trust directory again: joining a VO adds anchors. */
  readonly reloadTrust: () => Promise<unknown>;
  readonly onChange: () => void;
}

/** A refresh that was asked for by look-ups of unknown names happens at most so often per VO. */
const MISS_REFRESH_MS = 30_000;
/** Below this much life left a list is fetched again though its version is known. */
const RENEW_LIST_BEFORE_MS = 12 * 3_600_000;

/** One connection per joined VO, as vo.d says. */
export class VoConnections {
  readonly #options: VoConnectionsOptions;
  readonly #connections = new Map<string, VoConnection>();
  readonly #missRefreshedAtMs = new Map<string, number>();

  constructor(options: VoConnectionsOptions) {
    this.#options = options;
  }

  /**
   * Makes the connections agree with vo.d: new VOs are connected, changed ones reconnected, those that were left end.
   * @throws XosError XOS_CONFIGURATION_BAD; everything then stays as it was
   */
  async rescan(): Promise<void> {
    const { voFiles, directory, store, intake, reloadTrust, onChange } = this.#options;
    const joined = readJoinedVos(voFiles());
    if (joined.length === 0 && store.vos().length > 0 && !existsSync(voFiles())) {
      // Leaving a VO removes a file. A directory that is not there is a mishap, and ends nobody's sessions.
      const reason = `${voFiles()} is gone, though this host is in ${store.vos().length} VOs; make it, empty, to leave them`;
      throw new XosError('XOS_CONFIGURATION_BAD', { reason });
    }
    await reloadTrust();
    directory.set(joined);
    const wanted = new Map(joined.map((vo) => [vo.vo, vo]));
    for (const [vo, connection] of this.#connections) {
      const now = wanted.get(vo);
      if (now !== undefined && isSame(now, connection.joined)) continue;
      this.#connections.delete(vo);
      await connection.stop();
    }
    for (const { vo } of store.vos()) {
      if (!wanted.has(vo)) await intake.forget(vo);
    }
    for (const vo of joined) {
      if (this.#connections.has(vo.vo)) continue;
      if (store.vo(vo.vo)?.alias !== vo.alias) await intake.reapply(vo);
      const connection = this.#connectionTo(vo);
      this.#connections.set(vo.vo, connection);
      connection.start();
    }
    onChange();
  }

  /** Applies the lists in force again, after the site's rules changed. */
  async reapply(): Promise<void> {
    for (const vo of this.#options.directory.joined) await this.#options.intake.reapply(vo);
  }

  /** Fetches now; by VO id or alias, or all. @throws XosError of the first that fails, after all were tried */
  async refresh(name?: string): Promise<void> {
    const all = [...this.#connections.values()];
    const chosen =
      name === undefined ? all : all.filter(({ joined }) => joined.vo === name || joined.alias === name);
    if (name !== undefined && chosen.length === 0) throw new XosError('XOS_VO_UNKNOWN', { vo: name });
    const results = await Promise.allSettled(chosen.map((connection) => connection.refresh()));
    for (const result of results) {
      if (result.status === 'rejected') throw result.reason;
    }
  }

  /** A name of this VO was looked up and nobody has it: perhaps the list here is behind. */
  refreshAfterMiss(alias: string): void {
    const { clock, logger } = this.#options;
    const connection = [...this.#connections.values()].find(({ joined }) => joined.alias === alias);
    if (connection === undefined) return;
    const lastMs = this.#missRefreshedAtMs.get(connection.joined.vo);
    if (lastMs !== undefined && clock.monotonicMs() - lastMs < MISS_REFRESH_MS) return;
    this.#missRefreshedAtMs.set(connection.joined.vo, clock.monotonicMs());
    connection.refresh().catch((error: unknown) => {
      logger.debug(events.voLost, `refresh of ${connection.joined.vo} failed: ${reasonOf(error)}`);
    });
  }

  states(): readonly VoState[] {
    const { store, clock } = this.#options;
    return [...this.#connections.values()].map(({ joined, state }) => {
      const record = store.vo(joined.vo);
      return {
        vo: joined.vo,
        alias: joined.alias,
        serviceUrl: joined.serviceUrl,
        connected: state.connected,
        ...(state.unreachableSinceMs === undefined ? {} : { unreachableSinceMs: state.unreachableSinceMs }),
        membershipVersion: record?.version ?? 0,
        members: store.memberCount(joined.vo),
        ...(state.lastListAtMs === undefined ? {} : { lastListAtMs: state.lastListAtMs }),
        ...(record === undefined ? {} : { listExpiresAtMs: record.listExpiresAtMs }),
        ...(state.crlThisUpdateMs === undefined
          ? {}
          : { crlAgeMs: Math.max(0, clock.nowMs() - state.crlThisUpdateMs) }),
        ...(state.problem === undefined ? {} : { problem: state.problem }),
      };
    });
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#connections.values()].map((connection) => connection.stop()));
    this.#connections.clear();
  }

  #connectionTo(joined: JoinedVo): VoConnection {
    const { store, directory, intake, revocations, clock, logger, refreshIntervalMs, onChange } =
      this.#options;
    const { vo } = joined;
    return new VoConnection({
      joined,
      client: () => directory.service(vo).client,
      knownVersion: () => {
        const record = store.vo(vo);
        const isFresh = record !== undefined && record.listExpiresAtMs - clock.nowMs() > RENEW_LIST_BEFORE_MS;
        return isFresh ? record.version : undefined;
      },
      takeMembership: async (document) => {
        await intake.take(joined, document);
        await revocations.judgeSessions();
      },
      takeCrls: (bundle) => revocations.take(vo, bundle),
      takeSshAuthorities: (lines) => directory.setSshAuthorities(vo, lines),
      gone: () => intake.forget(vo),
      clock,
      logger,
      sleep,
      random: Math.random,
      refreshIntervalMs,
      onChange,
    });
  }
}

function isSame(one: JoinedVo, other: JoinedVo): boolean {
  return (
    one.alias === other.alias &&
    one.serviceUrl === other.serviceUrl &&
    one.caFingerprint === other.caFingerprint &&
    one.serviceCaFingerprint === other.serviceCaFingerprint
  );
}
