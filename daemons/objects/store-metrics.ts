import type { Metrics } from '@xtreemos/base';
import type { FileLocks } from './file-locks.ts';
import type { ObjectStore } from './object-store.ts';

export function measureStore(metrics: Metrics, store: ObjectStore, locks: FileLocks): void {
  const gauge = (name: string, help: string, collect: () => number) =>
    metrics.gauge({ name: `xos_osd_${name}`, help, collect });
  gauge('open_files', 'Stored files known in memory', () => store.figures.openFiles);
  gauge('logged_bytes', 'Blocks that only the write log holds', () => store.figures.loggedBytes);
  gauge('placed_bytes', 'Blocks in files that are not durable yet', () => store.figures.placedBytes);
  gauge('log_syncs', 'Times that the write log was made durable', () => store.figures.logSyncs);
  gauge('locks', 'Advisory locks held', () => locks.size);
}
