import type { Clock, Logger } from '@xtreemos/base';
import { defineEvent, reasonOf } from '@xtreemos/base';

/** Where a service can be reached. */
export interface ServiceAddress {
  /** `pbrpc` in plain text, `pbrpcs` with TLS, as XtreemFS names them. */
  readonly protocol: 'pbrpc' | 'pbrpcs';
  readonly address: string;
  readonly port: number;
}

/** What the DIR is told of a service. */
export interface ServiceRecord {
  readonly type: 'mrc' | 'osd' | 'volume';
  readonly uuid: string;
  readonly name: string;
  /** `free`, `total`, `load`, `status`...: keys of XtreemFS's service data map. */
  readonly data: Readonly<Record<string, string>>;
}

/** The calls of the DIR that registering needs; versions are the DIR's, and it refuses a change of an older one. */
export interface Directory {
  getService(uuid: string): Promise<{ readonly version: bigint } | undefined>;
  /** @returns the new version */
  registerService(record: ServiceRecord, version: bigint): Promise<bigint>;
  getAddressVersion(uuid: string): Promise<bigint>;
  setAddresses(uuid: string, addresses: readonly ServiceAddress[], version: bigint): Promise<void>;
  setOffline(uuid: string): Promise<void>;
}

export interface HeartbeatOptions {
  readonly directory: Directory;
  readonly addresses: readonly ServiceAddress[];
  readonly uuid: string;
  /** Asked at each beat: what changes (free space, load) is told then. */
  readonly records: () => Promise<readonly ServiceRecord[]> | readonly ServiceRecord[];
  readonly intervalMs: number;
  readonly logger: Logger;
  readonly clock: Clock;
}

export interface Heartbeat {
  /** Milliseconds since the DIR took the last beat; undefined before the first. */
  ageMs(): number | undefined;
  /** Resolves when a beat is over that began after the call. */
  beatNow(): Promise<boolean>;
  /** Tells the DIR that the services are gone, as far as it can be reached within `timeoutMs`. */
  stop(timeoutMs?: number): Promise<void>;
}

const events = {
  registered: defineEvent('xtreemfs.registered'),
  lost: defineEvent('xtreemfs.directory-lost'),
} as const;

/**
 * Registers at the DIR and does so again and again: a service that stops telling is taken for dead. An unreachable DIR is
 * logged once and tried again after 2, 4, 8... seconds, at most the interval; service goes on meanwhile.
 */
export function startHeartbeat(options: HeartbeatOptions): Heartbeat {
  const { directory, logger, clock } = options;
  let lastMs: number | undefined;
  let isLost = false;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<boolean> = Promise.resolve(false);
  let addressesAreSet = false;
  let failures = 0;

  async function beat(): Promise<boolean> {
    try {
      if (!addressesAreSet) {
        await directory.setAddresses(
          options.uuid,
          options.addresses,
          await directory.getAddressVersion(options.uuid),
        );
        addressesAreSet = true;
      }
      const records = await options.records();
      for (const record of records) {
        const known = await directory.getService(record.uuid);
        // Not the version of the last beat: an administrator or another DIR may have written meanwhile.
        await directory.registerService(record, known?.version ?? 0n);
      }
      if (isLost || lastMs === undefined)
        logger.info(events.registered, 'Registered at the DIR', {
          service: options.uuid,
          records: records.length,
        });
      isLost = false;
      lastMs = clock.monotonicMs();
      return true;
    } catch (error) {
      // Addresses are set anew: a DIR that is back may have lost them.
      addressesAreSet = false;
      if (!isLost)
        logger.warning(events.lost, `Cannot register at the DIR, trying again: ${reasonOf(error)}`);
      isLost = true;
      return false;
    }
  }

  async function beatInTurn(): Promise<boolean> {
    running = running.then(beat);
    const succeeded = await running;
    failures = succeeded ? 0 : failures + 1;
    if (!stopped) {
      clearTimeout(timer);
      // Servers and their DIR are often started side by side.
      const pauseMs = succeeded ? options.intervalMs : Math.min(options.intervalMs, 1000 * 2 ** failures);
      timer = setTimeout(() => void beatInTurn(), pauseMs).unref();
    }
    return succeeded;
  }

  void beatInTurn();
  return {
    ageMs: () => (lastMs === undefined ? undefined : clock.monotonicMs() - lastMs),
    beatNow: beatInTurn,
    async stop(timeoutMs = 2000) {
      stopped = true;
      clearTimeout(timer);
      let giveUp: NodeJS.Timeout | undefined;
      const limit = new Promise<void>((resolve) => {
        giveUp = setTimeout(resolve, timeoutMs);
      });
      const leave = async () => {
        await running;
        if (lastMs !== undefined) await directory.setOffline(options.uuid);
      };
      await Promise.race([leave().catch(() => undefined), limit]);
      clearTimeout(giveUp);
    },
  };
}
