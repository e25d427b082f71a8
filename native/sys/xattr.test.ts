import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { getXattr, listXattr, removeXattr, setXattr } from './index.ts';

let directory: string;
let file: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'xos-xattr-'));
  file = join(directory, 'file');
  writeFileSync(file, '');
});
after(() => rmSync(directory, { recursive: true, force: true }));

test('an attribute is set, read, listed and removed, by path and by descriptor', () => {
  const descriptor = openSync(file, 'r+');
  for (const [one, other] of [
    [file, descriptor],
    [descriptor, file],
  ] as const) {
    assert.equal(getXattr(one, 'user.xos'), null);
    setXattr(one, 'user.xos', Buffer.from([0, 1, 255]));
    assert.deepEqual(getXattr(other, 'user.xos'), Buffer.from([0, 1, 255]));
    setXattr(other, 'user.empty', Buffer.alloc(0));
    assert.deepEqual(getXattr(one, 'user.empty'), Buffer.alloc(0));
    assert.deepEqual([...listXattr(one)].filter((name) => name.startsWith('user.')).sort(), [
      'user.empty',
      'user.xos',
    ]);
    removeXattr(other, 'user.xos');
    removeXattr(one, 'user.empty');
    assert.throws(() => removeXattr(one, 'user.xos'), { code: 'ENODATA' });
  }
  closeSync(descriptor);
  assert.throws(() => getXattr(descriptor, 'user.xos'), { code: 'EBADF' });
});

test('making and replacing are told apart', () => {
  assert.throws(() => setXattr(file, 'user.mode', Buffer.from('a'), { mode: 'replace' }), {
    code: 'ENODATA',
  });
  setXattr(file, 'user.mode', Buffer.from('a'), { mode: 'create' });
  assert.throws(() => setXattr(file, 'user.mode', Buffer.from('b'), { mode: 'create' }), { code: 'EEXIST' });
  setXattr(file, 'user.mode', Buffer.from('b'), { mode: 'replace' });
  assert.equal(getXattr(file, 'user.mode')?.toString(), 'b');
});

test('a symbolic link is not followed', () => {
  const link = join(directory, 'link');
  symlinkSync(file, link);
  setXattr(file, 'user.target', Buffer.from('x'));
  assert.throws(() => setXattr(link, 'user.link', Buffer.from('x')), { code: 'EPERM' });
  assert.equal(getXattr(link, 'user.target'), null);
});

test('errors name the file', () => {
  const missing = join(directory, 'missing');
  assert.throws(() => listXattr(missing), { code: 'ENOENT', syscall: 'listxattr', path: missing });
  assert.throws(() => setXattr(file, 'user.large', Buffer.alloc(65_537)), { code: 'E2BIG' });
  assert.throws(() => setXattr(file, 'nonsense', Buffer.from('x')), { code: /ENOTSUP|EOPNOTSUPP/ });
  assert.throws(() => getXattr(file, `user.${'x'.repeat(300)}`), RangeError);
});
