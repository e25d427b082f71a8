import type { VoState } from '@xtreemos/accounts-client';
import { durationText } from '../output/time-text.ts';

/** CRLs come anew every hour and end after 24 h: half a day without one is worth a word. */
const oldCrlMs = 12 * 3_600_000;

export interface VoProblem {
  /** What is wrong, the VO first. */
  readonly text: string;
  readonly action: string;
  /** Nobody of the VO can log in. */
  readonly isFatal: boolean;
}

/** What is wrong with the VOs that this host has joined, by what xos-accounts says of them. */
export function voProblems(
  states: readonly VoState[],
  joined: readonly string[],
  nowMs: number,
): readonly VoProblem[] {
  const unknown = joined
    .filter((vo) => !states.some((state) => state.vo === vo))
    .map((vo) => ({
      text: `${vo}: joined, but xos-accounts does not know it`,
      action: 'run systemctl reload xos-accounts',
      isFatal: true,
    }));
  return [...unknown, ...states.flatMap((state) => problemsOf(state, nowMs))];
}

function problemsOf(state: VoState, nowMs: number): readonly VoProblem[] {
  const problems: VoProblem[] = [];
  const add = (isFatal: boolean, text: string, action: string): void => {
    problems.push({ text: `${state.vo}: ${text}`, action, isFatal });
  };
  if (!state.connected) {
    const why = state.problem === undefined ? '' : ` (${state.problem})`;
    add(
      false,
      `no connection to ${state.serviceUrl}${why}; revocations arrive late`,
      'check the network and the service',
    );
  } else if (state.problem !== undefined) {
    add(false, state.problem, 'see the journal: journalctl -b -u xos-accounts -p warning');
  }
  if (state.listExpiresAtMs !== undefined && state.listExpiresAtMs <= nowMs) {
    add(true, 'the membership list has expired, nobody can log in', 'bring the service back');
  }
  if (state.crlAgeMs !== undefined && state.crlAgeMs > oldCrlMs) {
    add(
      false,
      `the revocation list is ${durationText(state.crlAgeMs)} old; logins stop when it ends`,
      'bring the service back',
    );
  }
  return problems;
}
