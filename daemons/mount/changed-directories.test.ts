import assert from 'node:assert/strict';
import test from 'node:test';
import type { Attributes } from '@xtreemos/rpc';
import { ChangedDirectories } from './changed-directories.ts';

function world() {
  const watch = {
    mark: 1,
    overtaken: new Set<number>(),
    isCurrent: (mark: number, node: number) => mark === watch.mark && !watch.overtaken.has(node),
  };
  return { watch, directories: new ChangedDirectories(watch) };
}

const parent = (change: number) => ({ parent: { change: BigInt(change) } as Attributes });

test('what came with the newest change is known, in whatever order answers came', async () => {
  const { watch, directories } = world();
  const first = Promise.withResolvers<ReturnType<typeof parent>>();
  const second = Promise.withResolvers<ReturnType<typeof parent>>();
  const changes = [directories.change(7, () => first.promise), directories.change(7, () => second.promise)];
  second.resolve(parent(12));
  await changes[1];
  assert.equal(directories.attributes(7), undefined, 'a change is under way');
  first.resolve(parent(11));
  await changes[0];
  assert.equal(directories.attributes(7)?.attributes.change, 12n);
  assert.equal(directories.attributes(8), undefined);
  watch.overtaken.add(7);
  assert.equal(directories.attributes(7), undefined, 'another client changed it');
});

test('after a change that failed, or that tells nothing, the MRC is asked', async () => {
  const { directories } = world();
  await directories.change(7, async () => parent(3));
  await assert.rejects(
    directories.change(7, () => Promise.reject(new Error('ENOSPC'))),
    /ENOSPC/,
  );
  assert.equal(directories.attributes(7), undefined);
  for (const named of [7, undefined]) {
    await directories.change(7, async () => parent(4));
    assert.notEqual(directories.attributes(7), undefined);
    const late = Promise.withResolvers<ReturnType<typeof parent>>();
    const change = directories.change(7, () => late.promise);
    await directories.changeUntold(named, async () => undefined);
    late.resolve(parent(5));
    await change;
    assert.equal(directories.attributes(7), undefined, 'it may be of before the other change');
  }
});
