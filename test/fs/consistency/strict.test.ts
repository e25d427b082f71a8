/** Three mounts of a strict volume: each sees at once what the others did, whoever is killed or stopped meanwhile. */
import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { bytesOf, Caller, open, statusOf } from '../calls/caller.ts';
import { startVolume, type TestMount } from '../test-volume.ts';
import { contradictions, type Operation } from './linearizable.ts';

const root = { uid: 0, gid: 0 };
const blockBytes = 4096;
const blocks = 3;
const names = ['name-one', 'name-two'];

const recordOf = (value: string): string => `${value} `.padEnd(blockBytes, `${value}.`);
const isRecord = (content: string, value: string): boolean => content === recordOf(value);

/** Last in, first out: mounts end before their servers. */
const works: (() => void | Promise<void>)[] = [];
after(async () => {
  for (const work of works.reverse()) await work();
});
const volume = await startVolume({ after: (work) => void works.push(work) }, 2, [], {
  'xtreemos.consistency': 'strict',
});
const mounts = [await volume.mount(), await volume.mount(), await volume.mount()] as const;

/** Registers by name, each with all that was done to it. */
type Histories = Map<string, Operation[]>;

interface Client {
  readonly mount: TestMount;
  caller: Caller;
  /** Of the file of blocks. */
  file: string;
  /** Operations that were done. */
  done: number;
}

/** Keeps what an operation gave; of one that failed with its mount nobody knows whether it was done. */
async function noted(
  histories: Histories,
  register: string,
  kind: Operation['kind'],
  work: () => Promise<string>,
  writes?: string,
): Promise<void> {
  const history = histories.get(register) ?? [];
  histories.set(register, history);
  const startMs = performance.now();
  try {
    const value = await work();
    history.push({ kind, value: writes ?? value, startMs, endMs: performance.now() });
  } catch (error) {
    if (writes !== undefined) history.push({ kind, value: writes, startMs, endMs: Number.POSITIVE_INFINITY });
    throw error;
  }
}

async function begin(client: Client): Promise<void> {
  client.caller = new Caller(client.mount.directory, root);
  client.file = await client.caller.done('open', 'blocks', open.both);
}

/** One operation of any kind, on any register. */
async function oneOperation(
  client: Client,
  histories: Histories,
  value: string,
  mode: number | undefined,
): Promise<void> {
  const { caller, file } = client;
  const pick = Math.floor(Math.random() * 10);
  if (pick < 5) {
    const block = Math.floor(Math.random() * blocks);
    const register = `block ${block}`;
    if (pick < 2)
      await noted(
        histories,
        register,
        'write',
        () => caller.done('pwrite', file, block * blockBytes, recordOf(value)),
        value,
      );
    else
      await noted(histories, register, 'read', async () => {
        const [, bytes] = await caller.values('pread', file, block * blockBytes, blockBytes);
        const content = bytesOf(bytes).toString();
        const [found = ''] = content.split(' ');
        assert.ok(isRecord(content, found), `a torn block: ${content.slice(0, 60)}`);
        return found;
      });
  } else if (pick < 8) {
    const name = names[Math.floor(Math.random() * names.length)] ?? '';
    if (pick < 6) {
      await caller.done('symlink', value, `new-${value}`);
      await noted(histories, name, 'write', () => caller.done('rename', `new-${value}`, name), value);
    } else
      await noted(histories, name, 'read', async () =>
        bytesOf((await caller.values('readlink', name))[1]).toString(),
      );
  } else if (pick < 9 && mode !== undefined)
    await noted(histories, 'mode', 'write', () => caller.done('chmod', 'blocks', mode), `${mode}`);
  else
    await noted(
      histories,
      'mode',
      'read',
      async () => `${statusOf(await caller.values('stat', 'blocks')).mode}`,
    );
}

test('what was written after a file was seen cut is not cut, and its end is seen', {
  timeout: 120_000,
}, async (t) => {
  const callers = mounts.map(({ directory }) => new Caller(directory, root));
  t.after(() => Promise.all(callers.map((caller) => caller.end())));
  const [cutter, writer, reader] = callers as [Caller, Caller, Caller];
  const sizeOf = async (caller: Caller, file: string) => statusOf(await caller.values('fstat', file)).size;
  const rounds = 8;
  const contentOf = async (round: number) => {
    const file = await reader.done('open', `f${round}`, open.read);
    const [, bytes] = await reader.values('pread', file, 0, 3 * blockBytes);
    await reader.done('close', file);
    return bytesOf(bytes).toString();
  };
  for (let round = 0; round < rounds; round++) {
    const cut = await cutter.done('open', `f${round}`, open.both | open.create, 0o644);
    await cutter.done('pwrite', cut, 0, recordOf('old').repeat(2));
    const written = await writer.done('open', `f${round}`, open.both);
    assert.equal(await sizeOf(writer, written), 2 * blockBytes);
    const cutting = cutter.done('ftruncate', cut, 0);
    while ((await sizeOf(writer, written)) !== 0);
    // Half of them opened after the MRC cut it, and before the OSDs did.
    const again = round % 2 === 0 ? written : await writer.done('open', `f${round}`, open.both);
    await writer.done('pwrite', again, blockBytes / 2, recordOf(`r${round}`));
    const expected = '\0'.repeat(blockBytes / 2) + recordOf(`r${round}`);
    assert.ok((await contentOf(round)) === expected, `round ${round}, once written`);
    await cutting;
    assert.ok((await contentOf(round)) === expected, `round ${round}, once cut`);
    for (const [caller, file] of [
      [cutter, cut],
      [writer, written],
    ] as const)
      await caller.done('close', file);
    if (again !== written) await writer.done('close', again);
  }
  // The MRC has OSDs cut once more, for clients that die.
  await sleep(1500);
  for (let round = 0; round < rounds; round++)
    assert.ok(
      (await contentOf(round)) === '\0'.repeat(blockBytes / 2) + recordOf(`r${round}`),
      `round ${round}, at the end`,
    );
});

test('a mount that is stopped in the middle of writing overwrites nothing that others wrote and acknowledged after it', {
  timeout: 120_000,
}, async (t) => {
  const [stopped] = mounts;
  const callers = mounts.map(({ directory }) => new Caller(directory, root));
  t.after(() => Promise.all(callers.map((caller) => caller.end())));
  const [one, two, three] = callers as [Caller, Caller, Caller];
  const mine = await one.done('open', 'file', open.both | open.create, 0o644);
  await one.done('pwrite', mine, 0, recordOf('one'));
  process.kill(stopped.pid, 'SIGSTOP');
  try {
    const theirs = await two.done('open', 'file', open.both);
    await two.done('pwrite', theirs, 0, recordOf('two'));
    await two.done('rename', 'file', 'renamed');
  } finally {
    process.kill(stopped.pid, 'SIGCONT');
  }
  const [, seen] = await one.values('pread', mine, 0, blockBytes);
  assert.ok(isRecord(bytesOf(seen).toString(), 'two'));
  assert.equal((await one.call('stat', 'file')).result, 'ENOENT');
  // Nothing is left to be written behind.
  await one.done('fsync', mine);
  await one.done('close', mine);
  const again = await three.done('open', 'renamed', open.read);
  const [, left] = await three.values('pread', again, 0, blockBytes);
  assert.ok(isRecord(bytesOf(left).toString(), 'two'));
});

test('what one mount has done every mount sees: blocks, names and modes, over kills of everything', {
  timeout: 240_000,
}, async (t) => {
  const [first, stopped, killed] = mounts;
  const histories: Histories = new Map();
  const maker = new Caller(first.directory, root);
  t.after(() => maker.end());
  const file = await maker.done('open', 'blocks', open.both | open.create, 0);
  await noted(histories, 'mode', 'write', () => maker.done('chmod', 'blocks', 0), '0');
  for (let block = 0; block < blocks; block++)
    await noted(
      histories,
      `block ${block}`,
      'write',
      () => maker.done('pwrite', file, block * blockBytes, recordOf(`first-${block}`)),
      `first-${block}`,
    );
  for (const name of names)
    await noted(
      histories,
      name,
      'write',
      () => maker.done('symlink', `first-${name}`, name),
      `first-${name}`,
    );

  let isOver = false;
  let serial = 0;
  let mode = 0;
  const clients = mounts.map((mount): Client => ({ mount, caller: maker, file: '', done: 0 }));
  const loads = clients.map(async (client) => {
    await begin(client);
    while (!isOver) {
      serial += 1;
      try {
        const newMode = Math.random() < 0.3 && mode < 0o777 ? ++mode : undefined;
        await oneOperation(client, histories, `v${serial}`, newMode);
        client.done += 1;
      } catch (error) {
        if (!client.mount.isKilled) throw error;
        await client.caller.end();
        while (client.mount.isKilled) await sleep(20);
        await begin(client);
      }
    }
    await client.caller.end();
  });
  const failure = Promise.all(loads);
  failure.catch(() => undefined);
  const { mrc, osds } = volume.servers;
  const others = () => clients.reduce((sum, { mount, done }) => sum + (mount === stopped ? 0 : done), 0);

  async function disturb(): Promise<void> {
    await sleep(2000);
    killed.isKilled = true;
    await killed.end('SIGKILL');
    await killed.start();
    killed.isKilled = false;
    await sleep(500);
    process.kill(stopped.pid, 'SIGSTOP');
    try {
      const before = others();
      for (let tries = 0; others() < before + 50; tries++) {
        assert.ok(tries < 1500, 'who is stopped holds up nobody else');
        await sleep(20);
      }
    } finally {
      process.kill(stopped.pid, 'SIGCONT');
    }
    await sleep(500);
    for (const server of [mrc, ...osds]) {
      await server.stop('SIGKILL');
      await sleep(50);
      await server.run();
      await sleep(1000);
    }
  }
  try {
    await Promise.race([disturb(), failure.then(() => undefined)]);
  } finally {
    isOver = true;
  }
  await failure;
  const wrong = [...histories].flatMap(([register, history]) =>
    contradictions(history).map((what) => `${register}: ${what}`),
  );
  assert.deepEqual(wrong.slice(0, 5), []);
  const count = (kind: Operation['kind']) =>
    [...histories.values()].flat().filter((operation) => operation.kind === kind).length;
  assert.ok(count('read') > 50 && count('write') > 20, `${count('read')} reads, ${count('write')} writes`);
  t.diagnostic(`${count('write')} writes, ${count('read')} reads`);
});
