import type { EventDefinition, Logger } from '@xtreemos/base';

/** So many are said at once; of those that follow, one after each pause, with the number of all that were not said. */
const burst = 5;
const pauseMs = 10_000;

/** Notices that strangers bring about: their number must not fill the journal. */
export class PacedNotice {
  readonly #logger: Logger;
  readonly #event: EventDefinition;
  #said = 0;
  #unsaid = 0;
  #last = '';
  #pause: NodeJS.Timeout | undefined;

  constructor(logger: Logger, event: EventDefinition) {
    this.#logger = logger;
    this.#event = event;
  }

  say(message: string): void {
    if (this.#said < burst) {
      this.#said += 1;
      this.#logger.notice(this.#event, message);
    } else {
      this.#unsaid += 1;
      this.#last = message;
    }
    this.#pause ??= setTimeout(() => this.#afterPause(), pauseMs).unref();
  }

  #afterPause(): void {
    this.#pause = undefined;
    if (this.#unsaid === 0) {
      this.#said = 0;
      return;
    }
    const fields = { since: pauseMs / 1000, times: this.#unsaid };
    this.#logger.notice(this.#event, `${this.#last}; ${this.#unsaid} like it in ${fields.since} s`, fields);
    this.#unsaid = 0;
    this.#pause = setTimeout(() => this.#afterPause(), pauseMs).unref();
  }
}
