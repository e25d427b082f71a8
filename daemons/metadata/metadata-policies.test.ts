/** Quotas, striping, placement, and work at OSDs that are away. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test from 'node:test';
import { metadataCalls, nodeCalls, objectCalls } from '@xtreemos/rpc';
import { orderedAccess } from '@xtreemos/xtreemfs';
import { objectsOf } from '../objects/objects-fixtures.ts';
import {
  attach,
  makeVolume,
  outcomeOf,
  startServers,
  type TestClient,
  waitFor,
} from './metadata-fixtures.ts';

const close = (client: TestClient, handle: bigint) => client.call(nodeCalls.close, { handle });

test('times of access: the first read after a change sets it at close, where the volume keeps them its clients are told so', async (context) => {
  const { mrc } = await startServers(context);
  const connection = await mrc.connect();
  context.after(() => connection.close());
  await makeVolume(connection, { name: 'timed', attributes: { 'xtreemos.access_times': 'relatime' } });
  const { response } = await connection.call(
    nodeCalls.attach,
    { volumeName: 'timed', clientId: randomUUID(), protocolVersion: 1 },
    { user: { name: 'alice@physics', groups: ['alice@physics'] } },
  );
  assert.deepEqual(response.features, ['relatime']);
  const plain = await attach(await mrc.connect(), 'probe');
  context.after(() => plain.connection.close());
  const made = await plain.create(1, 'file');
  const { node } = made.attributes;
  await close(plain, made.handle);
  const accessed = async (isRead: boolean): Promise<bigint> => {
    const { handle } = await plain.call(nodeCalls.open, { node, flags: 0 });
    await plain.call(nodeCalls.close, { handle, accessed: isRead });
    return (await plain.call(nodeCalls.getattr, { node })).attributes.atimeNs;
  };
  const before = await accessed(false);
  assert.equal(before, made.attributes.atimeNs);
  const first = await accessed(true);
  assert.ok(first > before);
  assert.equal(await accessed(true), first, 'nothing was changed since');
  await plain.call(nodeCalls.setattr, { node, mode: 0o600 });
  const second = await accessed(true);
  assert.ok(second > first);
  await plain.call(nodeCalls.setattr, { node, atimeNs: 1n });
  assert.ok((await accessed(true)) > second);
  const unread = await plain.call(nodeCalls.open, { node, flags: 1 });
  await plain.call(nodeCalls.setattr, { node, mode: 0o644 });
  await plain.call(nodeCalls.close, { handle: unread.handle, accessed: true });
  assert.ok((await plain.call(nodeCalls.getattr, { node })).attributes.atimeNs > second);
});

test('a strict volume: its clients are told, XCaps are for calls in order and renewed with the newest epoch, by paths nobody gets in', async (context) => {
  const { mrc } = await startServers(context);
  const connection = await mrc.connect();
  context.after(() => connection.close());
  const consistency = (value: string) => ({ 'xtreemos.consistency': value });
  await assert.rejects(
    makeVolume(connection, { name: 'odd', attributes: consistency('eventual') }),
    /close-to-open/,
  );
  await makeVolume(connection, { name: 'strict', attributes: consistency('strict') });
  await makeVolume(connection, { name: 'usual', attributes: consistency('close-to-open') });
  for (const [name, isStrict] of [
    ['strict', true],
    ['usual', false],
  ] as const) {
    const client = await attach(await mrc.connect(), name);
    context.after(() => client.connection.close());
    const { response } = await client.connection.call(
      nodeCalls.attach,
      { volumeName: name, clientId: client.clientId, protocolVersion: 1 },
      { user: { name: 'alice@physics', groups: ['alice@physics'] } },
    );
    assert.deepEqual(response.features, isStrict ? ['strict'] : []);
    const { handle, attributes, fileCredentials } = await client.create(1, 'file');
    const xcap = fileCredentials?.xcap;
    assert.ok(xcap);
    assert.equal((xcap.accessMode & orderedAccess) !== 0, isStrict);
    await client.call(nodeCalls.setattr, { node: attributes.node, size: 10n });
    const renewed = await client.call(nodeCalls.renew, { xcap });
    assert.equal(renewed.xcap?.truncateEpoch, isStrict ? 1 : 0);
    assert.equal(renewed.xcap?.accessMode, xcap.accessMode);
    await close(client, handle);
    const byPath = connection.call(
      metadataCalls.getattr,
      { volumeName: name, path: 'file', knownEtag: 0n },
      { user: { name: 'alice@physics', groups: ['alice@physics'] } },
    );
    if (isStrict) await assert.rejects(byPath, /strict/);
    else await byPath;
  }
});

test('quotas: of the volume ENOSPC, of a user EDQUOT, and what makes room is allowed beyond them', async (context) => {
  const { mrc } = await startServers(context);
  const connection = await mrc.connect();
  context.after(() => connection.close());
  await makeVolume(connection, {
    name: 'small',
    quota: 10_000,
    attributes: { 'xtreemos.user_quota': '6000/3', 'xtreemos.user_quotas': 'carol@physics=0/0' },
  });
  const alice = await attach(connection, 'small');
  const bob = alice.as('bob@physics');
  const carol = alice.as('carol@physics');
  const truncate = (client: TestClient, node: bigint, size: bigint) =>
    outcomeOf(client.call(nodeCalls.setattr, { node, size }));
  const mine = await bob.create(1, 'bob');
  assert.equal(await truncate(bob, mine.attributes.node, 6000n), 'done');
  assert.equal(await truncate(bob, mine.attributes.node, 6001n), 'EDQUOT');
  const hers = await carol.create(1, 'carol');
  assert.equal(await truncate(carol, hers.attributes.node, 4001n), 'ENOSPC');
  assert.equal(await truncate(carol, hers.attributes.node, 4000n), 'done');
  const room = await alice.call(nodeCalls.statfs, {});
  assert.equal(room.freeBytes, 0n);
  assert.equal(room.totalBytes, 10_000n);
  assert.equal(await truncate(bob, mine.attributes.node, 100n), 'done');
  assert.equal(await truncate(carol, hers.attributes.node, 9900n), 'done');
  await bob.mkdir(1, 'one');
  await bob.mkdir(1, 'two');
  assert.equal(await outcomeOf(bob.mkdir(1, 'three')), 'EDQUOT');
  await bob.call(nodeCalls.rmdir, { parent: 1n, name: Buffer.from('one') });
  await bob.mkdir(1, 'three');
  // What is written is judged where its size becomes the file's.
  const written = { sizeInBytes: 200n, truncateEpoch: 2 };
  const { attributes } = await bob.call(nodeCalls.getattr, { node: mine.attributes.node });
  assert.equal(attributes.truncateEpoch, 2);
  assert.equal(await outcomeOf(bob.call(nodeCalls.updateSize, { handle: mine.handle, written })), 'ENOSPC');
  await close(bob, mine.handle);
  await close(carol, hers.handle);
});

test('striping of volume, directory and file; files are cut at all OSDs', async (context) => {
  const { mrc, osds } = await startServers(context, { osds: 2 });
  const connection = await mrc.connect();
  const stores = await Promise.all(osds.map((osd) => osd.connect()));
  context.after(() => {
    for (const each of [connection, ...stores]) each.close();
  });
  await makeVolume(connection, {
    name: 'wide',
    width: 2,
    stripeKb: 64,
    attributes: { 'xtreemos.osd_selection': 'osd-2 osd-1' },
  });
  const client = await attach(connection, 'wide');
  const policy = Buffer.from('{"pattern":"STRIPING_POLICY_RAID0","width":1,"size":256}');
  const name = Buffer.from('xtreemfs.default_sp');
  const narrow = await client.mkdir(1, 'narrow');
  await client.call(nodeCalls.setxattr, { node: narrow, name, value: policy });
  assert.equal(
    await outcomeOf(client.as('bob@physics').call(nodeCalls.setxattr, { node: narrow, name, value: policy })),
    'EPERM',
  );
  assert.equal(
    await outcomeOf(
      client.call(nodeCalls.setxattr, { node: narrow, name, value: Buffer.from('{"width":1}') }),
    ),
    'EINVAL',
  );
  const inside = await client.mkdir(narrow, 'inside');
  assert.deepEqual(
    Buffer.from((await client.call(nodeCalls.getxattr, { node: inside, name })).value),
    policy,
  );
  const one = await client.create(inside, 'x');
  assert.deepEqual(one.fileCredentials.xlocs.replicas[0].stripingPolicy.stripeSize, 256);
  assert.equal(one.fileCredentials.xlocs.replicas[0].osdUuids.length, 1);
  await close(client, one.handle);

  const two = await client.create(1, 'x');
  const replica = two.fileCredentials.xlocs.replicas[0];
  assert.deepEqual([...replica.osdUuids].toSorted(), ['osd-1', 'osd-2']);
  assert.equal(replica.stripingPolicy.stripeSize, 64);
  const osdOf = (object: number) =>
    objectsOf(stores[replica.osdUuids[object % 2] === 'osd-1' ? 0 : 1] ?? assert.fail());
  for (const object of [0, 1, 2])
    await osdOf(object).write(two.fileCredentials, object, 0, Buffer.alloc(65_536, 1), { durable: true });
  const written = { sizeInBytes: 196_608n, truncateEpoch: 0 };
  await client.call(nodeCalls.updateSize, { handle: two.handle, written });
  const cut = await client.call(nodeCalls.setattr, {
    node: two.attributes.node,
    size: 65_546n,
    handle: two.handle,
  });
  await osdOf(0).truncate(cut.fileCredentials, 65_546n);
  assert.equal((await osdOf(1).read(two.fileCredentials, 1, 0, 65_536)).length, 10);
  // Told of what was there before the cut, the MRC knows better.
  await client.call(nodeCalls.updateSize, { handle: two.handle, written });
  const { attributes } = await client.call(nodeCalls.getattr, { node: two.attributes.node });
  assert.equal(attributes.size, 65_546n);
  await close(client, two.handle);
});

test('objects of removed files go when their OSD is back, though the MRC was killed meanwhile', async (context) => {
  const { mrc, osds } = await startServers(context);
  const [osd] = osds;
  assert.ok(osd !== undefined);
  const connection = await mrc.connect();
  await makeVolume(connection, { name: 'home' });
  await makeVolume(connection, { name: 'gone' });
  const clientId = randomUUID();
  const objects = await osd.connect();
  const left = async () => {
    const other = await osd.connect();
    try {
      return (await other.call(objectCalls.listFiles, { cursor: '', most: 100 })).response.fileIds.length;
    } finally {
      other.close();
    }
  };
  for (const volume of ['home', 'gone']) {
    const client = await attach(connection, volume, undefined, clientId);
    for (const name of ['a', 'b']) {
      const { handle, fileCredentials } = await client.create(1, name);
      await objectsOf(objects).write(fileCredentials, 0, 0, Buffer.from('x'), { durable: true });
      await close(client, handle);
    }
  }
  objects.close();
  assert.equal(await left(), 4);
  await osd.stop('SIGKILL');
  const client = await attach(connection, 'home', undefined, clientId);
  await client.call(nodeCalls.unlink, { parent: 1n, name: Buffer.from('a') });
  await connection.call(metadataCalls.rmvol, { volumeName: 'gone' });
  await mrc.stop('SIGKILL');
  await mrc.run();
  await osd.run();
  await waitFor(async () => (await left()) === 1, 40_000);
});
