/** What text is laid out for: a terminal of some width, or a file or pipe, which has none. */
export interface Terminal {
  /** Characters in a line; Infinity where output is no terminal, so that nothing is cut off in a pipe. */
  readonly columns: number;
  readonly paint: Paint;
}

/** Colours carry no meaning of their own: every state they mark is also written out. */
export interface Paint {
  readonly good: (text: string) => string;
  readonly warn: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly strong: (text: string) => string;
  readonly faint: (text: string) => string;
}

/** The part of a tty.WriteStream that decides the layout. */
export interface OutputStream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

/** Colour only on a terminal, and not where NO_COLOR is set to anything (no-color.org) or TERM is `dumb`. */
export function terminalOf(stream: OutputStream, environment: NodeJS.ProcessEnv): Terminal {
  const isTerminal = stream.isTTY === true;
  const noColour = (environment['NO_COLOR'] ?? '') !== '' || environment['TERM'] === 'dumb';
  return {
    columns: isTerminal ? Math.max(stream.columns ?? 80, 40) : Number.POSITIVE_INFINITY,
    paint: isTerminal && !noColour ? coloured : plain,
  };
}

const asIs = (text: string): string => text;
const plain: Paint = { good: asIs, warn: asIs, bad: asIs, strong: asIs, faint: asIs };

const coloured: Paint = {
  good: (text) => `\x1b[32m${text}\x1b[0m`,
  warn: (text) => `\x1b[33m${text}\x1b[0m`,
  bad: (text) => `\x1b[31m${text}\x1b[0m`,
  strong: (text) => `\x1b[1m${text}\x1b[0m`,
  faint: (text) => `\x1b[2m${text}\x1b[0m`,
};
