/** fcntl locks of processes and of open files, and flock: fcntl(2), flock(2). */
import assert from 'node:assert/strict';
import { type Caller, open } from '../calls/caller.ts';
import { gives, makeFile, posixTest, users } from '../posix-test.ts';

const busy = ['EAGAIN', 'EACCES'];
const [shared, exclusive, nonBlocking, unlock] = [1, 2, 4, 8];

async function two(alice: Caller, other: Caller): Promise<[string, string]> {
  await makeFile(alice, 'f', '0123456789');
  await alice.done('chmod', 'f', 0o666);
  return [await alice.done('open', 'f', open.both), await other.done('open', 'f', open.both)];
}

posixTest('locks of processes: ranges meet, readers share', async ({ alice, bob }) => {
  const [mine, his] = await two(alice, bob);
  await gives('ok', alice, 'setlk', mine, 'write', 10, 10);
  await gives(busy, bob, 'setlk', his, 'write', 19, 1);
  await gives(busy, bob, 'setlk', his, 'read', 0, 0);
  await gives('ok', bob, 'setlk', his, 'write', 20, 0);
  await gives('ok', bob, 'setlk', his, 'read', 0, 10);
  await gives('ok', alice, 'setlk', mine, 'read', 0, 10);
  await gives(busy, alice, 'setlk', mine, 'write', 5, 1);
  assert.deepEqual((await bob.values('getlk', his, 'write', 0, 0)).slice(0, 3), ['read', '0', '10']);
  assert.equal((await bob.values('getlk', his, 'read', 0, 10))[0], 'free');
  await gives('ok', alice, 'setlk', mine, 'none', 12, 4); // in the middle: two remain
  await gives('ok', bob, 'setlk', his, 'write', 12, 4);
  await gives(busy, bob, 'setlk', his, 'write', 11, 1);
  await gives(busy, bob, 'setlk', his, 'write', 16, 1);
});

posixTest('closing any descriptor of the file ends a process’s locks', async ({ alice, bob }) => {
  const [mine, his] = await two(alice, bob);
  const again = await alice.done('open', 'f', open.read);
  await alice.done('setlk', mine, 'write', 0, 0);
  await gives(busy, bob, 'setlk', his, 'write', 0, 0);
  await alice.done('close', again);
  await gives('ok', bob, 'setlk', his, 'write', 0, 0);
});

posixTest('what a process does with one file is nothing to its locks of another', async ({ alice, bob }) => {
  const [mine, his] = await two(alice, bob);
  await makeFile(alice, 'g', '');
  const other = await alice.done('open', 'g', open.both);
  await alice.done('setlk', other, 'write', 0, 0);
  await alice.done('setlk', mine, 'write', 0, 5);
  await alice.done('setlk', mine, 'write', 7, 5);
  await alice.done('close', other);
  await gives(busy, bob, 'setlk', his, 'write', 0, 5);
  await alice.done('setlk', mine, 'none', 0, 5);
  await gives('ok', bob, 'setlk', his, 'write', 0, 5);
  await alice.done('close', mine);
  await gives('ok', bob, 'setlk', his, 'write', 0, 0);
});

posixTest('a process that is killed leaves no lock', async ({ alice, bob, start }) => {
  const [, his] = await two(alice, bob);
  const victim = start(users.alice);
  await victim.done('setlk', await victim.done('open', 'f', open.both), 'write', 0, 0);
  await victim.done('flock', await victim.done('open', 'f', open.both), exclusive | nonBlocking);
  await gives(busy, bob, 'setlk', his, 'read', 0, 1);
  await victim.kill();
  await gives('ok', bob, 'setlk', his, 'write', 0, 0);
  await gives('ok', bob, 'flock', his, exclusive | nonBlocking);
});

posixTest('F_SETLKW waits, and gets it', async ({ alice, bob }) => {
  const [mine, his] = await two(alice, bob);
  await alice.done('setlk', mine, 'write', 0, 0);
  let has = false;
  const waiting = bob.call('setlkw', his, 'write', 0, 0).then((answer) => {
    has = true;
    return answer;
  });
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(has, false);
  await alice.done('setlk', mine, 'none', 0, 0);
  assert.equal((await waiting).result, 'ok');
});

posixTest('one who waits for a lock can be killed', async ({ alice, bob, start }) => {
  const [mine] = await two(alice, bob);
  await alice.done('setlk', mine, 'write', 0, 0);
  const victim = start(users.bob);
  const file = await victim.done('open', 'f', open.both);
  const waiting = victim.call('setlkw', file, 'write', 0, 0).catch(() => 'killed');
  await new Promise((resolve) => setTimeout(resolve, 100));
  await victim.kill();
  assert.equal(await waiting, 'killed');
  await alice.done('setlk', mine, 'none', 0, 0);
  await gives('ok', bob, 'setlk', await bob.done('open', 'f', open.both), 'write', 0, 0);
});

posixTest('locks of open files belong to the open file', async ({ alice }) => {
  await makeFile(alice, 'f', '0123456789');
  const one = await alice.done('open', 'f', open.both);
  const other = await alice.done('open', 'f', open.both);
  await gives('ok', alice, 'ofdlk', one, 'write', 0, 5);
  await gives(busy, alice, 'ofdlk', other, 'read', 0, 1);
  await gives('ok', alice, 'ofdlk', other, 'write', 5, 0);
  await alice.done('close', one);
  // The kernel tells a FUSE file system of the end of an opening after close(2) has returned.
  for (let tries = 0; tries < 50; tries++) {
    if ((await alice.call('ofdlk', other, 'write', 0, 0)).result === 'ok') return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await gives('ok', alice, 'ofdlk', other, 'write', 0, 0);
});

posixTest('flock: shared by many, exclusive to one, of the open file', async ({ alice, bob }) => {
  const [mine, his] = await two(alice, bob);
  await gives('ok', alice, 'flock', mine, shared);
  await gives('ok', bob, 'flock', his, shared);
  await gives('EAGAIN', bob, 'flock', his, exclusive | nonBlocking);
  await gives('ok', bob, 'flock', his, unlock);
  await gives('ok', alice, 'flock', mine, exclusive);
  await gives('EAGAIN', bob, 'flock', his, shared | nonBlocking);
  const same = await alice.done('dup', mine);
  await alice.done('close', mine);
  await gives('EAGAIN', bob, 'flock', his, shared | nonBlocking);
  await alice.done('close', same);
  await gives('ok', bob, 'flock', his, exclusive | nonBlocking);
});

posixTest('a lock asks for the access that it is for', async ({ alice }) => {
  await makeFile(alice, 'f');
  await gives('EBADF', alice, 'setlk', await alice.done('open', 'f', open.read), 'write', 0, 1);
  await gives('EBADF', alice, 'setlk', await alice.done('open', 'f', open.write), 'read', 0, 1);
  await gives('EINVAL', alice, 'setlk', await alice.done('open', 'f', open.both), 'write', -1, 1);
});
