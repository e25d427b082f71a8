import assert from 'node:assert/strict';
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { test } from 'node:test';
import { memfd, sealDescriptor, seals } from './index.ts';

test('a sealed memfd cannot be changed any more', () => {
  const file = memfd('xos-test');
  writeSync(file, 'map');
  assert.equal(seals(file).size, 0);
  sealDescriptor(file);
  assert.deepEqual([...seals(file)].sort(), ['grow', 'seal', 'shrink', 'write']);
  assert.throws(() => writeSync(file, 'x'), { code: 'EPERM' });
  assert.throws(() => ftruncateSync(file, 0), { code: 'EPERM' });
  assert.throws(() => ftruncateSync(file, 10), { code: 'EPERM' });
  assert.throws(() => sealDescriptor(file), { code: 'EPERM' });
  assert.equal(readFileSync(`/proc/self/fd/${file}`, 'utf8'), 'map');
  closeSync(file);
  assert.throws(() => seals(file), { code: 'EBADF' });
});

test('what is not a memfd has no seals', () => {
  const file = openSync('/dev/null', 'r+');
  assert.throws(() => seals(file), { code: 'EINVAL' });
  assert.throws(() => sealDescriptor(file), { code: 'EINVAL' });
  closeSync(file);
});

test('a name is bounded', () => {
  closeSync(memfd('x'.repeat(249)));
  assert.throws(() => memfd('x'.repeat(250)), RangeError);
});
