import { join } from 'node:path';
import type { Clock, Metrics } from '@xtreemos/base';
import { openStore, type Store } from '@xtreemos/store';
import { ChangeFeed } from './change-feed.ts';
import type { MetadataConfiguration } from './configuration.ts';
import { FileSystem } from './file-system.ts';
import { LatelyFound } from './lately-found.ts';
import { NameTable } from './name-table.ts';
import { createNanosecondClock } from './nanosecond-clock.ts';
import { openNodeNumbers } from './node-numbers.ts';
import { OpenFiles } from './open-files.ts';
import { takeStartNumber } from './start-number.ts';
import { VolumeTable } from './volume-table.ts';

/** What an MRC knows, opened. */
export interface MetadataEngine {
  readonly store: Store;
  readonly files: FileSystem;
  /** Number of this start. */
  readonly start: number;
}

/** @throws XosError XOS_STORAGE_FAILED */
export async function openEngine(
  { Metadata, Clients }: Pick<MetadataConfiguration, 'Metadata' | 'Clients'>,
  clock: Clock,
): Promise<MetadataEngine> {
  const store = await openStore(join(Metadata.StateDirectory, 'metadata'));
  const start = await takeStartNumber(store);
  const names = new NameTable(store);
  const feed = new ChangeFeed(start);
  const openFiles = new OpenFiles({
    start,
    leaseMs: Clients.Lease,
    monotonicMs: () => clock.monotonicMs(),
    mostOfClient: Clients.OpenFiles,
    onAppendWanted: ({ volume, node }, holder) =>
      feed.publish(volume, '', [{ node, kind: 'append-wanted', onlyFor: holder }]),
  });
  const files = new FileSystem({
    store,
    names,
    numbers: await openNodeNumbers(store),
    volumes: new VolumeTable(store, names),
    openFiles,
    latelyFound: new LatelyFound(),
    feed,
    nowNs: createNanosecondClock(clock),
  });
  return { store, files, start };
}

export function measureEngine(metrics: Metrics, { files }: MetadataEngine): void {
  const gauge = (name: string, help: string, collect: () => number) =>
    metrics.gauge({ name: `xos_mrc_${name}`, help, collect });
  const { openFiles, volumes } = files.parts;
  gauge('open_files', 'Files and directories that clients have open', () => openFiles.size);
  gauge('clients', 'Clients that gave a sign of life', () => openFiles.clients);
  gauge('volumes', 'Volumes', () => volumes.all.length);
}
