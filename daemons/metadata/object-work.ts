/** Work that OSDs are still to do: kept with the change that makes it necessary, so that no crash forgets it. */
import { afterPrefix, type StoreReader, type StoreWriter } from '@xtreemos/store';
import { readNumber, writeNumber } from './number-bytes.ts';
import { counterKey, objectWorkKey, tablePrefix } from './store-keys.ts';

export interface ObjectWork {
  readonly kind: 'unlink' | 'truncate';
  readonly fileId: string;
  readonly stripeBytes: number;
  readonly osdUuids: readonly string[];
  readonly truncateEpoch: number;
  /** Of a truncation: the new size. */
  readonly size: number;
}

export interface QueuedWork {
  readonly sequence: number;
  readonly work: ObjectWork;
}

export function addObjectWork(writer: StoreWriter, work: ObjectWork): number {
  const counter = counterKey('object-work');
  const last = writer.get(counter);
  const sequence = (last === undefined ? 0 : readNumber(last, 0)) + 1;
  const bytes = Buffer.allocUnsafe(8);
  writeNumber(bytes, sequence, 0);
  writer.put(counter, bytes);
  putObjectWork(writer, { sequence, work });
  return sequence;
}

export function putObjectWork(writer: StoreWriter, { sequence, work }: QueuedWork): void {
  writer.put(objectWorkKey(sequence), Buffer.from(JSON.stringify(work), 'utf8'));
}

export function removeObjectWork(writer: StoreWriter, sequence: number): void {
  writer.delete(objectWorkKey(sequence));
}

/** Sequence of what was queued last; 0 when nothing ever was. */
export function newestObjectWork(reader: StoreReader): number {
  const bytes = reader.get(counterKey('object-work'));
  return bytes === undefined ? 0 : readNumber(bytes, 0);
}

/** In the order in which it came. */
export function* objectWork(reader: StoreReader, after = 0, limit?: number): Generator<QueuedWork> {
  const to = afterPrefix(tablePrefix('objectWork'));
  const range = {
    from: objectWorkKey(after + 1),
    ...(to === undefined ? {} : { to }),
    ...(limit === undefined ? {} : { limit }),
  };
  for (const { key, value } of reader.range(range))
    yield { sequence: readNumber(key, 1), work: JSON.parse(value.toString('utf8')) as ObjectWork };
}
