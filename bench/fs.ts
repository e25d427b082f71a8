/** XtreemFS beside other network file systems on loopback (1.6 of XtreemFS itself where XTREEMFS_PEER names it). Reads find the servers' page cache warm and the client's empty. */
import type { Bench, Report } from './bench.ts';
import { ceph } from './fs-ceph.ts';
import { stock } from './fs-ours.ts';
import { ext4, glusterfs, moosefs, passthrough } from './fs-peers.ts';
import { compare, debianPackages, type Row } from './fs-table.ts';

const rows: readonly Row[] = [
  { what: '1 MiB write, fsync at the end', row: 'seqwrite', threads: 1, amount: 256, unit: 'MB/s' },
  { what: '1 MiB read', row: 'seqread', threads: 1, amount: 256, unit: 'MB/s' },
  { what: '4 KiB random read', row: 'randread', threads: 1, amount: 10_000, unit: 'per s' },
  { what: '4 KiB random read, 4 threads', row: 'randread', threads: 4, amount: 20_000, unit: 'per s' },
  {
    what: '4 KiB random write, fsync at the end',
    row: 'randwrite',
    threads: 1,
    amount: 5_000,
    unit: 'per s',
  },
  { what: '4 KiB random write + fsync', row: 'durable', threads: 1, amount: 500, unit: 'per s' },
  { what: 'create', row: 'create', threads: 1, amount: 1_000, unit: 'per s' },
  { what: 'stat', row: 'stat', threads: 1, amount: 1_000, unit: 'per s' },
  { what: 'unlink', row: 'unlink', threads: 1, amount: 1_000, unit: 'per s' },
  { what: 'create, 4 threads', row: 'create', threads: 4, amount: 2_000, unit: 'per s' },
  { what: 'unlink, 4 threads', row: 'unlink', threads: 4, amount: 2_000, unit: 'per s' },
  { what: 'create + 4 KiB', row: 'small', threads: 1, amount: 500, unit: 'per s' },
];

async function measureAll(report: Report): Promise<void> {
  const named = process.env['PASSTHROUGH_HP'];
  if (named === undefined)
    report.note('PASSTHROUGH_HP names no passthrough_hp of libfuse: the bound of FUSE is left out');
  const bound = named === undefined ? [] : [passthrough(named)];
  await compare(report, rows, [ext4, glusterfs, moosefs, ceph, ...stock(report), ...bound]);
}

export const bench: Bench = {
  name: 'fs',
  what: 'XtreemFS beside GlusterFS, MooseFS, CephFS and the disk, all on loopback',
  sandbox: true,
  disk: true,
  peers: debianPackages,
  run: measureAll,
};
