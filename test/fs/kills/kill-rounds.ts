/** Processes of a volume are killed under load, one of any kind each round: what was acknowledged has to be there afterwards. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { bytesOf, Caller, open } from '../calls/caller.ts';
import { startVolume, type TestMount } from '../test-volume.ts';

const workers = 3;
const recordBytes = 9000;

/** Names in a worker's directory, and the version that each file's content is of. */
type Files = ReadonlyMap<string, number>;

interface Worker {
  readonly directory: string;
  /** One state, or two while a change is under way that nobody acknowledged. */
  possible: readonly Files[];
  acknowledged: number;
}

const recordOf = (version: number): string => `${version} `.padEnd(recordBytes, `${version}.`);

/** A change of the worker's directory that is durable when it returns. */
async function change(caller: Caller, worker: Worker, version: number): Promise<void> {
  const [before = new Map<string, number>()] = worker.possible;
  const after = new Map(before);
  const names = [...before.keys()];
  const picked = names[version % Math.max(names.length, 1)];
  const fresh = `f${version}`;
  const kind = picked === undefined || names.length < 5 ? 0 : version % 4;
  const at = (name: string) => `${worker.directory}/${name}`;
  const write = async (name: string, flags: number) => {
    const file = await caller.done('open', at(name), open.write | flags, 0o644);
    await caller.done('pwrite', file, 0, recordOf(version));
    await caller.done('fsync', file);
    await caller.done('close', file);
  };
  if (kind === 2) after.delete(picked ?? '');
  if (kind === 3) {
    after.delete(picked ?? '');
    after.set(fresh, before.get(picked ?? '') ?? 0);
  }
  if (kind === 0) after.set(fresh, version);
  // What was not synced may be there or not, or in part: a file that is overwritten is no state to ask for until it is.
  if (kind === 1) after.set(picked ?? '', version);
  worker.possible = [before, after];
  if (kind === 0) await write(fresh, open.create | open.exclusive);
  else if (kind === 1) {
    await write(`${fresh}.new`, open.create | open.exclusive);
    await caller.done('rename', at(`${fresh}.new`), at(picked ?? ''));
  } else if (kind === 2) await caller.done('unlink', at(picked ?? ''));
  else await caller.done('rename', at(picked ?? ''), at(fresh));
  worker.possible = [after];
  worker.acknowledged++;
}

async function contentOf(caller: Caller, directory: string): Promise<Files> {
  const opened = await caller.done('open', directory, open.read | open.directory);
  const names: string[] = [];
  for (;;) {
    const values = await caller.values('getdents', opened, 32_768);
    if (values.length === 0) break;
    for (let at = 3; at < values.length; at += 4) names.push(values[at] ?? '');
  }
  await caller.done('close', opened);
  const files = new Map<string, number>();
  for (const name of names.filter((each) => !each.startsWith('.'))) {
    const file = await caller.done('open', `${directory}/${name}`, open.read);
    const content = bytesOf((await caller.values('pread', file, 0, recordBytes + 1))[1]).toString();
    await caller.done('close', file);
    const version = Number.parseInt(content, 10);
    files.set(name, content === recordOf(version) ? version : -1);
  }
  return files;
}

const text = (files: Files): string =>
  [...files]
    .toSorted()
    .map(([name, version]) => `${name}=${version}`)
    .join(' ');

/** Of what was under way, names that only half a change made count for nothing: a new file not yet synced, one not yet renamed. */
function settled(found: Files, possible: readonly Files[]): Files {
  const known = new Set(possible.flatMap((files) => [...files.keys()]));
  const kept = new Map([...found].filter(([name]) => known.has(name)));
  const last = possible.at(-1);
  for (const [name, version] of kept)
    if (version === -1 && possible[0]?.has(name) === false && last?.has(name) === true) kept.delete(name);
  return kept;
}

async function verify(caller: Caller, all: readonly Worker[], what: string): Promise<void> {
  for (const worker of all) {
    const found = settled(await contentOf(caller, worker.directory), worker.possible);
    const wanted = worker.possible.map(text);
    assert.ok(
      wanted.includes(text(found)),
      `${what}: ${worker.directory} holds\n  ${text(found)}\nand should hold\n  ${wanted.join('\n  or ')}`,
    );
    worker.possible = [found];
  }
}

export function killRounds(rounds: number): void {
  test(`${rounds} kills lose nothing that was acknowledged`, { timeout: rounds * 60_000 }, async (t) => {
    const volume = await startVolume(t);
    const { servers } = volume;
    const loaded = await volume.mount();
    const watching = await volume.mount();
    const watcher = new Caller(watching.directory, { uid: 0, gid: 0 });
    t.after(() => watcher.end());
    const all: Worker[] = [];
    for (let index = 0; index < workers; index++) {
      await watcher.done('mkdir', `worker-${index}`, 0o755);
      all.push({ directory: `worker-${index}`, possible: [new Map()], acknowledged: 0 });
    }
    await sleep(200);
    const victims: readonly (readonly [string, () => Promise<void>])[] = [
      ['the client', () => restartMount(loaded)],
      ['the MRC', () => restart(servers.mrc)],
      ...servers.osds.map((osd, index): [string, () => Promise<void>] => [
        `OSD ${index + 1}`,
        () => restart(osd),
      ]),
      ['the DIR', () => restart(servers.directory)],
    ];
    let version = 0;
    for (let round = 0; round < rounds; round++) {
      const [what, kill] = victims[round % victims.length] ?? ['nobody', () => Promise.resolve()];
      await oneRound({ all, loaded, kill, nextVersion: () => ++version });
      await verify(watcher, all, `after a kill of ${what} (round ${round})`);
    }
    const acknowledged = all.reduce((sum, worker) => sum + worker.acknowledged, 0);
    assert.ok(acknowledged > rounds * workers, `only ${acknowledged} changes were acknowledged`);
    t.diagnostic(`${acknowledged} acknowledged changes, ${rounds} kills`);
  });
}

interface Round {
  readonly all: readonly Worker[];
  readonly loaded: TestMount;
  readonly kill: () => Promise<void>;
  readonly nextVersion: () => number;
}

async function oneRound({ all, loaded, kill, nextVersion }: Round): Promise<void> {
  const callers = all.map(() => new Caller(loaded.directory, { uid: 0, gid: 0 }));
  let isOver = false;
  const loads = all.map(async (worker, index) => {
    const caller = callers[index] as Caller;
    try {
      while (!isOver) await change(caller, worker, nextVersion());
    } catch (error) {
      // A client that was killed takes its mount with it; nothing else may fail a program: the mount is hard.
      if (loaded.isKilled) return;
      throw error;
    }
  });
  await sleep(300 + Math.random() * 500);
  await kill();
  await sleep(500);
  isOver = true;
  await Promise.all(loads);
  await Promise.all(callers.map((caller) => caller.end()));
  loaded.isKilled = false;
}

async function restart(server: { stop(signal: NodeJS.Signals): Promise<unknown>; run(): Promise<void> }) {
  await server.stop('SIGKILL');
  await sleep(100);
  await server.run();
}

async function restartMount(mount: TestMount): Promise<void> {
  mount.isKilled = true;
  await mount.end('SIGKILL');
  await mount.start();
}
