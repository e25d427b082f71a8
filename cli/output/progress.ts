import { printable } from './printable.ts';

/** Where progress is written: standard error, and only when it is a terminal. */
export interface ProgressStream {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

const showAfterMs = 400;

/** Says what the work does now. */
export type TellProgress = (what: string) => void;

/**
 * Waits for slow work and, when it takes longer than a person likes to wait without a sign, says what is going on in one
 * line that vanishes afterwards. Nothing is written where nobody watches.
 */
export async function withProgress<T>(
  stream: ProgressStream,
  what: string,
  work: (tell: TellProgress) => Promise<T>,
): Promise<T> {
  if (stream.isTTY !== true) return work(() => undefined);
  let shown = false;
  let now = what;
  const show = () => stream.write(`${shown ? '\r\x1b[K' : ''}${printable(now)} ...`);
  const timer = setTimeout(() => {
    show();
    shown = true;
  }, showAfterMs);
  try {
    return await work((next) => {
      now = next;
      if (shown) show();
    });
  } finally {
    clearTimeout(timer);
    if (shown) stream.write('\r\x1b[K');
  }
}

const barWidth = 24;

/** `[######..................]  25 %`; empty where the total is not known. */
export function progressBar(done: number, total: number): string {
  if (total <= 0) return '';
  const part = Math.min(done / total, 1);
  const full = Math.round(part * barWidth);
  return `[${'#'.repeat(full)}${'.'.repeat(barWidth - full)}] ${Math.round(part * 100)} %`;
}
