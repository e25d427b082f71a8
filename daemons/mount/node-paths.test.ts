import assert from 'node:assert/strict';
import test from 'node:test';
import { Failure } from './call-failure.ts';
import { NodePaths } from './node-paths.ts';

const place = (parent: number, name: string) => ({ parent, name: Buffer.from(name) });
const stale = (error: unknown) => error instanceof Failure && error.code === 'ESTALE';
const gone = () => Promise.reject(new Failure('ENOENT', 'nothing there'));

function tree(): NodePaths {
  const paths = new NodePaths();
  paths.lookedUp(2, 1, Buffer.from('d'));
  paths.lookedUp(3, 2, Buffer.from('f'));
  return paths;
}

test('what lies below a directory moves with it', () => {
  const paths = tree();
  assert.equal(paths.pathOf(1), '/');
  assert.equal(paths.pathOf(3), '/d/f');
  paths.moved(place(1, 'd'), place(1, 'e'));
  assert.equal(paths.pathOf(3), '/e/f');
  assert.equal(paths.nodeAt(place(1, 'd')), undefined);
});

test('a file that was replaced or removed has no path: its name is that of another', () => {
  const paths = tree();
  paths.lookedUp(4, 2, Buffer.from('g'));
  paths.moved(place(2, 'g'), place(2, 'f'));
  assert.equal(paths.pathOf(4), '/d/f');
  assert.throws(() => paths.pathOf(3), stale);
  paths.removed(place(2, 'f'));
  assert.throws(() => paths.pathOf(4), stale);
  // By its other name.
  paths.lookedUp(3, 1, Buffer.from('link'));
  assert.equal(paths.pathOf(3), '/link');
});

test('what the kernel forgot takes no room, and no name from others', () => {
  const paths = tree();
  paths.lookedUp(3, 2, Buffer.from('f'));
  paths.forget(3, 1);
  assert.equal(paths.pathOf(3), '/d/f');
  paths.forget(3, 1);
  assert.equal(paths.nodeAt(place(2, 'f')), undefined);
  assert.equal(paths.size, 1);
});

test('a call that finds nothing is made again where the file was moved meanwhile, and is stale where it was not', async () => {
  const paths = tree();
  const moving = Promise.withResolvers<void>();
  const move = paths.whileMoving(async () => {
    await moving.promise;
    paths.moved(place(1, 'd'), place(1, 'e'));
  });
  const asked: string[] = [];
  const found = paths.onNode(3n, (path) => {
    asked.push(path);
    return path === '/e/f' ? Promise.resolve('found') : gone();
  });
  moving.resolve();
  await move;
  assert.equal(await found, 'found');
  assert.deepEqual(asked, ['/d/f', '/e/f']);
  await assert.rejects(paths.onNode(3n, gone), stale);
  // A name may be missing.
  await assert.rejects(
    paths.onPlace(2n, Buffer.from('none'), gone),
    (error) => error instanceof Failure && error.code === 'ENOENT',
  );
});

test('moves are made one at a time, with the paths of then; one that fails holds nobody up', async () => {
  const paths = tree();
  const failing = paths.whileMoving(gone);
  const first = paths.whileMoving(async () => paths.moved(place(1, 'd'), place(1, 'e')));
  const second = paths.whileMoving(() => Promise.resolve(paths.pathAt(place(2, 'g'))));
  await assert.rejects(failing, (error) => error instanceof Failure && error.code === 'ENOENT');
  await first;
  assert.equal(await second, '/e/g');
});

test('a name that is no UTF-8 is refused', () => {
  const name = Buffer.from([0x66, 0xff]);
  assert.throws(
    () => tree().onPlace(1n, name, () => Promise.resolve()),
    (error) => error instanceof Failure && error.code === 'EILSEQ',
  );
});
