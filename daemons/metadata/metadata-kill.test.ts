/** The MRC is killed again and again amid changes: what it acknowledged is there, what it did not is whole or not at all. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { nodeCalls, RpcError } from '@xtreemos/rpc';
import { attach, makeVolume, startServers, type TestClient } from './metadata-fixtures.ts';

const rounds = Number(process.env['XOS_KILL_ROUNDS'] ?? 5);
const workers = 6;

/** What a directory holds: names, and the permissions that their files have. */
type Names = ReadonlyMap<string, number>;

interface Worker {
  readonly directory: bigint;
  /** What it may be: more than one while an answer is missing. */
  possible: Names[];
  acknowledged: number;
}

/** One change after the other, until the connection ends. */
async function load(client: TestClient, worker: Worker, below: (limit: number) => number): Promise<void> {
  const parent = worker.directory;
  for (;;) {
    const [before = new Map<string, number>()] = worker.possible;
    const after = new Map(before);
    const names = [...before.keys()];
    const picked = names[below(Math.max(names.length, 1))];
    const fresh = `f${below(1_000_000)}`;
    let change: () => Promise<unknown>;
    const kind = picked === undefined ? 0 : below(5);
    const name = Buffer.from(picked ?? '');
    if (kind <= 1) {
      after.set(fresh, 0o600);
      change = async () => {
        const { handle } = await client.create(parent, fresh, { mode: 0o600, exclusive: true });
        // Its answer tells nothing about names.
        void client.call(nodeCalls.close, { handle }).catch(() => undefined);
      };
    } else if (kind === 2) {
      after.delete(picked ?? '');
      change = () => client.call(nodeCalls.unlink, { parent, name });
    } else if (kind === 3) {
      after.delete(picked ?? '');
      after.set(fresh, before.get(picked ?? '') ?? 0);
      change = () =>
        client.call(nodeCalls.rename, {
          parent,
          name,
          newParent: parent,
          newName: Buffer.from(fresh),
          flags: 0,
        });
    } else {
      const mode = 0o600 + below(0o100);
      after.set(picked ?? '', mode);
      const { attributes } = await client.lookup(parent, picked ?? '');
      change = () => client.call(nodeCalls.setattr, { node: attributes.node, mode });
    }
    worker.possible = [before, after];
    await change();
    worker.possible = [after];
    worker.acknowledged += 1;
  }
}

async function namesIn(client: TestClient, directory: bigint): Promise<Names> {
  const names = new Map<string, number>();
  for (let cookie = 0n; ; ) {
    const { entries, end } = await client.call(nodeCalls.readdir, {
      node: directory,
      cookie,
      maxBytes: 4096,
      plus: true,
    });
    for (const entry of entries) {
      cookie = entry.cookie;
      if (entry.attributes !== undefined)
        names.set(Buffer.from(entry.name).toString(), entry.attributes.mode & 0o777);
    }
    if (end) return names;
  }
}

const sorted = (names: Names) => [...names].toSorted(([one], [other]) => (one < other ? -1 : 1));

test(`${rounds} kills lose nothing that was acknowledged`, {
  timeout: 60_000 + rounds * 20_000,
}, async (context) => {
  const { mrc } = await startServers(context);
  const first = await mrc.connect();
  await makeVolume(first, { name: 'home' });
  const clientId = randomUUID();
  const setUp = await attach(first, 'home', undefined, clientId);
  const all: Worker[] = [];
  for (let index = 0; index < workers; index++)
    all.push({ directory: await setUp.mkdir(1, `d${index}`), possible: [new Map()], acknowledged: 0 });
  first.close();
  const below = (limit: number) => Math.floor(Math.random() * limit);
  for (let round = 0; round < rounds; round++) {
    const connection = await mrc.connect();
    const client = await attach(connection, 'home', undefined, clientId);
    const ends = all.map((worker) =>
      load(client, worker, below).catch((error: unknown) => {
        // The kill, not a refusal.
        if (!(error instanceof RpcError) || error.kind !== 'unreachable') throw error;
      }),
    );
    await sleep(200 + below(400));
    await mrc.stop('SIGKILL');
    await Promise.all(ends);
    await mrc.run();
    const next = await mrc.connect();
    const reader = await attach(next, 'home', undefined, clientId);
    for (const worker of all) {
      const found = sorted(await namesIn(reader, worker.directory));
      const matching = worker.possible.find(
        (names) => JSON.stringify(sorted(names)) === JSON.stringify(found),
      );
      assert.ok(
        matching !== undefined,
        `${JSON.stringify(found)} is none of ${JSON.stringify(worker.possible.map(sorted))}`,
      );
      worker.possible = [matching];
    }
    next.close();
  }
  const acknowledged = all.reduce((sum, worker) => sum + worker.acknowledged, 0);
  assert.ok(acknowledged > rounds * workers, `${acknowledged} changes`);
  context.diagnostic(`${acknowledged} acknowledged changes, ${rounds} kills`);
});
