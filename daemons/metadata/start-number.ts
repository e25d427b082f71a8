import type { Store } from '@xtreemos/store';
import { counterKey } from './store-keys.ts';

/** Handles carry it in front of 32 bits of their own, and are numbers that are exact. */
const most = 2 ** 21;

/** Another number at each start, in the order of the starts. */
export async function takeStartNumber(store: Store): Promise<number> {
  return store.write((writer) => {
    const last = writer.get(counterKey('start'))?.readUInt32BE() ?? 0;
    const start = (last % (most - 1)) + 1;
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(start);
    writer.put(counterKey('start'), bytes);
    return start;
  });
}
