/** The storage engine of the OSD beside plain files with the same system calls, in one process and without a network. */

import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, systemClock } from '@xtreemos/base';
import { createDiskStorage } from '../daemons/objects/disk-storage.ts';
import { openObjectStore } from '../daemons/objects/object-store.ts';
import type { Bench, Report } from './bench.ts';

const mebibyte = 1 << 20;
const fileBytes = 256 * mebibyte;
const striping = { stripeBytes: mebibyte, width: 1 };
const rounds = 3;

interface Target {
  write(offset: number, data: Buffer): Promise<unknown>;
  writeDurable(offset: number, data: Buffer): Promise<unknown>;
  read(offset: number, length: number): Promise<unknown>;
  sync(): Promise<unknown>;
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

async function together(workers: number, count: number, work: (index: number) => Promise<unknown>) {
  let next = 0;
  await Promise.all(
    Array.from({ length: workers }, async () => {
      for (let index = next++; index < count; index = next++) await work(index);
    }),
  );
}

const anywhere = () => Math.floor(Math.random() * (fileBytes / 4096)) * 4096;

/** Figures by row: MB/s or operations a second. */
async function measure(target: Target): Promise<ReadonlyMap<string, number>> {
  const figures = new Map<string, number>();
  const large = Buffer.alloc(mebibyte, 'x');
  const small = Buffer.alloc(4096, 'y');
  const inMegabytes = (took: number) => fileBytes / 1e6 / took;
  figures.set(
    '1 MiB write + sync at the end; MB/s',
    inMegabytes(
      await seconds(async () => {
        await together(4, fileBytes / mebibyte, (index) =>
          target.write(index * mebibyte, Buffer.from(large)),
        );
        await target.sync();
      }),
    ),
  );
  figures.set(
    '1 MiB read; MB/s',
    inMegabytes(
      await seconds(() =>
        together(4, fileBytes / mebibyte, (index) => target.read(index * mebibyte, mebibyte)),
      ),
    ),
  );
  const rate = async (name: string, workers: number, count: number, work: () => Promise<unknown>) => {
    figures.set(name, count / (await seconds(() => together(workers, count, work))));
  };
  await rate('4 KiB read, 1 at once; /s', 1, 10_000, () => target.read(anywhere(), 4096));
  await rate('4 KiB read, 16 at once; /s', 16, 30_000, () => target.read(anywhere(), 4096));
  await rate('4 KiB write, 1 at once; /s', 1, 5000, () => target.write(anywhere(), Buffer.from(small)));
  await rate('4 KiB write, 16 at once; /s', 16, 20_000, () => target.write(anywhere(), Buffer.from(small)));
  await target.sync();
  await rate('4 KiB durable, 1 at once; /s', 1, 300, () =>
    target.writeDurable(anywhere(), Buffer.from(small)),
  );
  await rate('4 KiB durable, 16 at once; /s', 16, 2000, () =>
    target.writeDurable(anywhere(), Buffer.from(small)),
  );
  return figures;
}

function plain(handle: FileHandle): Target {
  const write = (offset: number, data: Buffer) => handle.write(data, 0, data.length, offset);
  return {
    write,
    async writeDurable(offset, data) {
      await write(offset, data);
      await handle.datasync();
    },
    read: (offset, length) => handle.read(Buffer.allocUnsafeSlow(length), 0, length, offset),
    sync: () => handle.datasync(),
  };
}

export const bench: Bench = {
  name: 'objects',
  what: 'OSD storage engine: sequential and 4 KiB reads, writes and durable writes beside plain files',
  sandbox: false,
  async run(report) {
    // The disk that a host would use: /tmp may be in memory, where a sync costs nothing.
    const parent = process.env['XOS_BENCH_DIRECTORY'] ?? tmpdir();
    const folder = await mkdtemp(join(parent, 'xos-bench-objects-'));
    try {
      await compare(folder, report);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

async function compare(folder: string, report: Report): Promise<void> {
  const engine: ReadonlyMap<string, number>[] = [];
  const beside: ReadonlyMap<string, number>[] = [];
  const store = await openObjectStore({
    storage: createDiskStorage(folder),
    clock: systemClock,
    logger: silentLogger,
    logSegmentBytes: 32 * mebibyte,
    reserveBytes: 0,
    openFiles: 1000,
    unsyncedBytes: 64 * mebibyte,
  });
  for (let round = 0; round < rounds; round++) {
    const fileId = `bench:${round}`;
    engine.push(
      await measure({
        write: (offset, data) => store.write(fileId, offset, data, { striping }),
        writeDurable: (offset, data) => store.write(fileId, offset, data, { striping, durable: true }),
        read: (offset, length) => store.read(fileId, offset, length),
        sync: () => store.sync(fileId),
      }),
    );
    const handle = await open(join(folder, `plain-${round}`), 'w+');
    beside.push(await measure(plain(handle)));
    await handle.close();
  }
  await store.close();
  report.note(`medians of ${rounds} alternating rounds`);
  for (const name of engine[0]?.keys() ?? []) {
    const [what = name, unit = ''] = name.split('; ');
    const peer = { peer: median(beside, name), peerName: 'plain file' };
    report.add({ case: what, ours: median(engine, name), ...peer, unit, better: 'higher' });
  }
}

function median(rows: readonly ReadonlyMap<string, number>[], name: string): number {
  const values = rows.map((row) => row.get(name) ?? 0).sort((one, other) => one - other);
  return values[Math.floor(values.length / 2)] ?? 0;
}
