import { type Clock, type Logger, reasonOf } from '@xtreemos/base';
import type { JoinedVo } from '@xtreemos/identity';
import type { CrlBundle, NodeEvent, VoClient } from '@xtreemos/vo-client';
import { events } from './account-events.ts';

/** What a connection needs of the VO service. */
export type VoServiceFace = Pick<VoClient, 'events' | 'membership' | 'crls' | 'trust'>;

export interface VoConnectionOptions {
  readonly joined: JoinedVo;
  /** A client with the host credential as it is on the disk now; throws when there is none. */
  readonly client: () => VoServiceFace;
  /** Version of the list in force; undefined asks for the document whatever its version. */
  readonly knownVersion: () => number | undefined;
  /** Verifies, stores and applies a signed list. */
  readonly takeMembership: (document: Buffer) => Promise<void>;
  /** Verifies and stores CRLs; ends what they revoke. */
  readonly takeCrls: (bundle: CrlBundle) => Promise<void>;
  /** Keeps the VO's SSH user certificate authorities. */
  readonly takeSshAuthorities: (lines: readonly string[]) => Promise<void>;
  /** The VO was destroyed, or this host put out of it. */
  readonly gone: (reason: string) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** 0 to 1; spreads the reconnects of many hosts. */
  readonly random: () => number;
  readonly refreshIntervalMs: () => number;
  readonly onChange: () => void;
}

/** What is known of a connection, for people. */
export interface VoConnectionState {
  readonly connected: boolean;
  readonly unreachableSinceMs?: number;
  readonly lastListAtMs?: number;
  readonly crlThisUpdateMs?: number;
  readonly problem?: string;
}

const FIRST_BACKOFF_MS = 1000;
const LONGEST_BACKOFF_MS = 60_000;

/**
 * Keeps this host's knowledge of one VO current: events over one connection while it stands, polling with backoff while
 * it does not, and a fetch now and then in any case, since lists and CRLs expire without an event.
 */
export class VoConnection {
  readonly #options: VoConnectionOptions;
  readonly #stopped = new AbortController();
  #state: VoConnectionState = { connected: false };
  #running: Promise<unknown> | undefined;
  #crlVersion = -1;
  #fetching: Promise<void> | undefined;
  #nextFetch: Promise<void> | undefined;

  constructor(options: VoConnectionOptions) {
    this.#options = options;
  }

  get joined(): JoinedVo {
    return this.#options.joined;
  }

  get state(): VoConnectionState {
    return this.#state;
  }

  start(): void {
    this.#running ??= Promise.all([this.#listen(), this.#refreshNowAndThen()]);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  /**
   * Fetches CRLs and list and applies them; rejects when either could not be had. Whoever asks gets a fetch that began
   * after the asking: those who ask while one is under way share the next.
   */
  refresh(): Promise<void> {
    if (this.#fetching === undefined) return this.#startFetch();
    this.#nextFetch ??= this.#fetching
      .catch(() => undefined)
      .then(() => {
        this.#nextFetch = undefined;
        return this.#startFetch();
      });
    return this.#nextFetch;
  }

  #startFetch(): Promise<void> {
    const fetching = this.#fetch().finally(() => {
      if (this.#fetching === fetching) this.#fetching = undefined;
    });
    this.#fetching = fetching;
    return fetching;
  }

  async #listen(): Promise<void> {
    const { client, logger, sleep, random, joined } = this.#options;
    let backoffMs = FIRST_BACKOFF_MS;
    while (!this.#stopped.signal.aborted) {
      try {
        for await (const event of client().events(this.#stopped.signal)) {
          backoffMs = FIRST_BACKOFF_MS;
          await this.#take(event);
        }
        if (!this.#stopped.signal.aborted) throw new Error('the service ended the connection');
      } catch (error) {
        if (this.#stopped.signal.aborted) break;
        if (this.#state.connected) {
          logger.warning(events.voLost, `VO ${joined.vo}: connection lost: ${reasonOf(error)}`, {
            voId: joined.vo,
          });
        }
        this.#change({ connected: false, problem: reasonOf(error) });
        await sleep(backoffMs * (0.5 + random() / 2), this.#stopped.signal);
        backoffMs = Math.min(backoffMs * 2, LONGEST_BACKOFF_MS);
        // The events may be out of reach while single requests are not; if neither works the next turn says so.
        if (!this.#stopped.signal.aborted) await this.refresh().catch(() => undefined);
      }
    }
    this.#change({ connected: false });
  }

  async #take(event: NodeEvent): Promise<void> {
    const { joined, logger, gone } = this.#options;
    if (event.type !== 'heartbeat' && event.vo !== joined.vo) {
      throw new Error(`the service of ${joined.vo} sent an event of VO ${event.vo}`);
    }
    switch (event.type) {
      case 'hello':
        logger.info(events.voConnected, `VO ${joined.vo}: connected to ${joined.serviceUrl}`, {
          voId: joined.vo,
        });
        this.#change({ connected: true });
        await this.refresh();
        break;
      case 'membership':
        await this.#fetchMembership();
        break;
      case 'crl':
        if (event.version > this.#crlVersion) await this.#fetchCrls();
        break;
      case 'gone':
        logger.warning(events.voGone, `VO ${joined.vo}: ${event.reason}`, { voId: joined.vo });
        await gone(event.reason);
        break;
      case 'heartbeat':
        break;
    }
  }

  async #refreshNowAndThen(): Promise<void> {
    const { sleep, refreshIntervalMs, random } = this.#options;
    while (!this.#stopped.signal.aborted) {
      await sleep(refreshIntervalMs() * (0.75 + random() / 2), this.#stopped.signal);
      if (!this.#stopped.signal.aborted) await this.refresh().catch(() => undefined);
    }
  }

  async #fetch(): Promise<void> {
    try {
      // The list's signature is judged against the CRLs, so those come first.
      await this.#fetchCrls();
      await this.#fetchMembership();
      await this.#fetchSshAuthorities();
      this.#change({ connected: this.#state.connected });
    } catch (error) {
      this.#change({ connected: this.#state.connected, problem: reasonOf(error) });
      throw error;
    }
  }

  async #fetchCrls(): Promise<void> {
    const { client, joined, takeCrls } = this.#options;
    const bundle = await client().crls(joined.vo);
    await takeCrls(bundle);
    this.#crlVersion = bundle.version;
    const oldest = Math.min(...bundle.crls.map(({ thisUpdateMs }) => thisUpdateMs));
    if (Number.isFinite(oldest)) this.#state = { ...this.#state, crlThisUpdateMs: oldest };
  }

  async #fetchSshAuthorities(): Promise<void> {
    const { client, joined, takeSshAuthorities } = this.#options;
    const bundle = await client().trust(joined.vo);
    if (bundle.vo !== joined.vo || bundle.rootFingerprint !== joined.caFingerprint) {
      throw new Error(`the service at ${joined.serviceUrl} sent trust of another root or VO`);
    }
    await takeSshAuthorities(bundle.sshUserCas);
  }

  async #fetchMembership(): Promise<void> {
    const { client, joined, knownVersion, takeMembership, clock } = this.#options;
    const document = await client().membership(joined.vo, knownVersion());
    if (document !== null) await takeMembership(document);
    this.#state = { ...this.#state, lastListAtMs: clock.nowMs() };
  }

  #change(change: { connected: boolean; problem?: string }): void {
    const { problem: _former, unreachableSinceMs, ...rest } = this.#state;
    const isUnreachable =
      !change.connected && (change.problem !== undefined || unreachableSinceMs !== undefined);
    this.#state = {
      ...rest,
      ...change,
      ...(isUnreachable ? { unreachableSinceMs: unreachableSinceMs ?? this.#options.clock.nowMs() } : {}),
    };
    this.#options.onChange();
  }
}
