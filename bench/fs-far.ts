/** XtreemFS beside other network file systems where 50 ms of round trip and 1 % of loss lie between client and servers. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import type { Bench, Report } from './bench.ts';
import { ceph } from './fs-ceph.ts';
import { stock } from './fs-ours.ts';
import { address, endProcess, glusterfs, moosefs } from './fs-peers.ts';
import { compare, debianPackages, type Row } from './fs-table.ts';

const run = promisify(execFile);
const oneWayMs = 25;
const lossPercent = 1;
const namespace = 'far';
const near = '10.98.0.1';
const far = '10.98.0.2';

const rows: readonly Row[] = [
  { what: '1 MiB write, fsync at the end', row: 'seqwrite', threads: 1, amount: 8, unit: 'MB/s' },
  { what: '1 MiB read', row: 'seqread', threads: 1, amount: 8, unit: 'MB/s' },
  { what: '4 KiB random read', row: 'randread', threads: 1, amount: 100, unit: 'per s' },
  { what: '4 KiB random read, 4 threads', row: 'randread', threads: 4, amount: 200, unit: 'per s' },
  { what: '4 KiB random write, fsync at the end', row: 'randwrite', threads: 1, amount: 200, unit: 'per s' },
  { what: '4 KiB random write + fsync', row: 'durable', threads: 1, amount: 30, unit: 'per s' },
  { what: 'create', row: 'create', threads: 1, amount: 50, unit: 'per s' },
  { what: 'stat', row: 'stat', threads: 1, amount: 50, unit: 'per s' },
  { what: 'unlink', row: 'unlink', threads: 1, amount: 50, unit: 'per s' },
  { what: 'create + 4 KiB', row: 'small', threads: 1, amount: 30, unit: 'per s' },
];

/** A network namespace for clients, whose way to the servers is far-link.c. @returns what ends it */
async function makeFarNetwork(): Promise<() => Promise<void>> {
  const program = '/tmp/far-link';
  await run('cc', ['-O2', '-Wall', '-Wextra', '-o', program, `${import.meta.dirname}/far-link.c`]);
  await run('ip', ['netns', 'add', namespace]);
  const words = [`/run/netns/${namespace}`, `${oneWayMs}`, `${lossPercent}`];
  const link = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(link.stdout, 'data');
  const ip = (line: string) => run('ip', line.split(' '));
  await ip(`address add ${near}/30 dev near`);
  await ip('link set near up');
  const there = `-n ${namespace}`;
  await ip(`${there} link set lo up`);
  await ip(`${there} address add ${far}/30 dev far`);
  await ip(`${there} link set far up`);
  await ip(`${there} route add ${address} via ${near}`);
  return async () => {
    await endProcess(link);
    await run('ip', ['netns', 'delete', namespace]);
  };
}

async function measureAll(report: Report): Promise<void> {
  const end = await makeFarNetwork();
  try {
    await compare(
      report,
      rows,
      [glusterfs, moosefs, ceph, ...stock(report)],
      ['nsenter', `--net=/run/netns/${namespace}`],
    );
  } finally {
    await end();
  }
}

export const bench: Bench = {
  name: 'fs-far',
  what: 'XtreemFS beside GlusterFS, MooseFS and CephFS, 50 ms of round trip and 1 % of loss away',
  sandbox: true,
  disk: true,
  peers: debianPackages,
  run: measureAll,
};
