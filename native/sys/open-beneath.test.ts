import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { descriptorPath, openBeneath, setCloseOnExec } from './index.ts';

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'xos-beneath-'));
  mkdirSync(join(directory, 'inside', 'deep'), { recursive: true });
  writeFileSync(join(directory, 'secret'), 'outside');
  writeFileSync(join(directory, 'inside', 'deep', 'file'), 'inside');
  symlinkSync('../secret', join(directory, 'inside', 'out'));
  symlinkSync('deep', join(directory, 'inside', 'in'));
  symlinkSync('/etc/passwd', join(directory, 'inside', 'absolute'));
});
after(() => rmSync(directory, { recursive: true, force: true }));

function read(path: string): string {
  const descriptor = openBeneath(join(directory, 'inside'), path);
  try {
    return readFileSync(descriptor, 'utf8');
  } finally {
    closeSync(descriptor);
  }
}

test('a file beneath the directory opens', () => {
  assert.equal(read('deep/file'), 'inside');
  assert.equal(read('./deep/../deep/file'), 'inside');
});

test('nothing leads out of the directory', () => {
  for (const path of ['../secret', 'deep/../../secret', '/etc/passwd', `${directory}/secret`])
    assert.throws(() => read(path), { code: 'EXDEV' }, path);
  for (const path of ['out', 'absolute', 'in/file', '../inside/in/file'])
    assert.throws(() => read(path), { code: /ELOOP|EXDEV/ }, path);
  assert.throws(() => openBeneath('/proc/self', 'root/etc/passwd'), { code: 'ELOOP' });
  assert.throws(() => read('deep/file\0'), RangeError);
  assert.throws(() => read('x'.repeat(300)), { code: 'ENAMETOOLONG' });
  assert.throws(() => read(`${'x'.repeat(5000)}`), RangeError);
  assert.throws(() => read(''), { code: 'ENOENT' });
  assert.throws(() => openBeneath(join(directory, 'secret'), 'x'), { code: 'ENOTDIR' });
});

test('a directory may be given by descriptor', () => {
  const parent = openSync(join(directory, 'inside'), constants.O_RDONLY | constants.O_DIRECTORY);
  const descriptor = openBeneath(parent, 'deep/file');
  assert.equal(readFileSync(descriptor, 'utf8'), 'inside');
  closeSync(descriptor);
  closeSync(parent);
  assert.throws(() => openBeneath(parent, 'deep/file'), { code: 'EBADF' });
});

test('a FIFO does not block the opening', () => {
  const fifo = join(directory, 'inside', 'fifo');
  assert.equal(spawnSync('mkfifo', [fifo]).status, 0);
  const descriptor = openBeneath(join(directory, 'inside'), 'fifo');
  assert.ok(fstatSync(descriptor).isFIFO());
  closeSync(descriptor);
});

test('a new file has the mode it was asked to have', () => {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
  const inside = join(directory, 'inside');
  const descriptor = openBeneath(inside, 'new', { flags, mode: 0o640 });
  assert.equal(fstatSync(descriptor).mode & 0o777, 0o640 & ~process.umask());
  closeSync(descriptor);
  assert.throws(() => openBeneath(inside, 'new', { flags }), { code: 'EEXIST' });
  // O_CREAT does not follow a link that someone left either.
  assert.throws(() => openBeneath(inside, 'out', { flags: constants.O_WRONLY | constants.O_CREAT }), {
    code: 'ELOOP',
  });
});

test('a failed opening leaves nothing open', () => {
  const before = readdirSync('/proc/self/fd').length;
  for (let round = 0; round < 100; round++) assert.throws(() => read('out'));
  assert.equal(readdirSync('/proc/self/fd').length, before);
});

test('the path of an entry of an open directory reaches exactly that', () => {
  const deep = openSync(join(directory, 'inside', 'deep'), constants.O_RDONLY | constants.O_DIRECTORY);
  writeFileSync(descriptorPath(deep, 'more'), 'x');
  assert.deepEqual(readdirSync(descriptorPath(deep)).sort(), ['file', 'more']);
  unlinkSync(descriptorPath(deep, 'more'));
  for (const name of ['', '.', '..', 'a/b', '/', 'a\0b'])
    assert.throws(() => descriptorPath(deep, name), RangeError);
  for (const descriptor of [-1, 1.5, Number.NaN]) assert.throws(() => descriptorPath(descriptor), RangeError);
  closeSync(deep);
});

test('a descriptor marked close-on-exec does not reach a child', () => {
  const file = openSync('/dev/null', 'r');
  setCloseOnExec(file);
  assert.match(readFileSync(`/proc/self/fdinfo/${file}`, 'utf8'), /flags:\s*0?2\d{6}\n/);
  closeSync(file);
  assert.throws(() => setCloseOnExec(file), { code: 'EBADF' });
});
