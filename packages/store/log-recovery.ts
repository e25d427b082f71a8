/** What two segments of a log hold after whatever ended the process or the machine. */
import { type ChangeRecord, readRecord } from './change-record.ts';

export interface RecoveredLog {
  /** Changes that the base lacks, oldest first. */
  readonly changes: readonly ChangeRecord[];
  readonly lastSequence: number;
  /** Of any record that is left. */
  readonly lastGeneration: number;
}

/**
 * @param inBase the last change that the base has; it has all before it, too
 * @throws Error for a log that lacks a change which was acknowledged
 */
export function recoverLog(segments: readonly [Buffer, Buffer], inBase: number): RecoveredLog {
  const [first, second] = segments.map(readSegment) as [ChangeRecord[], ChangeRecord[]];
  const generationOf = (records: readonly ChangeRecord[]) => records[0]?.generation ?? 0;
  const isInOrder = generationOf(first) <= generationOf(second);
  const records = isInOrder ? [...first, ...second] : [...second, ...first];
  const lastSequence = Math.max(records.at(-1)?.sequence ?? 0, inBase);
  const changes = records.filter(({ sequence }) => sequence > inBase);
  for (const [index, { sequence }] of changes.entries())
    if (sequence !== inBase + 1 + index)
      throw new Error(`change ${inBase + 1 + index} is missing in the log`);
  let lastGeneration = 0;
  for (const bytes of segments)
    for (const { durable, generation } of wholeRecords(bytes)) {
      // What is left of a write that was torn is not to look like a part of what is written from now on.
      lastGeneration = Math.max(lastGeneration, generation);
      if (durable > lastSequence)
        throw new Error(`the log ends with change ${lastSequence}, and ${durable} had been acknowledged`);
    }
  return { changes, lastSequence, lastGeneration };
}

/** From its beginning to the first record that is not whole or is left from an earlier use of the segment. */
function readSegment(bytes: Buffer): ChangeRecord[] {
  const records: ChangeRecord[] = [];
  let at = 0;
  for (;;) {
    const record = readRecord(bytes, at);
    const before = records.at(-1);
    if (record === undefined) return records;
    if (
      before !== undefined &&
      (record.generation !== before.generation || record.sequence !== before.sequence + 1)
    )
      return records;
    records.push(record);
    at += record.bytes;
  }
}

/** Beyond a torn end, too; none of them was written after what is missing there had been acknowledged. */
function* wholeRecords(bytes: Buffer): Generator<ChangeRecord> {
  for (let at = 0; at < bytes.length; ) {
    const record = readRecord(bytes, at);
    if (record !== undefined) yield record;
    at += record?.bytes ?? 8;
  }
}
