/**
 * Very many files in one MRC: whether creating, listing, looking up and removing keep their rate, what memory and disk they take,
 * and how soon the MRC answers again after a kill. `XTREEMOS_BENCH_FILES` says how many, 1,000,000 otherwise, all in one directory;
 * by `XTREEMOS_BENCH_PER_DIRECTORY` they are spread over directories of so many entries.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { nodeCalls } from '@xtreemos/rpc';
import {
  attach,
  makeVolume,
  startServers,
  type TestClient,
  type TestServers,
} from '../daemons/metadata/metadata-fixtures.ts';
import type { Bench, Report } from './bench.ts';

const files = Number(process.env['XTREEMOS_BENCH_FILES'] ?? 1_000_000);
const perDirectory = Number(process.env['XTREEMOS_BENCH_PER_DIRECTORY'] ?? files);
const callsAtOnce = 64;
/** So many are looked up and removed, far from each other among all. */
const scattered = Math.min(files, 1_000_000);
/** A prime: steps of it come to each file once. */
const step = 6_180_341;

type Make = (index: number) => Promise<unknown>;

const run = promisify(execFile);

/** @returns operations per second, for each tenth of them */
async function tenths(count: number, work: Make): Promise<readonly number[]> {
  const part = count / 10;
  const rates: number[] = [];
  for (let tenth = 0; tenth < 10; tenth++) {
    let next = tenth * part;
    const end = next + part;
    const start = performance.now();
    await Promise.all(
      Array.from({ length: callsAtOnce }, async () => {
        for (let index = next++; index < end; index = next++) await work(index);
      }),
    );
    rates.push((part * 1000) / (performance.now() - start));
  }
  return rates;
}

/** A row for the last tenth, beside the first. */
function addRates(report: Report, what: string, count: number, rates: readonly number[]): void {
  report.add({
    case: `${what}, the last tenth of ${count.toLocaleString('en-US')}`,
    ours: rates.at(-1) ?? Number.NaN,
    peer: rates[0] ?? Number.NaN,
    peerName: 'the first tenth',
    unit: 'per s',
    better: 'higher',
  });
}

async function listAll(client: TestClient, node: bigint): Promise<number> {
  let listed = 0;
  for (let cookie = 0n; ; ) {
    const page = await client.call(nodeCalls.readdir, { node, cookie, plus: true });
    listed += page.entries.length;
    cookie = page.entries.at(-1)?.cookie ?? cookie;
    if (page.end) return listed;
  }
}

function residentMegabytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1000;
}

async function measureAll(report: Report, { mrc }: TestServers): Promise<void> {
  const first = await mrc.connect();
  await makeVolume(first, { name: 'bench' });
  let client = await attach(first, 'bench');
  const emptyMegabytes = residentMegabytes(mrc.pid);
  const directories: bigint[] = [];
  for (let count = 0; count < files; count += perDirectory)
    directories.push(await client.mkdir(1, `d${count}`));
  const place = (index: number) => ({
    parent: directories[Math.floor(index / perDirectory)] ?? 0n,
    name: Buffer.from(`file-${index}`),
  });
  const far = (index: number) => place((index * step) % files);
  const create: Make = (index) => client.call(nodeCalls.mknod, { ...place(index), mode: 0o100644, umask: 0 });
  addRates(report, 'created', files, await tenths(files, create));
  const lookUp: Make = (index) => client.call(nodeCalls.lookup, far(index));
  addRates(report, 'looked up', scattered, await tenths(scattered, lookUp));
  const start = performance.now();
  let listed = 0;
  for (const directory of directories) listed += await listAll(client, directory);
  const entries = files + 2 * directories.length;
  if (listed !== entries) throw new Error(`${listed} entries were listed, not ${entries}`);
  const rate = (listed * 1000) / (performance.now() - start);
  report.add({ case: 'listed with attributes', ours: rate, unit: 'entries/s', better: 'higher' });
  const fullMegabytes = residentMegabytes(mrc.pid);
  await mrc.stop('SIGKILL');
  const killed = performance.now();
  await mrc.run();
  const again = await mrc.connect();
  client = await attach(again, 'bench');
  await client.call(nodeCalls.lookup, place(files - 1));
  report.add({
    case: 'answers again after a kill',
    ours: performance.now() - killed,
    unit: 'ms',
    better: 'lower',
  });
  const startedMegabytes = residentMegabytes(mrc.pid);
  addRates(report, 'looked up after that', scattered, await tenths(scattered, lookUp));
  const { stdout } = await run('du', ['--summarize', '--block-size=MB', mrc.folder]);
  report.note(
    `memory of the MRC: ${emptyMegabytes.toFixed(0)} MB empty, ${fullMegabytes.toFixed(0)} MB with them, ${startedMegabytes.toFixed(0)} MB when it started again; on disk ${Number.parseInt(stdout, 10)} MB`,
  );
  const remove: Make = (index) => client.call(nodeCalls.unlink, far(index));
  addRates(report, 'removed', scattered, await tenths(scattered, remove));
  first.close();
  again.close();
}

export const bench: Bench = {
  name: 'fs-large',
  what: 'MRC: 1,000,000 files (or as many as you say) made, looked up, listed, removed; memory and disk; start after a kill',
  sandbox: false,
  async run(report) {
    const work: (() => void | Promise<void>)[] = [];
    const before = process.env['TMPDIR'];
    const folder = await mkdtemp(join(process.env['XOS_BENCH_DIRECTORY'] ?? tmpdir(), 'xos-bench-large-'));
    process.env['TMPDIR'] = folder;
    try {
      const servers = await startServers({ after: (what) => work.push(what) });
      await measureAll(report, servers);
    } finally {
      for (const clean of work.toReversed()) await clean();
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
      await rm(folder, { recursive: true, force: true });
    }
  },
};
