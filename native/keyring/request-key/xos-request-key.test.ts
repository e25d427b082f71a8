import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../build/xos-request-key', import.meta.url));
const uid = 2_030_050_000;

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'xos-upcall-'));
  chmodSync(root, 0o711);
  // As xos-helper makes it: its user may pass, but not list it.
  mkdirSync(join(root, String(uid)));
  chmodSync(join(root, String(uid)), 0o711);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function addSession(id: string, modified: number, content = 'credential'): string {
  const directory = join(root, String(uid), id);
  mkdirSync(directory, { mode: 0o700 });
  chownSync(directory, uid, uid);
  const file = join(directory, 'proxy.pem');
  writeFileSync(file, content, { mode: 0o600 });
  chownSync(file, uid, uid);
  utimesSync(file, modified, modified);
  return file;
}

/** What would go into the key; null when nothing would. */
function selected(who: number = uid): string | null {
  const { status, stdout, stderr } = spawnSync(program, ['--print-selection', root, String(who)], {
    encoding: 'utf8',
  });
  assert.equal(stderr, '');
  if (status === 1) return null;
  assert.equal(status, 0);
  return stdout.trimEnd();
}

test('the newest credential is taken', () => {
  addSession('one', 1_000);
  addSession('three', 3_000);
  addSession('two', 2_000);
  assert.equal(selected(), 'three/proxy.pem');
});

test('no session, no directory, another user: nothing', () => {
  assert.equal(selected(), null);
  addSession('one', 1_000);
  assert.equal(selected(uid + 1), null);
  rmSync(join(root, String(uid)), { recursive: true });
  assert.equal(selected(), null);
});

test('a newer file that will not do is passed over', () => {
  addSession('good', 1_000);
  const empty = addSession('empty', 9_000, '');
  assert.equal(selected(), 'good/proxy.pem', 'empty');
  truncateSync(empty, 32_768);
  utimesSync(empty, 9_000, 9_000);
  assert.equal(selected(), 'good/proxy.pem', 'larger than a key');
  truncateSync(empty, 32_767);
  utimesSync(empty, 9_000, 9_000);
  assert.equal(selected(), 'empty/proxy.pem', 'as large as a key');
  chmodSync(empty, 0o640);
  assert.equal(selected(), 'good/proxy.pem', 'others may read it');
  chmodSync(empty, 0o600);
  chownSync(empty, 0, 0);
  assert.equal(selected(), 'good/proxy.pem', "somebody else's");
});

test('links lead nowhere', () => {
  const good = addSession('good', 1_000);
  const elsewhere = join(root, 'elsewhere');
  writeFileSync(elsewhere, 'not yours', { mode: 0o600 });
  const linked = addSession('linked', 9_000);
  rmSync(linked);
  symlinkSync(elsewhere, linked);
  assert.equal(selected(), 'good/proxy.pem', 'a symbolic link to a file');
  rmSync(linked);
  symlinkSync(good, linked);
  assert.equal(selected(), 'good/proxy.pem', "a symbolic link to the user's own");
  rmSync(linked);
  linkSync(elsewhere, linked);
  assert.equal(selected(), 'good/proxy.pem', "a hard link to root's");
  symlinkSync(join(root, String(uid), 'good'), join(root, String(uid), 'zzz'));
  assert.equal(selected(), 'good/proxy.pem', 'a symbolic link to a session');
  renameSync(join(root, String(uid)), join(root, 'moved'));
  symlinkSync('moved', join(root, String(uid)));
  assert.equal(selected(), null, 'a symbolic link in place of the user');
});

test('what is no regular file is passed over without waiting', () => {
  addSession('good', 1_000);
  const fifo = addSession('fifo', 9_000);
  rmSync(fifo);
  assert.equal(spawnSync('mkfifo', ['-m', '600', fifo]).status, 0);
  chownSync(fifo, uid, uid);
  const directory = addSession('directory', 9_000);
  rmSync(directory);
  mkdirSync(directory, { mode: 0o700 });
  chownSync(directory, uid, uid);
  writeFileSync(join(root, String(uid), 'file'), 'x');
  assert.equal(selected(), 'good/proxy.pem');
});

test("a directory that others may write, or that is not root's, is not trusted", () => {
  addSession('good', 1_000);
  chmodSync(join(root, String(uid)), 0o770);
  assert.equal(selected(), null);
  chmodSync(join(root, String(uid)), 0o755);
  assert.equal(selected(), 'good/proxy.pem');
  for (const owner of [uid, uid + 1]) {
    chownSync(join(root, String(uid)), owner, owner);
    assert.equal(selected(), null);
  }
});

test('ten thousand names in the way end in time', () => {
  for (let index = 0; index < 10_000; index++)
    mkdirSync(join(root, String(uid), `${index}`), { mode: 0o755 });
  const started = performance.now();
  assert.equal(selected(), null);
  assert.ok(performance.now() - started < 2_000);
});

test('arguments that make no sense are a usage error; without the kernel nothing is answered', () => {
  for (const args of [
    [],
    ['1'],
    ['x', '1'],
    ['1', '-1'],
    ['1', '4294967295'],
    ['1', ' 1'],
    ['99999999999', '1'],
    ['--print-selection', root],
    ['--print-selection', root, 'root'],
  ])
    assert.equal(spawnSync(program, args).status, 2, args.join(' '));
  const { status, stderr } = spawnSync(program, ['1234567', '1000'], { encoding: 'utf8' });
  assert.equal(status, 1);
  assert.match(stderr, /cannot assume authority/);
});
