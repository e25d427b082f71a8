/** The calls that mount.xtreemfs of XtreemFS 1.6 sends, in its order. */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { metadataCalls, nodeCalls, Setattrs } from '@xtreemos/rpc';
import { attach, makeVolume, outcomeOf, startServers, waitFor } from './metadata-fixtures.ts';
import { StockClient, stockFlag } from './stock-client-fixture.ts';

const root = { name: 'root', groups: ['root'] };

async function start(context: TestContext, options: { readonly quota?: number } = {}) {
  const { mrc, osds } = await startServers(context);
  const connection = await mrc.connect();
  const osd = await osds[0]?.connect();
  assert.ok(osd !== undefined);
  context.after(() => {
    connection.close();
    osd.close();
  });
  // As mkfs.xtreemfs of XtreemFS makes it.
  await makeVolume(connection, { name: 'stock', owner: 'root', group: 'root', mode: 0o755, ...options });
  return { connection, client: new StockClient(connection, osd, 'stock', root) };
}

test('a file is made, written, read, cut and grown', async (context) => {
  const { client } = await start(context);
  const made = await client.open('/letter', stockFlag.create | stockFlag.readWrite, 0o100640);
  await made.write(0, 'a letter of some length');
  await made.close();
  const stat = await client.stat('/letter');
  assert.equal(stat.size, 23n);
  assert.equal(stat.mode, 0o100640);
  assert.equal(stat.userId, '0');
  // By it clients know that a path leads to a file that they have open.
  assert.equal(String(stat.ino), made.xcap.fileId.split(':')[1]);
  assert.equal(await (await client.open('/letter')).read(100), 'a letter of some length');

  await client.truncate('/letter', 8n);
  assert.equal((await client.stat('/letter')).size, 8n);
  const again = await client.open('/letter', stockFlag.readWrite);
  await again.ftruncate(4n);
  await again.ftruncate(6n);
  assert.equal((await client.stat('/letter')).size, 6n);
  assert.equal(await again.read(6), 'a le\0\0');
  await again.write(4, 'tter');
  assert.equal((await client.stat('/letter')).size, 8n);
  await client.truncate('/letter', 0n);
  assert.equal((await client.stat('/letter')).size, 0n);
  await again.write(0, 'x');
  assert.equal((await client.stat('/letter')).size, 1n);
});

test('a truncation that was begun and never done takes nothing from others', async (context) => {
  const { client } = await start(context);
  const writer = await client.open('/log', stockFlag.create | stockFlag.writeOnly);
  await writer.write(0, 'one');
  await client.open('/log', stockFlag.writeOnly | stockFlag.truncate);
  assert.equal((await client.stat('/log')).size, 3n);
  await writer.write(3, ' two');
  assert.equal((await client.stat('/log')).size, 7n);
  const late = await client.open('/log', stockFlag.writeOnly);
  await late.write(7, ' three');
  assert.equal((await client.stat('/log')).size, 13n);
  await client.truncate('/log', 5n);
  assert.equal((await client.stat('/log')).size, 5n);
});

test('names, links and directories; errors are those that the interface has', async (context) => {
  const { client } = await start(context);
  const users = client.as('alice', 'users');
  const path = (call: Parameters<StockClient['call']>[0], message: object, by = client) =>
    outcomeOf(by.call(call, message));
  await client.mkdir('/home', 0o1777);
  await users.mkdir('/home/alice', 0o750);
  const home = await client.stat('/home/alice');
  assert.equal(`${home.userId} ${home.groupId}`, 'alice users');
  assert.equal(home.mode, 0o040750);
  assert.equal(home.nlink, 1);
  await (await users.open('/home/alice/a', stockFlag.create | stockFlag.writeOnly)).close();
  assert.equal(await outcomeOf(users.mkdir('/home/alice')), 'EEXIST');
  assert.equal(await outcomeOf(users.mkdir('/')), 'EEXIST');
  assert.equal(await outcomeOf(users.mkdir('/mine')), 'EACCES');
  assert.equal(await outcomeOf(client.as('bob', 'users').open('/home/alice/a')), 'done');
  assert.equal(await outcomeOf(client.as('carol', 'guests').open('/home/alice/a')), 'EACCES');
  assert.equal(await outcomeOf(users.open('/home/alice/none')), 'ENOENT');
  assert.equal(await outcomeOf(users.open('/home/alice/a/b')), 'ENOTDIR');
  assert.equal(await outcomeOf(users.open('/home/alice')), 'EISDIR');
  assert.equal(
    await outcomeOf(users.open('/home/alice/a', stockFlag.create | stockFlag.exclusive)),
    'EEXIST',
  );
  assert.equal(await outcomeOf(users.mkdir(`/home/alice/${'n'.repeat(256)}`)), 'EINVAL');
  assert.equal(
    await path(metadataCalls.link, { targetPath: '/home/alice/a', linkPath: '/home/alice/b' }, users),
    'done',
  );
  assert.equal((await client.stat('/home/alice/b')).nlink, 2);
  assert.equal(
    await path(metadataCalls.symlink, { targetPath: 'a', linkPath: '/home/alice/c' }, users),
    'done',
  );
  const { linkTargetPath } = await client.call(metadataCalls.readlink, { path: '/home/alice/c' });
  assert.deepEqual(linkTargetPath, ['a']);
  assert.equal(await path(metadataCalls.readlink, { path: '/home/alice/a' }), 'EINVAL');
  assert.equal(await path(metadataCalls.rmdir, { path: '/home/alice' }, users), 'ENOTEMPTY');
  assert.equal(await path(metadataCalls.rmdir, { path: '/home/alice/a' }, users), 'ENOTDIR');
  assert.equal(await path(metadataCalls.unlink, { path: '/home/alice' }), 'EISDIR');
  const rename = (sourcePath: string, targetPath: string, by = users) =>
    path(metadataCalls.rename, { sourcePath, targetPath }, by);
  assert.equal(await rename('/home/alice/a', '/home/alice/d'), 'done');
  assert.equal(await rename('/home/alice/none', '/home/alice/d'), 'ENOENT');
  assert.equal(await rename('/home', '/home/alice/in', client), 'EINVAL');
  assert.equal(await rename('/home/alice', '/home/bob', client.as('bob', 'guests')), 'EPERM');
  assert.deepEqual((await users.names('/home/alice')).toSorted(), ['.', '..', 'b', 'c', 'd']);
  for (const name of ['b', 'c', 'd']) await users.unlink(`/home/alice/${name}`);
  assert.equal(await path(metadataCalls.rmdir, { path: '/home/alice' }, users), 'done');
  assert.deepEqual(await users.names('/home'), ['.', '..']);
});

test('a long directory is read in pages, each entry once, though others remove some meanwhile', async (context) => {
  const { client } = await start(context);
  await client.mkdir('/many');
  const all = Array.from({ length: 25 }, (_, index) => `entry ${index}`);
  for (const name of all) await client.mkdir(`/many/${name}`);
  assert.deepEqual(await client.names('/many', 10), ['.', '..', ...all]);
  const page = async (seen: number) =>
    (
      await client.call(metadataCalls.readdir, {
        path: '/many',
        knownEtag: 0n,
        limitDirectoryEntriesCount: 10,
        namesOnly: true,
        seenDirectoryEntriesCount: BigInt(seen),
      })
    ).entries;
  await page(0);
  await client.call(metadataCalls.rmdir, { path: '/many/entry 3' });
  const next = await page(10);
  assert.equal(next[0]?.name, 'entry 8');
  assert.ok(next.every(({ stbuf }) => stbuf === undefined));
});

test('attributes: mode, owner, times, extended attributes, access, the volume', async (context) => {
  const { client } = await start(context);
  const alice = client.as('alice', 'users');
  await (await client.open('/f', stockFlag.create | stockFlag.writeOnly, 0o666)).close();
  const known = await client.stat('/f');
  const set = (by: StockClient, toSet: number, changes: object) =>
    outcomeOf(by.call(metadataCalls.setattr, { path: '/f', stbuf: { ...known, ...changes }, toSet }));
  const times = Setattrs.SETATTR_ATIME | Setattrs.SETATTR_MTIME;
  const nowNs = BigInt(Date.now()) * 1_000_000n;
  assert.equal(await set(alice, Setattrs.SETATTR_MODE, { mode: 0o777 }), 'EPERM');
  assert.equal(await set(alice, times, { atimeNs: nowNs, mtimeNs: nowNs }), 'done');
  assert.equal(await set(alice, times, { atimeNs: 5n, mtimeNs: 5n }), 'EPERM');
  assert.equal(await set(client, times, { atimeNs: 5n, mtimeNs: 6n }), 'done');
  assert.equal((await client.stat('/f')).mtimeNs, 6n);
  const owners = Setattrs.SETATTR_UID | Setattrs.SETATTR_GID;
  assert.equal(await set(client, owners, { userId: 'alice', groupId: 'users' }), 'done');
  assert.equal(await set(alice, Setattrs.SETATTR_UID, { userId: 'root' }), 'EPERM');
  assert.equal(await set(alice, Setattrs.SETATTR_MODE, { mode: 0o600 }), 'done');
  const access = (by: StockClient, flags: number) =>
    outcomeOf(by.call(metadataCalls.access, { path: '/f', flags }));
  assert.equal(await access(alice, 6), 'done');
  assert.equal(await access(client.as('bob', 'users'), 4), 'EACCES');

  const value = Buffer.from([1, 0, 255]);
  const setxattr = (name: string, flags = 0) =>
    outcomeOf(
      alice.call(metadataCalls.setxattr, { path: '/f', name, value: '', valueBytesString: value, flags }),
    );
  assert.equal(await setxattr('user.kind'), 'done');
  assert.equal(await setxattr('user.kind', 1), 'EEXIST');
  assert.equal(await setxattr('user.other', 2), 'ENODATA');
  assert.equal(await setxattr('system.posix_acl_access'), 'EINVAL');
  assert.equal(await setxattr('trusted.kind'), 'EPERM');
  const listed = async (by: StockClient) =>
    (await by.call(metadataCalls.listxattr, { path: '/f', namesOnly: false })).xattrs;
  const kind = (await listed(alice)).find(({ name }) => name === 'user.kind');
  assert.deepEqual(Buffer.from(kind?.valueBytesString ?? []), value);
  assert.deepEqual(await listed(client.as('bob', 'users')), []);
  const getxattr = async (path: string, name: string) =>
    (await alice.call(metadataCalls.getxattr, { path, name })).value;
  assert.match(await getxattr('/f', 'xtreemfs.locations'), /"osd-1"/);
  assert.equal(await getxattr('/', 'xtreemfs.ac_policy_id'), '2');
  assert.equal(
    await outcomeOf(alice.call(metadataCalls.removexattr, { path: '/f', name: 'user.kind' })),
    'done',
  );
  assert.equal(await outcomeOf(getxattr('/f', 'user.kind')), 'ENODATA');

  const volume = await client.call(metadataCalls.statvfs, { knownEtag: 0n });
  assert.equal(volume.bsize, 131_072);
  assert.ok(volume.blocks > 0n && volume.bavail <= volume.blocks);
  assert.equal(volume.name, 'stock');
});

test('XCaps are renewed for who opened the file by its path; quotas are no space', async (context) => {
  const { connection, client } = await start(context, { quota: 10 });
  const file = await client
    .as('alice', 'users')
    .open('/', 0)
    .catch(() => undefined);
  assert.equal(file, undefined);
  const made = await client.open('/f', stockFlag.create | stockFlag.writeOnly, 0o666);
  const written = await client.as('alice', 'users').open('/f', stockFlag.writeOnly);
  const renewed = await client.show(metadataCalls.renewCapability, written.xcap);
  assert.equal(renewed.clientIdentity, 'xtreemfs:alice');
  assert.equal((await client.show(metadataCalls.renewCapabilityAndVoucher, { xcap: renewed })).accessMode, 1);
  const reader = await client.open('/f');
  assert.equal(await outcomeOf(client.show(metadataCalls.ftruncate, reader.xcap)), 'EACCES');
  const forged = { ...renewed, accessMode: 2 };
  assert.equal(await outcomeOf(client.show(metadataCalls.renewCapability, forged)), 'EACCES');
  assert.equal(await outcomeOf(written.write(0, 'eleven byte')), 'ENOSPC');

  // Those of node calls are renewed there, where it is known who still has the file open.
  const own = await attach(connection, 'stock', { name: '0', groups: ['0'] });
  const { fileCredentials } = await own.create(1, 'own');
  assert.equal(await outcomeOf(client.show(metadataCalls.renewCapability, fileCredentials.xcap)), 'EACCES');
  await client.unlink('/f');
  assert.equal(await outcomeOf(client.show(metadataCalls.renewCapability, made.xcap)), 'ENOENT');
});

test('clients by paths and by nodes see one another’s files, and are told of changes', async (context) => {
  const { connection, client } = await start(context);
  const own = await attach(connection, 'stock', { name: '0', groups: ['0'] });
  const { cursor } = await own.call(nodeCalls.changes, { cursor: '', waitMs: 0 });
  const told = own.call(nodeCalls.changes, { cursor, waitMs: 10_000 });
  const file = await client.open('/shared', stockFlag.create | stockFlag.writeOnly);
  assert.equal(Buffer.from((await told).events[0].name).toString(), 'shared');
  await file.write(0, 'hello');
  const { attributes } = await own.lookup(1, 'shared');
  assert.equal(attributes.size, 5n);
  assert.equal(attributes.owner, '0');
  assert.equal(attributes.mayHaveHoles, false);
  await client.truncate('/shared', 50_000n);
  assert.equal((await own.lookup(1, 'shared')).attributes.mayHaveHoles, true);
  await own.create(1, 'mine');
  assert.deepEqual(await client.names('/'), ['.', '..', 'shared', 'mine']);
  await own.call(nodeCalls.unlink, { parent: 1n, name: Buffer.from('shared') });
  await waitFor(async () => (await outcomeOf(client.stat('/shared'))) === 'ENOENT');
});

test('in plain text a volume of a host’s user takes those users, one of a grid user does not', async (context) => {
  const { connection, client } = await start(context);
  await makeVolume(connection, { name: 'grid', owner: 'alice@physics' });
  await connection.call(
    metadataCalls.mkvol,
    {
      accessControlPolicy: 2,
      defaultStripingPolicy: { type: 0, stripeSize: 128, width: 1 },
      id: '',
      mode: 0o700,
      name: 'unsaid',
      ownerGroupId: '',
      ownerUserId: '',
    },
    { user: root },
  );
  const on = (volumeName: string, name: string, ...groups: string[]) =>
    outcomeOf(
      connection.call(
        metadataCalls.getattr,
        { volumeName, path: '/', knownEtag: 0n },
        { user: { name, groups } },
      ),
    );
  assert.equal(await on('grid', 'root'), 'EACCES');
  assert.equal(await on('grid', 'alice'), 'EACCES');
  assert.equal(await on('grid', 'alice@physics'), 'done');
  assert.equal(await on('stock', 'alice'), 'done');
  assert.equal(await outcomeOf(new StockClient(connection, connection, 'unsaid', root).names('/')), 'done');
  assert.equal(await on('none', 'alice'), 'ENOENT');
  // No group of the grid is had by saying so.
  await client.mkdir('/physics', 0o070);
  const stbuf = { ...(await client.stat('/physics')), groupId: '/physics' };
  await client.call(metadataCalls.setattr, { path: '/physics', stbuf, toSet: Setattrs.SETATTR_GID });
  assert.equal(await outcomeOf(client.as('bob', '/physics').names('/physics')), 'EACCES');
});
