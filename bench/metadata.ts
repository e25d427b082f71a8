/** The MRC as clients call it, over TCP on loopback in plain text, beside the same on a local file system from the same process. */
import { mkdtemp, open, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeCalls } from '@xtreemos/rpc';
import { attach, makeVolume, startServers, type TestClient } from '../daemons/metadata/metadata-fixtures.ts';
import type { Bench, Report } from './bench.ts';

const files = 4000;

async function perSecond(workers: number, count: number, work: (index: number) => Promise<unknown>) {
  let next = 0;
  const start = performance.now();
  await Promise.all(
    Array.from({ length: workers }, async () => {
      for (let index = next++; index < count; index = next++) await work(index);
    }),
  );
  return (count * 1000) / (performance.now() - start);
}

export const bench: Bench = {
  name: 'metadata',
  what: 'MRC: files made durably, looked up and listed by a client, beside a local file system with a sync for each',
  sandbox: false,
  async run(report) {
    const work: (() => void | Promise<void>)[] = [];
    const folder = await mkdtemp(join(process.env['XOS_BENCH_DIRECTORY'] ?? tmpdir(), 'xos-bench-metadata-'));
    try {
      const { mrc } = await startServers({ after: (what) => work.push(what) });
      const connection = await mrc.connect();
      work.push(() => connection.close());
      await makeVolume(connection, { name: 'bench' });
      await compare(await attach(connection, 'bench'), folder, report);
    } finally {
      for (const clean of work.toReversed()) await clean();
      await rm(folder, { recursive: true, force: true });
    }
  },
};

async function compare(client: TestClient, folder: string, report: Report): Promise<void> {
  const local = await open(folder);
  const peerName = 'local files, fsync each';
  for (const [workers, count] of [
    [1, files / 10],
    [64, files],
  ] as const) {
    const ours = await perSecond(workers, count, (index) =>
      client.call(nodeCalls.mknod, {
        parent: 1n,
        name: Buffer.from(`f${workers}-${index}`),
        mode: 0o100644,
        umask: 0,
      }),
    );
    const peer = await perSecond(workers, count, async (index) => {
      await writeFile(join(folder, `f${workers}-${index}`), '');
      await local.sync();
    });
    report.add({
      case: `files made, ${workers} at once`,
      ours,
      peer,
      peerName,
      unit: '/s',
      better: 'higher',
    });
  }
  for (const workers of [1, 64]) {
    const ours = await perSecond(workers, 4 * files, (index) => client.lookup(1, `f64-${index % files}`));
    const peer = await perSecond(workers, 4 * files, (index) => stat(join(folder, `f64-${index % files}`)));
    report.add({
      case: `looked up, ${workers} at once`,
      ours,
      peer,
      peerName: 'stat(2) by node:fs',
      unit: '/s',
      better: 'higher',
    });
  }
  let listed = 0;
  const start = performance.now();
  for (let cookie = 0n; ; ) {
    const page = await client.call(nodeCalls.readdir, { node: 1n, cookie, plus: true });
    listed += page.entries.length;
    cookie = page.entries.at(-1)?.cookie ?? cookie;
    if (page.end) break;
  }
  report.add({
    case: 'entries listed with attributes',
    ours: (listed * 1000) / (performance.now() - start),
    unit: '/s',
    better: 'higher',
  });
  await local.close();
}
