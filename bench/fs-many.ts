/** Eight clients at once on four OSDs, beside one client on them; and the memory that servers and clients take under that load. */
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { startVolume, type TestMount } from '../test/fs/test-volume.ts';
import type { Bench, Report } from './bench.ts';

const run = promisify(execFile);
const program = '/tmp/fs-load';
const osds = 4;
const clients = 8;

/** Each client does this much, in a directory of its own. */
const rows = [
  { what: '1 MiB write, fsync at the end', row: 'seqwrite', amount: 64, unit: 'MB/s' },
  { what: '1 MiB read', row: 'seqread', amount: 64, unit: 'MB/s' },
  { what: '4 KiB random read', row: 'randread', amount: 2_000, unit: 'per s' },
  { what: '4 KiB random write + fsync', row: 'durable', amount: 200, unit: 'per s' },
  { what: 'create', row: 'create', amount: 300, unit: 'per s' },
  { what: 'create + 4 KiB', row: 'small', amount: 200, unit: 'per s' },
] as const;

/** @returns the sum of what they did, per second of the time that all of them took */
async function together(mounts: readonly TestMount[], folder: string, row: string, amount: number) {
  const start = performance.now();
  const directories = mounts.map((mount, index) => `${mount.directory}/${folder}-${index}`);
  await Promise.all(directories.map((directory) => run(program, [directory, row, '1', `${amount}`])));
  const bytes = row === 'seqwrite' || row === 'seqread' ? 2 ** 20 / 1e6 : 1;
  return (mounts.length * amount * bytes * 1000) / (performance.now() - start);
}

function megabytes(pid: number): number {
  return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1000;
}

async function measureAll(report: Report): Promise<void> {
  await run('cc', ['-O2', '-Wall', '-Wextra', '-pthread', '-o', program, `${import.meta.dirname}/fs-load.c`]);
  process.env['TMPDIR'] = '/srv/disk';
  const works: (() => void | Promise<void>)[] = [];
  try {
    const { servers, mounts, mount } = await startVolume({ after: (work) => void works.push(work) }, osds, [
      'LogSegment=32MiB',
    ]);
    while (mounts.length < clients) await mount();
    for (const folder of ['one', 'all'])
      for (const [index, { directory }] of mounts.entries()) mkdirSync(`${directory}/${folder}-${index}`);
    for (const { what, row, amount, unit } of rows)
      report.add({
        case: `${what}, ${clients} clients, ${osds} OSDs`,
        ours: await together(mounts, 'all', row, amount),
        peer: await together(mounts.slice(0, 1), 'one', row, amount),
        peerName: 'one client',
        unit,
        better: 'higher',
      });
    const most = (processes: readonly { readonly pid: number }[]) =>
      Math.max(...processes.map(({ pid }) => megabytes(pid))).toFixed(0);
    const { directory, mrc } = servers;
    report.note(
      `most memory: DIR ${most([directory])} MB, MRC ${most([mrc])} MB, an OSD ${most(servers.osds)} MB, a client ${most(mounts)} MB`,
    );
  } finally {
    for (const work of works.reverse()) await work();
  }
}

export const bench: Bench = {
  name: 'fs-many',
  what: 'XtreemFS: eight clients and four OSDs on this machine, their sum and their memory',
  sandbox: true,
  disk: true,
  run: measureAll,
};
