/** File systems beside ours, row by row: servers and client of each, one of them up at a time, medians of alternating rounds. */
import { execFile } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { promisify } from 'node:util';
import { quantile, type Report } from './bench.ts';
import { xtreemfs } from './fs-ours.ts';
import { addAddress, type FileSystem } from './fs-peers.ts';

const run = promisify(execFile);
/** `XTREEMOS_BENCH_ROUNDS=1` for a look; a figure to tell takes three. */
const rounds = Number(process.env['XTREEMOS_BENCH_ROUNDS'] ?? 3);
const program = '/tmp/fs-load';

/** What the peers are made of. */
export const debianPackages: readonly string[] = [
  ...['glusterfs-server', 'glusterfs-client', 'moosefs-master', 'moosefs-chunkserver', 'moosefs-client'],
  ...['ceph-mon', 'ceph-osd', 'ceph-mds', 'ceph-fuse', 'ceph-common'],
];

export interface Row {
  readonly what: string;
  /** Of fs-load.c. */
  readonly row: string;
  readonly threads: number;
  readonly amount: number;
  readonly unit: string;
}

/**
 * Prints ours beside each peer, for each row. Rows are done in their order: what one leaves is what the next ones use.
 * @param within words before the command line of a client
 */
export async function compare(
  report: Report,
  rows: readonly Row[],
  peers: readonly FileSystem[],
  within: readonly string[] = [],
): Promise<void> {
  await run('cc', ['-O2', '-Wall', '-Wextra', '-pthread', '-o', program, `${import.meta.dirname}/fs-load.c`]);
  await addAddress();
  const systems = [xtreemfs, ...peers];
  const figures = new Map<string, (readonly number[])[]>(systems.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++)
    for (const system of systems)
      figures.get(system.name)?.push(await measure(system, rows, within, `${round}`));
  const median = (name: string, index: number): number =>
    quantile(
      (figures.get(name) ?? []).map((of) => of[index] ?? Number.NaN),
      0.5,
    );
  for (const [index, { what, unit }] of rows.entries())
    for (const { name } of peers)
      report.add({
        case: what,
        ours: median(xtreemfs.name, index),
        peer: median(name, index),
        peerName: name,
        unit,
        better: 'higher',
      });
}

/** @returns figures by row */
async function measure(
  system: FileSystem,
  rows: readonly Row[],
  within: readonly string[],
  round: string,
): Promise<readonly number[]> {
  const disk = `/srv/disk/${system.name.replaceAll(' ', '-')}-${round}`;
  mkdirSync(disk);
  const { directory, end } = await system.start(disk, within);
  try {
    const figures: number[] = [];
    for (const { row, threads, amount } of rows) {
      const { stdout } = await run(program, [directory, row, `${threads}`, `${amount}`], {
        timeout: 300_000,
      });
      figures.push(Number(stdout));
    }
    return figures;
  } finally {
    await end();
    rmSync(disk, { recursive: true });
  }
}
