/** One operation of a random run: plain data, so that a run can be repeated, cut down and printed. */
import assert from 'node:assert/strict';
import { bytesOf, type Caller, open, statusOf, type } from '../calls/caller.ts';
import type { Model, Result, View } from './model.ts';

export type Operation = { readonly client: number } & (
  | { readonly do: 'create' | 'mkdir' | 'chmod'; readonly path: string; readonly mode: number }
  | { readonly do: 'symlink' | 'link'; readonly path: string; readonly to: string }
  | { readonly do: 'unlink' | 'rmdir' | 'look' | 'list' | 'readlink'; readonly path: string }
  | { readonly do: 'rename'; readonly path: string; readonly to: string; readonly flags: number }
  | { readonly do: 'setAttribute'; readonly path: string; readonly name: string; readonly value: string }
  | { readonly do: 'removeAttribute' | 'attribute'; readonly path: string; readonly name: string }
  | { readonly do: 'open'; readonly slot: number; readonly path: string }
  | { readonly do: 'close' | 'sync'; readonly slot: number }
  | {
      readonly do: 'write' | 'append' | 'map';
      readonly slot: number;
      readonly offset: number;
      readonly length: number;
      readonly byte: number;
    }
  | {
      readonly do: 'read' | 'punch' | 'zero' | 'reserve' | 'mapRead';
      readonly slot: number;
      readonly offset: number;
      readonly length: number;
    }
  | { readonly do: 'truncate'; readonly slot: number; readonly size: number }
);

/** Numbers from 0 inclusive to `below`, the same for the same seed (xorshift32). */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed | 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

export const slotsOfClient = 3;
const names = ['a', 'b', 'c', 'd'];
const biggest = 700_000;
const interesting = [0, 1, 4095, 4096, 4097, 65_536, 131_071, 131_072, 131_073, 262_144, 524_287];

export function randomOperation(below: (limit: number) => number, client: number): Operation {
  const pick = <Value>(values: readonly Value[]): Value => values[below(values.length)] as Value;
  const path = (): string =>
    Array.from({ length: 1 + (below(10) > 4 ? 1 : 0) + (below(10) > 7 ? 1 : 0) }, () => pick(names)).join(
      '/',
    );
  const offset = (): number => (below(2) === 0 ? pick(interesting) : below(biggest));
  const length = (): number => 1 + (below(4) === 0 ? below(300_000) : below(10_000));
  const slot = client * slotsOfClient + below(slotsOfClient);
  const mode = pick([0o644, 0o600, 0o755, 0o700]);
  const name = pick(['user.one', 'user.two']);
  switch (below(32)) {
    case 0:
    case 1:
    case 2:
      return { client, do: 'create', path: path(), mode };
    case 3:
    case 4:
      return { client, do: 'mkdir', path: path(), mode };
    case 5:
      return { client, do: 'symlink', path: path(), to: `nowhere-${below(1000)}` };
    case 6:
      return { client, do: 'link', path: path(), to: path() };
    case 7:
      return { client, do: 'unlink', path: path() };
    case 8:
      return { client, do: 'rmdir', path: path() };
    case 9:
    case 10:
    case 11:
      return { client, do: 'rename', path: path(), to: path(), flags: below(3) };
    case 12:
      return { client, do: 'chmod', path: path(), mode };
    case 13:
      return { client, do: 'setAttribute', path: path(), name, value: 'v'.repeat(1 + below(200)) };
    case 14:
      return { client, do: below(2) === 0 ? 'removeAttribute' : 'attribute', path: path(), name };
    case 15:
      return { client, do: 'look', path: path() };
    case 16:
      return { client, do: 'list', path: below(3) === 0 ? '.' : path() };
    case 17:
      return { client, do: 'readlink', path: path() };
    case 18:
    case 19:
    case 20:
      return { client, do: 'open', slot, path: path() };
    case 21:
      return { client, do: below(3) === 0 ? 'sync' : 'close', slot };
    case 22:
    case 23:
    case 24:
      return { client, do: 'write', slot, offset: offset(), length: length(), byte: 1 + below(255) };
    case 25:
      return { client, do: 'append', slot, offset: 0, length: length(), byte: 1 + below(255) };
    case 26:
      return {
        client,
        do: pick(['punch', 'zero', 'reserve'] as const),
        slot,
        offset: offset(),
        length: length(),
      };
    case 27:
      return { client, do: 'truncate', slot, size: offset() };
    case 28:
      return { client, do: 'map', slot, offset: offset(), length: 1 + below(5000), byte: 1 + below(255) };
    case 29:
      return { client, do: 'mapRead', slot, offset: offset(), length: 1 + below(5000) };
    default:
      return { client, do: 'read', slot, offset: offset(), length: length() };
  }
}

/** Files that are open in the processes, as they number them. */
export type Descriptors = Map<number, string>;

/** @throws AssertionError where the file system differs from the model */
export async function perform(
  operation: Operation,
  model: Model,
  caller: Caller,
  descriptors: Descriptors,
): Promise<void> {
  const result = async (
    wanted: Result,
    name: string,
    ...words: (string | number | Uint8Array)[]
  ): Promise<void> => assert.equal((await caller.call(name, ...words)).result, wanted);
  switch (operation.do) {
    case 'create': {
      const wanted = model.create(operation.path, operation.mode);
      const { result: got, values } = await caller.call(
        'open',
        operation.path,
        open.both | open.create | open.exclusive,
        operation.mode,
      );
      assert.equal(got, wanted);
      if (got === 'ok') await caller.done('close', values[0] ?? '');
      return;
    }
    case 'mkdir':
      return result(model.mkdir(operation.path, operation.mode), 'mkdir', operation.path, operation.mode);
    case 'chmod':
      return result(model.chmod(operation.path, operation.mode), 'chmod', operation.path, operation.mode);
    case 'symlink':
      return result(model.symlink(operation.to, operation.path), 'symlink', operation.to, operation.path);
    case 'link':
      return result(model.link(operation.path, operation.to), 'link', operation.path, operation.to);
    case 'unlink':
      return result(model.unlink(operation.path), 'unlink', operation.path);
    case 'rmdir':
      return result(model.rmdir(operation.path), 'rmdir', operation.path);
    case 'rename': {
      const { path, to, flags } = operation;
      return result(model.rename(path, to, flags), 'renameat2', path, to, flags);
    }
    case 'setAttribute': {
      const { path, name, value } = operation;
      return result(model.setAttribute(path, name, value), 'setxattr', path, name, value, 0);
    }
    case 'removeAttribute':
      return result(
        model.setAttribute(operation.path, operation.name, undefined),
        'removexattr',
        operation.path,
        operation.name,
      );
    case 'attribute': {
      const wanted = model.attribute(operation.path, operation.name);
      const got = await caller.call('getxattr', operation.path, operation.name);
      if (typeof wanted === 'string') assert.equal(got.result, wanted);
      else assert.equal(got.values[1], wanted.value);
      return;
    }
    case 'look':
      return look(model.view(operation.path), await caller.call('lstat', operation.path));
    case 'list':
      return list(operation.path, model.list(operation.path), caller);
    case 'readlink': {
      const wanted = model.target(operation.path);
      const got = await caller.call('readlink', operation.path);
      if (typeof wanted === 'string') assert.equal(got.result, wanted);
      else assert.equal(got.values[1], wanted.target);
      return;
    }
    case 'open': {
      await closeSlot(operation.slot, model, caller, descriptors);
      const wanted = model.open(operation.slot, operation.path);
      const got = await caller.call('open', operation.path, open.both | open.noFollow);
      assert.equal(got.result, wanted);
      if (wanted === 'ok') descriptors.set(operation.slot, got.values[0] ?? '');
      return;
    }
    case 'close':
      return closeSlot(operation.slot, model, caller, descriptors);
    default:
      if (model.isOpen(operation.slot))
        await performOnOpen(operation, model, caller, descriptors.get(operation.slot) ?? '');
  }
}

type OnOpen = Extract<Operation, { readonly slot: number }>;

async function performOnOpen(operation: OnOpen, model: Model, caller: Caller, file: string): Promise<void> {
  const { slot } = operation;
  const size = model.viewOfOpen(slot).size;
  switch (operation.do) {
    case 'sync':
      await caller.done('fsync', file);
      break;
    case 'write':
    case 'append': {
      const { length, byte } = operation;
      const offset = operation.do === 'append' ? size : operation.offset;
      model.write(slot, offset, length, byte);
      assert.equal(Number(await caller.done('fill', file, offset, length, byte)), length);
      break;
    }
    case 'map': {
      const length = Math.min(operation.length, size - operation.offset);
      if (length <= 0) break;
      model.write(slot, operation.offset, length, operation.byte);
      await caller.done('mapwrite', file, operation.offset, Buffer.alloc(length, operation.byte));
      break;
    }
    case 'mapRead': {
      const length = Math.min(operation.length, size - operation.offset);
      if (length <= 0) break;
      const got = bytesOf((await caller.values('mapread', file, operation.offset, length))[1]);
      sameBytes(got, model.read(slot, operation.offset, length), operation.offset);
      break;
    }
    case 'read': {
      const got = bytesOf((await caller.values('pread', file, operation.offset, operation.length))[1]);
      sameBytes(got, model.read(slot, operation.offset, operation.length), operation.offset);
      break;
    }
    case 'punch':
      model.zero(slot, operation.offset, operation.length);
      await caller.done('fallocate', file, 3, operation.offset, operation.length);
      break;
    case 'zero':
      model.reserve(slot, operation.offset, operation.length);
      model.zero(slot, operation.offset, operation.length);
      await caller.done('fallocate', file, 16, operation.offset, operation.length);
      break;
    case 'reserve':
      model.reserve(slot, operation.offset, operation.length);
      await caller.done('fallocate', file, 0, operation.offset, operation.length);
      break;
    case 'truncate':
      model.truncate(slot, operation.size);
      await caller.done('ftruncate', file, operation.size);
      break;
    default:
      throw new RangeError(operation.do);
  }
  look(model.viewOfOpen(slot), await caller.call('fstat', file));
}

async function closeSlot(
  slot: number,
  model: Model,
  caller: Caller,
  descriptors: Descriptors,
): Promise<void> {
  const file = descriptors.get(slot);
  if (file === undefined) return;
  await caller.done('close', file);
  descriptors.delete(slot);
  model.close(slot);
}

const kinds = new Map<number, string>([
  [type.file, 'file'],
  [type.directory, 'directory'],
  [type.link, 'link'],
]);

function look(
  wanted: View | string,
  got: { readonly result: string; readonly values: readonly string[] },
): void {
  if (typeof wanted === 'string') {
    assert.equal(got.result, wanted);
    return;
  }
  assert.equal(got.result, 'ok');
  const status = statusOf(got.values);
  const kind = kinds.get(status.type) ?? 'other';
  const shown: View = {
    kind,
    links: status.links,
    mode: status.mode,
    size: kind === 'directory' ? 0 : status.size,
  };
  assert.deepEqual(shown, wanted);
}

export async function list(path: string, wanted: readonly string[] | string, caller: Caller): Promise<void> {
  const opened = await caller.call('open', path, open.read | open.directory | open.noFollow);
  if (typeof wanted === 'string') {
    assert.equal(opened.result, wanted);
    return;
  }
  assert.equal(opened.result, 'ok');
  const file = opened.values[0] ?? '';
  const found: string[] = [];
  for (;;) {
    const values = await caller.values('getdents', file, 32_768);
    if (values.length === 0) break;
    for (let at = 3; at < values.length; at += 4) found.push(values[at] ?? '');
  }
  await caller.done('close', file);
  assert.deepEqual(found.filter((name) => name !== '.' && name !== '..').sort(), wanted);
}

export function sameBytes(got: Buffer, wanted: Buffer, offset: number): void {
  assert.equal(got.length, wanted.length, `bytes read at ${offset}`);
  if (got.equals(wanted)) return;
  const at = got.findIndex((byte, index) => byte !== wanted[index]);
  assert.fail(
    `byte ${offset + at} is ${got[at]}, not ${wanted[at]} (read from ${offset}, ${got.length} bytes)`,
  );
}
