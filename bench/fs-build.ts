/**
 * A C project cloned and built inside a volume, beside the disk underneath. `BUILD_PROJECT` names its git repository (bare, and not in
 * /tmp, which the sandbox covers); `./configure`, where the project has one, counts as building. Variables that its Makefile
 * takes from the environment arrive there.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { loadavg } from 'node:os';
import { promisify } from 'node:util';
import { type Bench, quantile, type Report } from './bench.ts';
import { xtreemfs } from './fs-ours.ts';
import { addAddress, ext4, type FileSystem } from './fs-peers.ts';

const run = promisify(execFile);
const rounds = Number(process.env['XTREEMOS_BENCH_ROUNDS'] ?? 3);

async function secondsOf(command: string, words: readonly string[], cwd: string): Promise<number> {
  const start = performance.now();
  await run(command, words, { cwd, timeout: 1_800_000, maxBuffer: 2 ** 26 });
  return (performance.now() - start) / 1000;
}

interface Figures {
  readonly clone: number;
  readonly build: number;
  readonly both: number;
}

/** @throws Error where `BUILD_PROJECT` names nothing */
export function projectToBuild(): string {
  const project = process.env['BUILD_PROJECT'];
  if (project === undefined || !existsSync(project))
    throw new Error(
      `BUILD_PROJECT names no git repository of a C project here: ${project ?? 'it is not set'}`,
    );
  return project;
}

/** @returns seconds */
export function cloneProject(project: string, tree: string): Promise<number> {
  return secondsOf('git', ['clone', '--quiet', '--no-hardlinks', project, tree], '/');
}

/** @returns seconds */
export async function buildProject(tree: string): Promise<number> {
  const configure = existsSync(`${tree}/configure`) ? await secondsOf('./configure', [], tree) : 0;
  return configure + (await secondsOf('make', ['-j2'], tree));
}

async function measure(system: FileSystem, project: string, round: number): Promise<Figures> {
  const disk = `/srv/disk/${system.name.replaceAll(' ', '-')}-${round}`;
  mkdirSync(disk);
  const { directory, end } = await system.start(disk, []);
  try {
    const clone = await cloneProject(project, `${directory}/project`);
    const build = await buildProject(`${directory}/project`);
    return { clone, build, both: clone + build };
  } finally {
    await end();
    rmSync(disk, { recursive: true });
  }
}

async function measureAll(report: Report): Promise<void> {
  const project = projectToBuild();
  await addAddress();
  const figures = new Map<FileSystem, Figures[]>([
    [xtreemfs, []],
    [ext4, []],
  ]);
  for (let round = 0; round < rounds; round++)
    for (const [system, of] of figures) {
      const load = loadavg()[0] ?? Number.NaN;
      const took = await measure(system, project, round);
      of.push(took);
      report.note(
        `${system.name}: clone ${took.clone.toFixed(1)} s, build ${took.build.toFixed(1)} s, load average before ${load.toFixed(1)}`,
      );
    }
  const median = (system: FileSystem, what: keyof Figures): number =>
    quantile(
      (figures.get(system) ?? []).map((of) => of[what]),
      0.5,
    );
  for (const [what, title] of [
    ['clone', 'git clone'],
    ['build', 'make -j2'],
    ['both', 'clone and build'],
  ] as const)
    report.add({
      case: title,
      ours: median(xtreemfs, what),
      peer: median(ext4, what),
      peerName: ext4.name,
      unit: 's',
      better: 'lower',
    });
}

export const bench: Bench = {
  name: 'fs-build',
  what: 'XtreemFS: the C project of BUILD_PROJECT cloned and built on a volume, beside the disk underneath',
  sandbox: true,
  disk: true,
  run: measureAll,
};
