import { type Logger, reasonOf } from '@xtreemos/base';
import { events } from './account-events.ts';

export interface MapPublisherOptions {
  /** Builds the bytes of the map as things stand. */
  readonly build: () => Promise<Uint8Array>;
  readonly publish: (map: Uint8Array) => Promise<unknown>;
  readonly logger: Logger;
  /** The map went out, or not: `problem` changed. */
  readonly onChange?: () => void;
  /** Waits between attempts; the signal ends the wait. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

/**
 * Publishes the NSS map through xos-helper. Changes that come while a map is being written share the next one; when the
 * helper does not answer it is tried again until it does, because a stale map would keep people out who may come in.
 */
export class MapPublisher {
  readonly #options: MapPublisherOptions;
  readonly #stopped = new AbortController();
  #wanted = false;
  #running: Promise<void> | undefined;
  #published = false;
  #lastProblem: string | undefined;

  constructor(options: MapPublisherOptions) {
    this.#options = options;
  }

  /** Why the last attempt failed; undefined when it did not. */
  get problem(): string | undefined {
    return this.#lastProblem;
  }

  /** True once any map was published by this process. */
  get published(): boolean {
    return this.#published;
  }

  /** Asks for a map of the present state; resolves when such a map was published, or publishing was given up by `stop`. */
  publish(): Promise<void> {
    this.#wanted = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  stop(): void {
    this.#stopped.abort();
  }

  async #run(): Promise<void> {
    const { build, publish, logger, sleep } = this.#options;
    let waitMs = 250;
    while (this.#wanted && !this.#stopped.signal.aborted) {
      this.#wanted = false;
      try {
        const map = await build();
        await publish(map);
        this.#published = true;
        if (this.#lastProblem !== undefined) {
          logger.notice(events.mapPublished, 'NSS map published again');
          this.#lastProblem = undefined;
          this.#options.onChange?.();
        }
        logger.debug(events.mapPublished, `NSS map of ${map.length} bytes published`);
        waitMs = 250;
      } catch (error) {
        const reason = reasonOf(error);
        // The helper may be away for long, and one line says it all.
        if (reason !== this.#lastProblem) {
          logger.warning(events.mapNotPublished, `NSS map was not published, trying until it is: ${reason}`);
        }
        this.#lastProblem = reason;
        this.#options.onChange?.();
        this.#wanted = true;
        await sleep(waitMs, this.#stopped.signal);
        waitMs = Math.min(waitMs * 2, 15_000);
      }
    }
  }
}
