/** Histories of single registers whose writers write each value once, judged by the order of real time. */
import type { Interval } from './history.ts';

export interface Operation extends Interval {
  readonly kind: 'write' | 'read';
  readonly value: string;
}

interface Zone {
  readonly value: string;
  /** The earliest end of an operation with the value. */
  readonly end: number;
  /** The latest start. */
  readonly start: number;
}

/**
 * Whether there is an order of all operations that keeps the order of those that do not overlap, in which each read gives what was written
 * last before it. Each value has to be somewhere between the earliest end and the latest start of its operations: where the end comes first,
 * all of that time (Gibbons and Korach, Testing Shared Memories, SIAM J. Comput. 26(4), 1997, theorem 4.3).
 * A write of which nobody knows whether it was done ends at infinity.
 * @returns what is wrong, nothing when the history is linearizable
 */
export function contradictions(history: readonly Operation[]): readonly string[] {
  const found: string[] = [];
  const zones: Zone[] = [];
  for (const [value, operations] of Map.groupBy(history, (operation) => operation.value)) {
    const writes = operations.filter(({ kind }) => kind === 'write');
    const [write] = writes;
    if (write === undefined) {
      found.push(`${value} was read, and nobody wrote it`);
      continue;
    }
    if (writes.length > 1) throw new Error(`${value} was written twice`);
    if (operations.length === 1 && write.endMs === Number.POSITIVE_INFINITY) continue;
    for (const read of operations)
      if (read.endMs < write.startMs) found.push(`${text(read)}: it was written later, ${text(write)}`);
    zones.push({
      value,
      end: Math.min(...operations.map(({ endMs }) => endMs)),
      start: Math.max(...operations.map(({ startMs }) => startMs)),
    });
  }
  const whole = zones.filter(({ end, start }) => end < start).toSorted((one, other) => one.end - other.end);
  for (const [index, zone] of whole.entries()) {
    const next = whole[index + 1];
    if (next !== undefined && next.end < zone.start)
      found.push(
        `${zone.value} was there until ${ms(zone.start)}, and ${next.value} from ${ms(next.end)} on`,
      );
  }
  for (const { value, end, start } of zones) {
    if (end < start) continue;
    const around = whole.find((zone) => zone.end < start && end < zone.start);
    if (around !== undefined)
      found.push(
        `${value} was there between ${ms(start)} and ${ms(end)}, while ${around.value} was from ${ms(around.end)} to ${ms(around.start)}`,
      );
  }
  return found;
}

function text({ kind, value, startMs, endMs }: Operation): string {
  return `${kind} of ${value} (${ms(startMs)} to ${ms(endMs)})`;
}

function ms(time: number): string {
  return `${time.toFixed(1)} ms`;
}
