/** xattr(7) and acl(5). */
import assert from 'node:assert/strict';
import { bytesOf, type Caller, open, type } from '../calls/caller.ts';
import { gives, makeFile, marks, posixTest, statusAt } from '../posix-test.ts';

const create = 1;
const replace = 2;

async function names(caller: Caller, file: string): Promise<string[]> {
  const listed = bytesOf((await caller.values('listxattr', file))[1]).toString();
  return listed.split('\0').filter((name) => name.startsWith('user.') || name.startsWith('trusted.'));
}

posixTest('user attributes: any bytes, made, replaced, listed, removed', async ({ alice }) => {
  await makeFile(alice, 'f');
  await alice.done('mkdir', 'd', 0o755);
  for (const file of ['f', 'd']) {
    await marks(alice, file, { ctime: true }, () => alice.done('setxattr', file, 'user.a', 'one', create));
    await gives('EEXIST', alice, 'setxattr', file, 'user.a', 'two', create);
    await gives('ENODATA', alice, 'setxattr', file, 'user.b', 'two', replace);
    await alice.done('setxattr', file, 'user.a', 'two', replace);
    await alice.done('setxattr', file, 'user.b', Buffer.from([0, 255, 37, 32]), 0);
    await alice.done('setxattr', file, 'user.empty', '', 0);
    assert.equal((await alice.values('getxattr', file, 'user.a'))[1], 'two');
    assert.deepEqual(
      bytesOf((await alice.values('getxattr', file, 'user.b'))[1]),
      Buffer.from([0, 255, 37, 32]),
    );
    assert.equal((await alice.values('getxattr', file, 'user.empty'))[0], '0');
    assert.deepEqual((await names(alice, file)).sort(), ['user.a', 'user.b', 'user.empty']);
    await marks(alice, file, { ctime: true }, () => alice.done('removexattr', file, 'user.a'));
    await gives('ENODATA', alice, 'removexattr', file, 'user.a');
    await gives('ENODATA', alice, 'getxattr', file, 'user.a');
  }
});

posixTest('sizes are told, and what does not fit is refused', async ({ alice }) => {
  await makeFile(alice, 'f');
  await alice.done('setxattr', 'f', 'user.a', 'v'.repeat(1000), 0);
  assert.equal(await alice.done('xattrsize', 'f', 'user.a'), '1000');
  await gives('ERANGE', alice, 'getxattr', 'f', 'user.a', 999);
  await gives('ok', alice, 'getxattr', 'f', 'user.a', 1000);
  await gives('ERANGE', alice, 'listxattr', 'f', 3);
  await gives('ERANGE', alice, 'setxattr', 'f', `user.${'n'.repeat(251)}`, 'v', 0);
  await gives('ok', alice, 'setxattr', 'f', `user.${'n'.repeat(250)}`, 'v', 0);
  await gives(['E2BIG', 'ENOSPC'], alice, 'setxattr', 'f', 'user.big', 'v'.repeat(65_537), 0);
});

posixTest('namespaces: whose they are', async ({ alice, bob, root }) => {
  await makeFile(alice, 'f');
  await gives('EACCES', bob, 'setxattr', 'f', 'user.a', 'v', 0);
  await alice.done('setxattr', 'f', 'user.a', 'v', 0);
  await gives('ok', bob, 'getxattr', 'f', 'user.a');
  await alice.done('chmod', 'f', 0o600);
  await gives('EACCES', bob, 'getxattr', 'f', 'user.a');
  await gives('EPERM', alice, 'setxattr', 'f', 'trusted.a', 'v', 0);
  await gives(['ENODATA', 'EPERM'], alice, 'getxattr', 'f', 'trusted.a');
  await root.done('setxattr', 'f', 'trusted.a', 'v', 0);
  assert.ok((await names(root, 'f')).includes('trusted.a'));
  assert.ok(!(await names(alice, 'f')).includes('trusted.a'));
  await gives('EOPNOTSUPP', alice, 'setxattr', 'f', 'nothing.a', 'v', 0);
  await gives('EOPNOTSUPP', alice, 'getxattr', 'f', 'noname');
});

posixTest('user attributes are of files and directories alone', async ({ alice, root }) => {
  await alice.done('symlink', 'nowhere', 'link');
  await alice.done('mknod', 'pipe', type.fifo | 0o644, 0, 0);
  for (const name of ['link', 'pipe']) {
    await gives('EPERM', alice, 'setxattr', name, 'user.a', 'v', 0);
    await gives('ENODATA', alice, 'getxattr', name, 'user.a');
    await gives('ok', root, 'setxattr', name, 'trusted.a', 'v', 0);
  }
  // Of a sticky directory they are the owner's: others may write there.
  await alice.done('mkdir', 'd', 0o777);
  await alice.done('chmod', 'd', 0o1777);
  await gives('ok', alice, 'setxattr', 'd', 'user.a', 'v', 0);
});

/** As linux/posix_acl_xattr.h has it: version 2, then tag, permissions and id of each. */
function acl(...entries: readonly (readonly [tag: number, permissions: number, id?: number])[]): Buffer {
  const bytes = Buffer.alloc(4 + entries.length * 8);
  bytes.writeUInt32LE(2, 0);
  for (const [index, [tag, permissions, id = 0xffffffff]] of entries.entries()) {
    bytes.writeUInt16LE(tag, 4 + index * 8);
    bytes.writeUInt16LE(permissions, 6 + index * 8);
    bytes.writeUInt32LE(id, 8 + index * 8);
  }
  return bytes;
}

const [userObject, user, groupObject, group, mask, other] = [1, 2, 4, 8, 16, 32];
const access = 'system.posix_acl_access';
const byDefault = 'system.posix_acl_default';

posixTest(
  'an ACL names users and groups; its mask is the group’s permissions',
  async ({ alice, bob, carol }) => {
    await makeFile(alice, 'f', 'x', 0o600);
    const list = acl([userObject, 6], [user, 6, bob.user.uid], [groupObject, 0], [mask, 6], [other, 0]);
    await gives('EPERM', bob, 'setxattr', 'f', access, list, 0);
    await marks(alice, 'f', { ctime: true }, () => gives('ok', alice, 'setxattr', 'f', access, list, 0));
    assert.deepEqual(bytesOf((await alice.values('getxattr', 'f', access))[1]), list);
    assert.equal((await statusAt(alice, 'f')).mode, 0o660);
    await gives('ok', bob, 'open', 'f', open.both);
    await gives('EACCES', carol, 'open', 'f', open.read);
    await alice.done('chmod', 'f', 0o640); // the mask
    await gives('ok', bob, 'open', 'f', open.read);
    await gives('EACCES', bob, 'open', 'f', open.write);
    const groups = acl([userObject, 6], [groupObject, 0], [group, 4, bob.user.gid], [mask, 7], [other, 0]);
    await alice.done('setxattr', 'f', access, groups, 0);
    await gives('ok', carol, 'open', 'f', open.read);
    await gives('ok', bob, 'open', 'f', open.read);
    await gives('EACCES', bob, 'open', 'f', open.write);
    await alice.done('removexattr', 'f', access);
    await gives('EACCES', bob, 'open', 'f', open.read);
    await gives('ENODATA', alice, 'getxattr', 'f', access);
  },
);

posixTest('an ACL that says no more than the mode is the mode', async ({ alice }) => {
  await makeFile(alice, 'f', 'x', 0o600);
  await alice.done('setxattr', 'f', access, acl([userObject, 7], [groupObject, 5], [other, 1]), 0);
  assert.equal((await statusAt(alice, 'f')).mode, 0o751);
  await gives('ENODATA', alice, 'getxattr', 'f', access);
});

posixTest('an ACL that is none is refused', async ({ alice, root }) => {
  await makeFile(alice, 'f');
  const bad = [
    Buffer.alloc(3),
    acl([userObject, 6], [groupObject, 6]),
    acl([userObject, 6], [user, 6, 1000], [groupObject, 6], [other, 0]), // without a mask
    acl([userObject, 6], [userObject, 6], [groupObject, 6], [other, 0]),
    acl([userObject, 8], [groupObject, 6], [other, 0]),
    acl([userObject, 6], [groupObject, 6], [64, 6], [other, 0]),
    acl([userObject, 6], [groupObject, 6], [other, 0]).subarray(0, 20),
  ];
  for (const list of bad) await gives('EINVAL', alice, 'setxattr', 'f', access, list, 0);
  await gives('EOPNOTSUPP', alice, 'setxattr', 'f', access, Buffer.from([1, 0, 0, 0]), 0); // another version
  await gives(
    'EACCES',
    alice,
    'setxattr',
    'f',
    byDefault,
    acl([userObject, 6], [groupObject, 6], [other, 0]),
    0,
  );
  await alice.done('symlink', 'f', 'link');
  await gives(
    'EOPNOTSUPP',
    root,
    'setxattr',
    'link',
    access,
    acl([userObject, 6], [groupObject, 6], [other, 0]),
    0,
  );
});

posixTest('a default ACL is inherited, in place of umask', async ({ alice, bob }) => {
  await alice.done('mkdir', 'd', 0o755);
  const list = acl([userObject, 7], [user, 7, bob.user.uid], [groupObject, 5], [mask, 7], [other, 0]);
  await alice.done('setxattr', 'd', byDefault, list, 0);
  await alice.done('umask', 0o077);
  await makeFile(alice, 'd/f', 'x', 0o666);
  await alice.done('mkdir', 'd/e', 0o777);
  assert.equal((await statusAt(alice, 'd/f')).mode, 0o660);
  assert.deepEqual(
    bytesOf((await alice.values('getxattr', 'd/f', access))[1]),
    acl([userObject, 6], [user, 7, bob.user.uid], [groupObject, 5], [mask, 6], [other, 0]),
  );
  assert.deepEqual(bytesOf((await alice.values('getxattr', 'd/e', byDefault))[1]), list);
  await gives('ok', bob, 'open', 'd/f', open.both);
  await alice.done('removexattr', 'd', byDefault);
  await makeFile(alice, 'd/g', 'x', 0o666);
  assert.equal((await statusAt(alice, 'd/g')).mode, 0o600);
});
