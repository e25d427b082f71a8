import assert from 'node:assert/strict';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { isXosError } from '@xtreemos/base';
import { FileTransaction } from './file-transaction.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'xos-transaction-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const at = (name: string): string => join(directory, name);

test('all files change at the commit and none before it', () => {
  writeFileSync(at('old'), 'old');
  writeFileSync(at('gone'), 'gone');
  const transaction = new FileTransaction();
  transaction.put(at('new'), 'new', { mode: 0o640 });
  transaction.put(at('old'), 'changed', { mode: 0o600 });
  transaction.link(at('link'), 'new');
  transaction.remove(at('gone'));
  assert.equal(existsSync(at('new')), false);
  assert.equal(readFileSync(at('old'), 'utf8'), 'old');
  transaction.commit();
  assert.equal(readFileSync(at('link'), 'utf8'), 'new');
  assert.equal(readFileSync(at('old'), 'utf8'), 'changed');
  assert.equal(lstatSync(at('new')).mode & 0o777, 0o640);
  assert.deepEqual(readdirSync(directory).sort(), ['link', 'new', 'old']);
});

test('a failure in the middle puts everything back, directories too', () => {
  writeFileSync(at('file'), 'former');
  symlinkSync('file', at('link'));
  writeFileSync(at('removed'), 'still here');
  mkdirSync(at('occupied/by'), { recursive: true });
  const formerly = readdirSync(directory).sort();
  const transaction = new FileTransaction();
  transaction.makeDirectory(at('made/below'), { mode: 0o755 });
  transaction.put(at('made/below/file'), 'x', { mode: 0o644 });
  transaction.put(at('file'), 'later', { mode: 0o644 });
  transaction.link(at('link'), 'elsewhere');
  transaction.remove(at('removed'));
  transaction.put(at('occupied'), 'cannot replace a directory', { mode: 0o644 });
  assert.throws(
    () => transaction.commit(),
    (error) => isXosError(error, 'XOS_STORAGE_FAILED'),
  );
  assert.deepEqual(readdirSync(directory).sort(), formerly);
  assert.equal(readFileSync(at('file'), 'utf8'), 'former');
  assert.equal(readFileSync(at('link'), 'utf8'), 'former');
  assert.equal(readFileSync(at('removed'), 'utf8'), 'still here');
});

test('what cannot be staged changes nothing', () => {
  const transaction = new FileTransaction();
  transaction.put(at('first'), 'x', { mode: 0o644 });
  assert.throws(
    () => transaction.put(at('missing/second'), 'x', { mode: 0o644 }),
    (error) => isXosError(error, 'XOS_STORAGE_FAILED'),
  );
  assert.deepEqual(readdirSync(directory), []);
});

test('rolling back before the commit leaves nothing', () => {
  const transaction = new FileTransaction();
  transaction.makeDirectory(at('made'), { mode: 0o700 });
  transaction.put(at('made/file'), 'x', { mode: 0o644 });
  transaction.rollBack();
  assert.deepEqual(readdirSync(directory), []);
});

test('a file replaced by the transaction is never absent in between', () => {
  // The former file is kept under a second name and replaced by rename(2): stat in a loop would always find it.
  writeFileSync(at('file'), 'former');
  const transaction = new FileTransaction();
  transaction.put(at('file'), 'later', { mode: 0o644 });
  const inode = lstatSync(at('file')).ino;
  transaction.commit();
  assert.notEqual(lstatSync(at('file')).ino, inode);
  assert.equal(readFileSync(at('file'), 'utf8'), 'later');
});
