import assert from 'node:assert/strict';
import { closeSync, writeSync } from 'node:fs';
import {
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { isXosError } from '@xtreemos/base';
import { memfd, sealDescriptor } from '@xtreemos/native-sys';
import {
  listSessions,
  removeSession,
  removeSessions,
  removeUnfinishedSessions,
  writeSession,
} from './session-directory.ts';

const uid = 2_030_043_204;
const session = { uid, gid: uid, sessionId: 's1' };
let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'xos-session-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function write(content: string, change: Partial<typeof session> = {}) {
  const descriptor = memfd('test');
  try {
    writeSync(descriptor, content);
    sealDescriptor(descriptor);
    return await writeSession({ type: 'write-session', ...session, ...change }, descriptor, root);
  } finally {
    closeSync(descriptor);
  }
}

async function modeOf(path: string): Promise<readonly (number | string)[]> {
  const stats = await lstat(path);
  return [stats.uid, stats.gid, (stats.mode & 0o7777).toString(8)];
}

test('a session file belongs to the user, its parents to root', async () => {
  const reply = await write('PEM');
  assert.deepEqual(reply, { directory: `${root}/${uid}/s1`, proxyPath: `${root}/${uid}/s1/proxy.pem` });
  assert.equal(await readFile(reply.proxyPath, 'utf8'), 'PEM');
  assert.deepEqual(await modeOf(reply.proxyPath), [uid, uid, '600']);
  assert.deepEqual(await modeOf(reply.directory), [uid, uid, '700']);
  assert.deepEqual(await modeOf(`${root}/${uid}`), [0, 0, '711']);
});

test('a renewed credential replaces the old, and no link the user put there is followed', async () => {
  const { directory, proxyPath } = await write('old');
  const victim = join(root, 'victim');
  await writeFile(victim, 'untouched');
  await unlink(proxyPath);
  await symlink(victim, proxyPath);
  await write('new');
  assert.equal(await readFile(victim, 'utf8'), 'untouched');
  assert.equal((await lstat(proxyPath)).isFile(), true);
  assert.equal(await readFile(proxyPath, 'utf8'), 'new');
  await unlink(proxyPath);
  await mkdir(proxyPath);
  await assert.rejects(write('newer'), (error) => isXosError(error, 'XOS_STORAGE_FAILED'));
  assert.deepEqual(await readdir(`${root}/${uid}`), ['s1']);
  assert.deepEqual(await readdir(directory), ['proxy.pem']);
});

test('a directory of another user in the place of the session is refused', async () => {
  await mkdir(`${root}/${uid}/s1`, { recursive: true });
  await chown(`${root}/${uid}/s1`, uid + 1, uid + 1);
  await assert.rejects(write('PEM'), (error) => isXosError(error, 'XOS_EXISTS'));
  assert.deepEqual(await readdir(`${root}/${uid}/s1`), []);
});

test('only a sealed memfd of 1 byte to 64 KiB is taken', async () => {
  await assert.rejects(write(''), (error) => isXosError(error, 'XOS_INPUT_BAD'));
  await assert.rejects(write('x'.repeat(65_537)), (error) => isXosError(error, 'XOS_INPUT_TOO_LARGE'));
  const unsealed = memfd('test');
  writeSync(unsealed, 'PEM');
  const request = { type: 'write-session', ...session } as const;
  await assert.rejects(writeSession(request, unsealed, root), (error) => isXosError(error, 'XOS_INPUT_BAD'));
  closeSync(unsealed);
  await assert.rejects(writeSession(request, 0, root), (error) => isXosError(error, 'XOS_INPUT_BAD'));
  assert.deepEqual(await readdir(root), []);
});

test("a session goes with all that the user put there, the uid's directory with the last one", async () => {
  const { directory } = await write('PEM');
  await write('PEM', { sessionId: 's2' });
  await mkdir(join(directory, 'a/b'), { recursive: true });
  await symlink('/etc', join(directory, 'a/etc'));
  const request = { type: 'remove-session', uid, sessionId: 's1' } as const;
  assert.equal(await removeSession(request, root), true);
  assert.equal(await removeSession(request, root), false);
  assert.deepEqual(await readdir(`${root}/${uid}`), ['s2']);
  assert.equal(await removeSessions(uid, root), 1);
  assert.deepEqual(await readdir(root), []);
  assert.equal(await removeSessions(uid, root), 0);
});

test('sessions are listed by uid, a page ends with a whole uid', async () => {
  const list = (afterUid: number) => listSessions({ type: 'list-sessions', afterUid }, root);
  assert.deepEqual(await list(0), { sessions: [], isMore: false });
  const ids = Array.from({ length: 299 }, (_, index) => `s${index}`);
  for (const sessionId of ids) await mkdir(`${root}/${uid}/${sessionId}`, { recursive: true });
  for (const sessionId of ['a', 'b']) await mkdir(`${root}/${uid + 1}/${sessionId}`, { recursive: true });
  await mkdir(`${root}/${uid + 2}/c`, { recursive: true });
  await mkdir(`${root}/not-a-uid/d`, { recursive: true });
  const first = await list(0);
  assert.equal(first.isMore, true);
  assert.deepEqual(
    new Set(first.sessions.map((session) => `${session.uid} ${session.sessionId}`)),
    new Set([...ids.map((id) => `${uid} ${id}`), `${uid + 1} a`, `${uid + 1} b`]),
  );
  assert.deepEqual(await list(uid + 1), { sessions: [{ uid: uid + 2, sessionId: 'c' }], isMore: false });
});

test('what a killed helper left half-made or half-removed is no session, and goes at the next start', async () => {
  await write('PEM');
  await mkdir(`${root}/${uid}/.s2.0011/deep`, { recursive: true });
  await mkdir(`${root}/${uid + 1}/.removed.0022`, { recursive: true });
  const { sessions } = await listSessions({ type: 'list-sessions', afterUid: 0 }, root);
  assert.deepEqual(sessions, [{ uid, sessionId: 's1' }]);
  await removeUnfinishedSessions(root);
  assert.deepEqual(await readdir(root), [String(uid)]);
  assert.deepEqual(await readdir(`${root}/${uid}`), ['s1']);
});
