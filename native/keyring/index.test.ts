import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { before, test } from 'node:test';
import {
  addKey,
  clearKeyring,
  describeKey,
  getKeyringId,
  invalidateKey,
  joinSession,
  type KeySerial,
  keyrings,
  linkKey,
  permission,
  permissionShift,
  readKey,
  readKeyring,
  requestKey,
  requestKeyByUpcall,
  revokeKey,
  searchKeyring,
  setKeyTimeout,
  setOwner,
  setPermissions,
  unlinkKey,
  updateKey,
} from './index.ts';

let session: KeySerial;
before(() => {
  // Goes with this process; the keyrings of whoever runs the test stay untouched.
  session = joinSession();
});

const bytes = (text: string) => Buffer.from(text);

test('a key is added, read, updated, found and unlinked', () => {
  const key = addKey('user', 'xos:test', bytes('first'), keyrings.session);
  assert.ok(key > 0);
  assert.equal(readKey(key).toString(), 'first');
  updateKey(key, bytes('second, longer'));
  assert.equal(readKey(key).toString(), 'second, longer');
  assert.equal(addKey('user', 'xos:test', bytes('third'), session), key, 'adding again updates');
  assert.equal(searchKeyring(keyrings.session, 'user', 'xos:test'), key);
  assert.equal(requestKey('user', 'xos:test'), key);
  assert.ok(readKeyring(keyrings.session).includes(key));
  unlinkKey(key, keyrings.session);
  assert.ok(!readKeyring(session).includes(key));
  assert.throws(() => searchKeyring(keyrings.session, 'user', 'xos:test'), { code: 'ENOKEY' });
});

test('a description keeps its semicolons', () => {
  const description = 'xos:a;b;c %s';
  const key = addKey('user', description, bytes('x'), session);
  const described = describeKey(key);
  assert.equal(described.type, 'user');
  assert.equal(described.description, description);
  assert.equal(described.uid, process.geteuid?.());
  unlinkKey(key, session);
});

test('a keyring holds keys and keyrings, and can be emptied', () => {
  const ring = addKey('keyring', 'xos:ring', Buffer.alloc(0), session);
  const key = addKey('user', 'xos:inside', bytes('x'), ring);
  assert.equal(searchKeyring(session, 'user', 'xos:inside'), key, 'the search goes down');
  linkKey(key, session);
  assert.ok(readKeyring(session).includes(key));
  clearKeyring(ring);
  assert.deepEqual(readKeyring(ring), []);
  assert.equal(readKey(key).toString(), 'x', 'the other link keeps it');
  unlinkKey(key, session);
  unlinkKey(ring, session);
});

test('a found key is linked to the destination', () => {
  const ring = addKey('keyring', 'xos:destination', Buffer.alloc(0), session);
  const key = addKey('user', 'xos:found', bytes('x'), session);
  searchKeyring(session, 'user', 'xos:found', ring);
  assert.deepEqual(readKeyring(ring), [key]);
  clearKeyring(ring);
  requestKey('user', 'xos:found', ring);
  assert.deepEqual(readKeyring(ring), [key]);
  unlinkKey(ring, session);
  unlinkKey(key, session);
});

test('permissions say what may be done', () => {
  const key = addKey('user', 'xos:permissions', bytes('x'), session);
  const readOnly =
    ((permission.view | permission.read | permission.search | permission.setattr) <<
      permissionShift.possessor) |
    (permission.view << permissionShift.user);
  setPermissions(key, readOnly);
  assert.equal(describeKey(key).permissions, readOnly);
  assert.equal(readKey(key).toString(), 'x');
  assert.throws(() => updateKey(key, bytes('y')), { code: 'EACCES', syscall: 'keyctl_update' });
  unlinkKey(key, session);
});

test('a revoked, an expired and an invalidated key are three different things', async () => {
  const revoked = addKey('user', 'xos:revoked', bytes('x'), session);
  revokeKey(revoked);
  assert.throws(() => readKey(revoked), { code: 'EKEYREVOKED' });

  const expired = addKey('user', 'xos:expired', bytes('x'), session);
  setKeyTimeout(expired, 1);
  assert.equal(readKey(expired).toString(), 'x');
  const deadline = performance.now() + 5_000;
  const read = () => {
    try {
      return readKey(expired).toString();
    } catch (error) {
      return (error as NodeJS.ErrnoException).code;
    }
  };
  while (read() === 'x' && performance.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(read(), 'EKEYEXPIRED');

  const gone = addKey('user', 'xos:gone', bytes('x'), session);
  invalidateKey(gone);
  // EKEYREVOKED until the kernel has taken it out of the keyring, which it does a moment later.
  assert.throws(() => searchKeyring(session, 'user', 'xos:gone'), { code: /^(EKEYREVOKED|ENOKEY)$/ });
});

test('root gives a key to a user and keeps the right to change it', () => {
  const key = addKey('user', 'xos:owned', bytes('x'), session);
  setOwner(key, { uid: 65_534 });
  assert.equal(describeKey(key).uid, 65_534);
  setOwner(key, { gid: 65_534 });
  assert.deepEqual((({ uid, gid }) => ({ uid, gid }))(describeKey(key)), { uid: 65_534, gid: 65_534 });
  unlinkKey(key, session);
});

test('a payload may have 32,767 bytes and not one more', () => {
  const key = addKey('user', 'xos:large', Buffer.alloc(32_767, 'p'), session);
  assert.equal(readKey(key).length, 32_767);
  assert.throws(() => addKey('user', 'xos:larger', Buffer.alloc(32_768), session), { code: 'EINVAL' });
  assert.throws(() => addKey('user', 'xos:empty', Buffer.alloc(0), session), { code: 'EINVAL' });
  assert.throws(() => addKey('user', 'xos:huge', Buffer.alloc(1 << 20), session), RangeError);
  unlinkKey(key, session);
});

test('a full quota is EDQUOT', () => {
  // An ordinary user's quota, nobody else's id; root's own is a thousand times larger. This program's module is loaded before the user
  // changes, since the checkout may be closed to others.
  const program = `
    const keyring = await import(process.argv[1]);
    keyring.joinSession();
    process.setgid(Number(process.argv[2])); process.setuid(Number(process.argv[2]));
    keyring.joinSession();
    const codes = [];
    for (let index = 0; index < 3; index++)
      try { keyring.addKey('user', 'xos:' + index, Buffer.alloc(9000), keyring.keyrings.session); codes.push('added'); }
      catch (error) { codes.push(error.code); }
    console.log(codes.join());`;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      program,
      new URL('./index.ts', import.meta.url).href,
      String(1_000_000_000 + process.pid),
    ],
    { encoding: 'utf8' },
  );
  assert.equal(stdout, 'added,added,EDQUOT\n', stderr);
});

test('errors say what was wanted', () => {
  assert.throws(() => requestKey('user', 'xos:nobody has this'), {
    code: 'ENOKEY',
    syscall: 'request_key',
    message: /key user:xos:nobody has this/,
  });
  assert.throws(() => addKey('nonsense', 'xos', bytes('x'), session), { code: 'ENODEV' });
  assert.throws(() => readKey(0x7fffffff), { code: 'ENOKEY' });
  assert.throws(() => readKey(0), { code: 'ENOKEY' });
  assert.throws(() => linkKey(session, session), { code: /EDEADLK/ });
});

test('the serial behind a special keyring', () => {
  assert.equal(getKeyringId(keyrings.session), session);
  assert.throws(() => getKeyringId(keyrings.thread), { code: 'ENOKEY' });
  assert.ok(getKeyringId(keyrings.process, true) > 0);
});

test('a named session is joined again', () => {
  const named = joinSession(`xos-test-${process.pid}`);
  const anonymous = joinSession(null);
  assert.notEqual(anonymous, named);
  assert.equal(describeKey(anonymous).type, 'keyring');
  session = anonymous;
});

test('an upcall nobody answers is ENOKEY; a key that is there needs none', async () => {
  const key = addKey('user', 'xos:upcall', bytes('x'), session);
  assert.equal(await requestKeyByUpcall('user', 'xos:upcall', ''), key, 'the thread has the session keyring');
  await assert.rejects(requestKeyByUpcall('user', `xos:nobody:${process.pid}`, 'info'), {
    code: /ENOKEY|EKEYREJECTED/,
    syscall: 'request_key',
  });
  unlinkKey(key, session);
});

test('thousands of keys leave nothing behind', () => {
  const open = readdirSync('/proc/self/fd').length;
  for (let index = 0; index < 5_000; index++) {
    const key = addKey('user', `xos:many`, Buffer.alloc(100), session);
    assert.equal(readKey(key).length, 100);
    unlinkKey(key, session);
  }
  assert.equal(readdirSync('/proc/self/fd').length, open);
});
