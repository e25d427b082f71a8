/** The FUSE transport under a file system that costs nothing, in memory; tmpfs beside it is the kernel alone, without FUSE. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { privateNamespace, serveMemory } from '../packages/fuse/fixtures/private-mount.ts';
import type { Bench, Report } from './bench.ts';

const run = promisify(execFile);
const fileBytes = 64 << 20;
const seconds = 2;
const rounds = 3;
const tmpfs = '/dev/shm';

interface Row {
  readonly what: string;
  readonly mode: 'stat' | 'open' | 'read' | 'write';
  readonly threads: number;
}

const rows: readonly Row[] = [
  { what: 'getattr, 1 thread', mode: 'stat', threads: 1 },
  { what: 'getattr, 4 threads', mode: 'stat', threads: 4 },
  { what: 'open and close, 1 thread', mode: 'open', threads: 1 },
  { what: '1 MiB read, 1 thread', mode: 'read', threads: 1 },
  { what: '1 MiB read, 4 threads', mode: 'read', threads: 4 },
  { what: '1 MiB write, 1 thread', mode: 'write', threads: 1 },
  { what: '1 MiB write, 4 threads', mode: 'write', threads: 4 },
];

const median = (values: readonly number[]): number =>
  [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN;

async function measure(program: string, file: string, { mode, threads }: Row): Promise<number> {
  const { stdout } = await run(program, [mode, file, String(threads), String(seconds)]);
  // MB/s of what moves data.
  return mode === 'read' || mode === 'write' ? (Number(stdout) * (1 << 20)) / 1e6 : Number(stdout);
}

export const bench: Bench = {
  name: 'fuse',
  what: 'the FUSE transport: attributes, openings and 1 MiB reads and writes beside tmpfs',
  sandbox: false,
  async run(report: Report): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), 'xos-bench-fuse-'));
    const shared = await mkdtemp(join(tmpfs, 'xos-bench-fuse-'));
    const space = await privateNamespace();
    try {
      const program = join(folder, 'fuse-load');
      await run('cc', ['-O2', '-pthread', '-o', program, join(import.meta.dirname, 'fuse-load.c')]);
      // Nothing is believed for any time, and nothing cached: each call is a request.
      const server = await serveMemory(space, { timeoutNs: 0, directIo: true });
      const peer = join(shared, 'file');
      const ours = join(space.outside, 'file');
      for (const file of [ours, peer]) await writeFile(file, Buffer.alloc(fileBytes, 'x'));
      for (const row of rows) {
        const figures = { ours: [] as number[], peer: [] as number[] };
        for (let round = 0; round < rounds; round++) {
          figures.ours.push(await measure(program, ours, row));
          figures.peer.push(await measure(program, peer, row));
        }
        report.add({
          case: row.what,
          ours: median(figures.ours),
          peer: median(figures.peer),
          peerName: 'tmpfs',
          unit: row.mode === 'read' || row.mode === 'write' ? 'MB/s' : 'calls/s',
          better: 'higher',
        });
      }
      report.note('each call is a request, nothing is cached; tmpfs: what there is without FUSE');
      await server.command({ do: 'unmount' });
      await server.ended();
    } finally {
      await space.end();
      await rm(folder, { recursive: true, force: true });
      await rm(shared, { recursive: true, force: true });
    }
  },
};
