/** Histories of registers: what was written and read when, and whether a reader saw what close-to-open promises. */

export interface Interval {
  /** By one clock for all clients, in ms; a read begins with open and ends with close, as a write does. */
  readonly startMs: number;
  readonly endMs: number;
}

export interface Write extends Interval {
  readonly value: string;
}

export interface Read extends Interval {
  readonly value: string;
  readonly client: number;
}

/**
 * Close-to-open: who opens after a writer has closed sees what was written, or something newer; a write that is going on
 * meanwhile may be seen or not. (A regular register of many writers.)
 * @param latencyMs how long after a write something older may still be seen
 * @returns what is wrong with each read that saw something else
 */
export function violations(
  writes: readonly Write[],
  reads: readonly Read[],
  latencyMs = 0,
): readonly string[] {
  const found: string[] = [];
  const byValue = new Map(writes.map((write) => [write.value, write]));
  for (const read of reads) {
    const seen = byValue.get(read.value);
    const what = `client ${read.client} read ${JSON.stringify(read.value.slice(0, 40))} (${read.startMs.toFixed(1)} to ${read.endMs.toFixed(1)} ms)`;
    if (seen === undefined) {
      found.push(`${what}: nobody wrote that`);
      continue;
    }
    if (seen.startMs > read.endMs)
      found.push(`${what}: it was written later, from ${seen.startMs.toFixed(1)} on`);
    const newer = writes.find(
      (write) => write.startMs > seen.endMs && write.endMs + latencyMs < read.startMs,
    );
    if (newer !== undefined)
      found.push(
        `${what}: it was overwritten by ${newer.value.slice(0, 40)}, closed at ${newer.endMs.toFixed(1)} ms`,
      );
  }
  return found;
}
