import type { ForeignIdQuery } from './membership-application.ts';

export interface NameServices {
  /** Resolves to null when no name service knows the uid. */
  getpwuid(uid: number): Promise<unknown>;
  getgrgid(gid: number): Promise<unknown>;
}

/** Look-ups under way at once: remote directories answer in milliseconds each, and a first list has thousands of ids. */
const CONCURRENCY = 32;
/** A directory that hangs must not keep a new member out for ever; ids not asked in time count as free. */
const DEADLINE_MS = 20_000;

/** Asks the host's name services which of some ids they know; those of the local files are known without asking. */
export function foreignIdsOf(
  services: NameServices,
  monotonicMs: () => number,
  onTimeout: (unasked: number) => void,
): ForeignIdQuery {
  return async (uids, gids) => {
    const found = { uids: new Set<number>(), gids: new Set<number>() };
    const questions = [
      ...uids.map((uid) => async () => {
        if ((await services.getpwuid(uid)) !== null) found.uids.add(uid);
      }),
      ...gids.map((gid) => async () => {
        if ((await services.getgrgid(gid)) !== null) found.gids.add(gid);
      }),
    ];
    const untilMs = monotonicMs() + DEADLINE_MS;
    let next = 0;
    const worker = async () => {
      while (next < questions.length && monotonicMs() < untilMs) {
        const question = questions[next++];
        await question?.();
      }
    };
    await Promise.all(Array.from({ length: Math.min(CONCURRENCY, questions.length) }, worker));
    if (next < questions.length) onTimeout(questions.length - next);
    return found;
  };
}
