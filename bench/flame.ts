/**
 * Where the time of one row of `bench fs` goes: `bench/flame ROW [FOLDER]` has the row's load on a mount of our own servers, and
 * writes the CPU profile and the flame graph of the mount, the MRC and the OSD to the folder. Rows `clone` and `build` are those of `bench fs-build`.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { startVolume } from '../test/fs/test-volume.ts';
import { type CpuProfile, drawFlame, flameOf } from './flame-graph.ts';
import { buildProject, cloneProject, projectToBuild } from './fs-build.ts';

const run = promisify(execFile);

/** Threads and amount of each row, and the one whose files it uses. */
const rows: Readonly<Record<string, { readonly words: readonly string[]; readonly after?: string }>> = {
  seqwrite: { words: ['1', '256'] },
  seqread: { words: ['1', '256'], after: 'seqwrite' },
  randread: { words: ['1', '10000'], after: 'seqwrite' },
  randwrite: { words: ['1', '10000'], after: 'seqwrite' },
  durable: { words: ['1', '2000'], after: 'seqwrite' },
  create: { words: ['1', '2000'] },
  stat: { words: ['1', '2000'], after: 'create' },
  unlink: { words: ['1', '2000'], after: 'create' },
  small: { words: ['1', '1000'] },
  clone: { words: [] },
  build: { words: [], after: 'clone' },
};

const [row = '', given = `build/flame-${row}`] = process.argv.slice(2);
const wanted = rows[row];
if (wanted === undefined) {
  console.error(`usage: bench/flame ROW [FOLDER], with ROW one of ${Object.keys(rows).join(', ')}`);
  process.exit(2);
}
const folder = path.resolve(given);
mkdirSync(folder, { recursive: true });
const disk = mkdtempSync(path.join(process.env['XOS_BENCH_DIRECTORY'] ?? tmpdir(), 'xos-flame-'));
process.env['TMPDIR'] = disk;
const load = path.join(disk, 'fs-load');
await run('cc', ['-O2', '-pthread', '-o', load, path.join(import.meta.dirname, 'fs-load.c')]);
// For the servers and the mount, which are processes of their own.
process.env['NODE_OPTIONS'] =
  `--cpu-prof --cpu-prof-interval=250 --cpu-prof-dir=${path.join(disk, 'profiles')}`;

const works: (() => void | Promise<void>)[] = [];
try {
  const volume = await startVolume({ after: (work) => void works.push(work) }, 1, ['LogSegment=32MiB']);
  const mount = await volume.mount();
  const loaded = async (name: string, words: readonly string[]) => {
    const project = `${mount.directory}/project`;
    if (name === 'clone') return `${(await cloneProject(projectToBuild(), project)).toFixed(1)} s`;
    if (name === 'build') return `${(await buildProject(project)).toFixed(1)} s`;
    const { stdout } = await run(load, [mount.directory, name, ...words]);
    return `${stdout.trim()} ${name.startsWith('seq') ? 'MB/s' : 'per s'}`;
  };
  const { words, after } = wanted;
  if (after !== undefined) await loaded(after, rows[after]?.words ?? []);
  const fromUs = Number(process.hrtime.bigint() / 1000n);
  const figure = await loaded(row, words);
  const toUs = Number(process.hrtime.bigint() / 1000n);
  // Profiles are written by processes that end in order.
  await mount.end('SIGTERM');
  for (const server of [...volume.servers.osds, volume.servers.mrc]) await server.stop('SIGTERM');
  console.log(`${row}: ${figure} while it was profiled`);
  for (const file of readdirSync(path.join(disk, 'profiles'))) {
    const text = readFileSync(path.join(disk, 'profiles', file), 'utf8');
    const profile = JSON.parse(text) as CpuProfile;
    const daemon = profile.nodes
      .map(({ callFrame }) => /\/daemons\/(mount|metadata|objects)\/main\.ts$/.exec(callFrame.url)?.[1])
      .find((name) => name !== undefined);
    if (daemon === undefined) continue;
    const flame = flameOf(profile, fromUs, toUs);
    const busy = `${daemon}: ${(flame.totalUs / 1000).toFixed(0)} ms busy of ${((toUs - fromUs) / 1000).toFixed(0)}`;
    console.log(`  ${busy}`);
    writeFileSync(path.join(folder, `${daemon}.cpuprofile`), text);
    writeFileSync(path.join(folder, `${daemon}.svg`), drawFlame(flame, `${row}, ${busy}`));
  }
  console.log(`graphs and profiles: ${folder}`);
} finally {
  for (const work of works.reverse()) await work();
  rmSync(disk, { recursive: true, force: true });
}
