/** Runs random operations beside the model, and cuts a run that failed down to what it takes. */
import { mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bytesOf, Caller, open } from '../calls/caller.ts';
import { Model } from './model.ts';
import {
  type Descriptors,
  list,
  type Operation,
  perform,
  randomNumbers,
  randomOperation,
  sameBytes,
} from './operation.ts';

/**
 * Close-to-open is what clients are promised of content: one works at a time, and closes what it has open when another goes on.
 * What was cached of names and attributes ends when the server tells of the change, which takes a moment.
 */
const settleMs = 100;

/** @param directories the same directory as each client sees it: through a mount of its own */
export async function runRandom(directories: readonly string[], seed: number, count: number): Promise<void> {
  const below = randomNumbers(seed);
  let client = 0;
  const operations = Array.from({ length: count }, () => {
    if (below(8) === 0) client = below(directories.length);
    return randomOperation(below, client);
  });
  const failure = await failureOf(directories, operations);
  if (failure === undefined) return;
  const needed = await shrink(
    operations.slice(0, failure.at + 1),
    async (fewer) => (await failureOf(directories, fewer)) !== undefined,
  );
  const last = await failureOf(directories, needed);
  const lines = needed.map((operation) => `  ${JSON.stringify(operation)}`).join('\n');
  const why = last?.error ?? failure.error;
  throw new Error(`seed ${seed}, operation ${failure.at}: ${why.message}\n${lines}`, { cause: why });
}

interface Failure {
  readonly at: number;
  readonly error: Error;
}

/** Runs them in a directory of their own; at the end every client sees all that the model has. */
async function failureOf(
  directories: readonly string[],
  operations: readonly Operation[],
): Promise<Failure | undefined> {
  const [first = ''] = directories;
  const made = mkdtempSync(path.join(first, 'random-'));
  const name = path.basename(made);
  const callers = directories.map((directory) => new Caller(path.join(directory, name), { uid: 0, gid: 0 }));
  const model = new Model();
  const descriptors: Descriptors = new Map();
  let at = 0;
  try {
    await Promise.all(callers.map((caller) => caller.done('umask', 0)));
    let client = operations[0]?.client ?? 0;
    for (const operation of operations) {
      if (operation.client !== client) {
        await closeAll(client, model, callers[client] as Caller, descriptors);
        await sleep(settleMs);
        client = operation.client;
      }
      await perform(operation, model, callers[operation.client] as Caller, descriptors);
      at++;
    }
    await closeAll(client, model, callers[client] as Caller, descriptors);
    await sleep(settleMs);
    for (const caller of callers) await compareAll(model, caller);
  } catch (error) {
    return { at: Math.min(at, operations.length - 1), error: error as Error };
  } finally {
    await Promise.all(callers.map((caller) => caller.end()));
    rmSync(made, { recursive: true, force: true });
  }
  return undefined;
}

async function closeAll(
  client: number,
  model: Model,
  caller: Caller,
  descriptors: Descriptors,
): Promise<void> {
  for (const slot of [...descriptors.keys()])
    await perform({ client, do: 'close', slot }, model, caller, descriptors);
}

async function compareAll(model: Model, caller: Caller): Promise<void> {
  for (const each of ['.', ...model.paths()]) {
    if (each !== '.') await perform({ client: 0, do: 'look', path: each }, model, caller, new Map());
    const seen = model.view(each);
    if (typeof seen === 'string') continue;
    if (seen.kind === 'directory') await list(each, model.list(each), caller);
    if (seen.kind !== 'file') continue;
    const slot = -1;
    model.open(slot, each);
    const file = await caller.done('open', each, open.read);
    const content = bytesOf((await caller.values('pread', file, 0, seen.size + 1))[1]);
    await caller.done('close', file);
    sameBytes(content, model.read(slot, 0, seen.size), 0);
    model.close(slot);
  }
}

/** Takes pieces away, smaller and smaller, for as long as the rest still fails (Zeller's ddmin); tries at most 200 times. */
async function shrink(
  operations: readonly Operation[],
  fails: (fewer: readonly Operation[]) => Promise<boolean>,
): Promise<readonly Operation[]> {
  let kept = operations;
  let tries = 0;
  for (let piece = Math.ceil(kept.length / 2); piece >= 1; piece = piece === 1 ? 0 : Math.ceil(piece / 2)) {
    for (let from = 0; from < kept.length && tries < 200; ) {
      const fewer = [...kept.slice(0, from), ...kept.slice(from + piece)];
      tries++;
      if (fewer.length > 0 && (await fails(fewer))) kept = fewer;
      else from += piece;
    }
  }
  return kept;
}
