import { printable } from './printable.ts';

/** Where progress is written: standard error, and only when it is a terminal. */
export interface ProgressStream {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

const showAfterMs = 400;

/**
 * Waits for slow work and, when it takes longer than a person likes to wait without a sign, says what is going on in one
 * line that vanishes afterwards. Nothing is written where nobody watches.
 */
export async function withProgress<T>(
  stream: ProgressStream,
  what: string,
  work: () => Promise<T>,
): Promise<T> {
  if (stream.isTTY !== true) return work();
  let shown = false;
  const timer = setTimeout(() => {
    shown = true;
    stream.write(`${printable(what)} ...`);
  }, showAfterMs);
  try {
    return await work();
  } finally {
    clearTimeout(timer);
    if (shown) stream.write('\r\x1b[K');
  }
}
