import { setImmediate as nextTurn } from 'node:timers/promises';

/** Work cut into steps: it yields wherever others may have a turn. */
export type Steps<Result> = Generator<void, Result, void>;

/** How long one turn of such work may hold the event loop: a login's heartbeat is due every 250 ms. */
const turnMs = 10;

/** Does the work in turns of about 10 ms, between which the event loop answers others. */
export async function inTurns<Result>(steps: Steps<Result>): Promise<Result> {
  let began = performance.now();
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
    if (performance.now() - began < turnMs) continue;
    await nextTurn();
    began = performance.now();
  }
}

/** Does the work at once. */
export function atOnce<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}
