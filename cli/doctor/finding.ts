/**
 * `ok`; `warning`: works, and will not for long or not for everybody; `failure`: does not work or is not safe; `unchecked`:
 * could not be looked at or does not apply, the text says why.
 */
export type FindingState = 'ok' | 'warning' | 'failure' | 'unchecked';

/** What a check found, in one line, and for a warning or a failure what to do about it. */
export interface Finding {
  readonly state: FindingState;
  readonly text: string;
  /** A command, or a step in one line. */
  readonly action?: string;
}

export function ok(text: string): Finding {
  return { state: 'ok', text };
}

export function warning(text: string, action: string): Finding {
  return { state: 'warning', text, action };
}

export function failure(text: string, action: string): Finding {
  return { state: 'failure', text, action };
}

/** `why` says what kept it from being looked at; `action` how it could be, where there is a way. */
export function unchecked(why: string, action?: string): Finding {
  return { state: 'unchecked', text: why, ...(action === undefined ? {} : { action }) };
}

/** Said in the same words by every check, so that a report can say it once. */
export function notInstalled(what: string): Finding {
  return unchecked(`${what} is not installed here`);
}

export function noVoJoined(): Finding {
  return unchecked('this host has joined no VO');
}

const gravity: readonly FindingState[] = ['failure', 'warning', 'ok', 'unchecked'];

/** The gravest state; something that was looked at and is fine outweighs what could not be looked at. */
export function worst(findings: readonly Finding[]): FindingState {
  return gravity.find((state) => findings.some((finding) => finding.state === state)) ?? 'unchecked';
}

/** The findings that say something is wrong; where none does, `good`. */
export function problemsOr(findings: readonly Finding[], good: () => Finding): readonly Finding[] {
  const isProblem = ({ state }: Finding): boolean => state === 'warning' || state === 'failure';
  return findings.some(isProblem) ? findings : [good(), ...findings];
}
