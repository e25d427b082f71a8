import { type Logger, reasonOf } from '@xtreemos/base';
import { events } from './account-events.ts';

export interface Chore {
  readonly name: string;
  readonly everyMs: number;
  readonly work: () => void | Promise<void>;
}

/** Runs chores at their intervals, each never twice at once; a chore that fails is logged and tried at the next turn. */
export class Housekeeping {
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #running = new Set<Promise<void>>();

  constructor(chores: readonly Chore[], logger: Logger) {
    for (const { name, everyMs, work } of chores) {
      let busy = false;
      const turn = async () => {
        if (busy) return;
        busy = true;
        try {
          await work();
        } catch (error) {
          logger.error(events.requestFailed, `${name} failed: ${reasonOf(error)}`, {
            error: error instanceof Error ? error : null,
          });
        } finally {
          busy = false;
        }
      };
      const timer = setInterval(() => {
        const done: Promise<void> = turn().finally(() => this.#running.delete(done));
        this.#running.add(done);
      }, everyMs);
      timer.unref();
      this.#timers.push(timer);
    }
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.all(this.#running);
  }
}
