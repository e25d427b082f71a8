/** The space that files with holes have at their OSDs, for stat(2). */
import { type FileCredentials, objectCalls } from '@xtreemos/rpc';
import type { ObjectServers } from './object-servers.ts';

/** A file cannot have more; an OSD that says so is not believed. */
const mostBytes = 2n ** 52n;
/** So long stat(2) waits for OSDs, and asks one that did not answer no more. */
const waitMs = 2000;
const quietMs = 10_000;

export interface AllocatedSpaceOptions {
  readonly servers: Pick<ObjectServers, 'call'>;
  readonly monotonicMs: () => number;
  /** Default 2 s. */
  readonly waitMs?: number;
}

export class AllocatedSpace {
  readonly #options: AllocatedSpaceOptions;
  /** OSDs that did not answer, and until when they are left alone. */
  readonly #quietUntilMs = new Map<string, number>();

  constructor(options: AllocatedSpaceOptions) {
    this.#options = options;
  }

  /** @returns bytes; undefined where one of the OSDs does not tell. @throws the signal's reason */
  async bytesOf({ xcap, xlocs }: FileCredentials, signal: AbortSignal): Promise<number | undefined> {
    const osdUuids = xlocs?.replicas[0]?.osdUuids ?? [];
    const nowMs = this.#options.monotonicMs();
    if (osdUuids.some((uuid) => nowMs < (this.#quietUntilMs.get(uuid) ?? 0))) return undefined;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(this.#options.waitMs ?? waitMs)]);
    const answers = await Promise.all(
      osdUuids.map(async (uuid) => {
        try {
          const { response } = await this.#options.servers.call(
            uuid,
            objectCalls.space,
            xcap === undefined ? {} : { xcap },
            { signal: limit },
          );
          return response.allocatedBytes;
        } catch {
          // A size is told without it, as long as nobody knows better.
          if (!signal.aborted) this.#quietUntilMs.set(uuid, this.#options.monotonicMs() + quietMs);
          return undefined;
        }
      }),
    );
    signal.throwIfAborted();
    let bytes = 0n;
    for (const answer of answers) {
      if (answer === undefined || answer > mostBytes - bytes) return undefined;
      bytes += answer;
    }
    return Number(bytes);
  }
}
