/** OSDs as the DIR told of them last: a new start chooses by them until the DIR has answered again. */
import type { Store } from '@xtreemos/store';
import type { OsdState } from './placement.ts';
import { counterKey } from './store-keys.ts';

export async function rememberOsds(store: Store, osds: readonly OsdState[]): Promise<void> {
  const bytes = Buffer.from(JSON.stringify(osds));
  await store.write((writer) => writer.put(counterKey('osds'), bytes));
}

/** They count as seen when the server starts: who is gone the DIR will tell. */
export function rememberedOsds(store: Store, nowMs: number): readonly OsdState[] {
  const bytes = store.get(counterKey('osds'));
  if (bytes === undefined) return [];
  const osds = JSON.parse(bytes.toString('utf8')) as readonly OsdState[];
  return osds.map((osd) => ({ ...osd, lastSeenMs: nowMs }));
}
