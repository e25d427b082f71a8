import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test from 'node:test';
import { metadataCalls, nodeCalls, objectCalls } from '@xtreemos/rpc';
import { objectsOf } from '../objects/objects-fixtures.ts';
import { attach, connectAdmin, makeVolume, outcomeOf, startServers, waitFor } from './metadata-fixtures.ts';

test('DIR, OSD and MRC: a file is made, written, read, and its objects go with its last name', async (context) => {
  const { mrc, osds } = await startServers(context);
  const connection = await mrc.connect();
  context.after(() => connection.close());
  await makeVolume(connection, { name: 'home' });
  const client = await attach(connection, 'home');
  const directory = await client.mkdir(1, 'docs');
  const { attributes, handle, fileCredentials, created } = await client.create(directory, 'a.txt');
  assert.equal(created, true);
  const osd = await (osds[0] ?? assert.fail()).connect();
  context.after(() => osd.close());
  const objects = objectsOf(osd);
  const data = Buffer.from('written by a client');
  const written = await objects.write(fileCredentials, 0, 0, data, { durable: true });
  await client.call(nodeCalls.close, { handle, written });
  const after = await client.call(nodeCalls.getattr, { node: attributes.node });
  assert.equal(Number(after.attributes.size), data.length);

  const again = await client.call(nodeCalls.open, { node: attributes.node, flags: 0 });
  assert.deepEqual(await objects.read(again.fileCredentials, 0, 0, data.length), data);
  assert.equal(await outcomeOf(objects.write(again.fileCredentials, 0, 0, data)), 'EACCES');

  const { fileId } = fileCredentials.xcap;
  await client.call(nodeCalls.unlink, { parent: directory, name: Buffer.from('a.txt') });
  assert.equal(await outcomeOf(client.lookup(directory, 'a.txt')), 'ENOENT');
  // Still open: what is there can be read.
  assert.deepEqual(await objects.read(again.fileCredentials, 0, 0, data.length), data);
  await client.call(nodeCalls.close, { handle: again.handle });
  await waitFor(
    async () =>
      !(await osd.call(objectCalls.listFiles, { cursor: '', most: 1000 })).response.fileIds.includes(fileId),
  );
  assert.equal(await outcomeOf(client.call(nodeCalls.getattr, { node: attributes.node })), 'ESTALE');
});

test('volumes are made and removed at the admin socket, and listed everywhere', async (context) => {
  const { mrc, directory } = await startServers(context);
  const admin = await connectAdmin(mrc);
  context.after(() => admin.close());
  await makeVolume(admin, {
    name: 'data',
    attributes: { 'xtreemos.osd_selection': 'free-space', site: 'x' },
  });
  assert.equal(await outcomeOf(makeVolume(admin, { name: 'data' })), 'EEXIST');
  assert.equal(await outcomeOf(makeVolume(admin, { name: 'a/b' })), 'EINVAL');
  const { response } = await admin.call(metadataCalls.lsvol, {});
  const volume = response.volumes.find(({ name }) => name === 'data');
  assert.deepEqual(Object.fromEntries(volume?.attrs.map(({ key, value }) => [key, value]) ?? []), {
    'xtreemos.osd_selection': 'free-space',
    'xtreemos.used': '0/1',
    site: 'x',
  });
  assert.match(directory.output + mrc.output, /./);
  await admin.call(metadataCalls.rmvol, { volumeName: 'data' });
  const connection = await mrc.connect();
  context.after(() => connection.close());
  assert.equal(await outcomeOf(attach(connection, 'data')), 'ENOENT');
});

test('what is not attached, not open, or another client’s, is refused', async (context) => {
  const { mrc } = await startServers(context);
  const one = await mrc.connect();
  const two = await mrc.connect();
  context.after(() => {
    one.close();
    two.close();
  });
  await makeVolume(one, { name: 'home' });
  const volumeId = (await attach(one, 'home')).volumeId;
  assert.equal(
    await outcomeOf(
      two.call(nodeCalls.getattr, { volumeId, node: 1n }, { user: { name: 'a@b', groups: [] } }),
    ),
    'ENOTCONN',
  );
  assert.equal(await outcomeOf(attach(two, 'home', { name: 'a@b', groups: [] }, 'no uuid')), 'EINVAL');
  assert.equal(await outcomeOf(attach(two, 'nowhere')), 'ENOENT');
  const first = await attach(await mrc.connect(), 'home');
  const second = await attach(two, 'home');
  const { handle, fileCredentials } = await first.create(1, 'x');
  assert.equal(await outcomeOf(second.call(nodeCalls.close, { handle })), 'EBADF');
  assert.equal(await outcomeOf(second.call(nodeCalls.renew, { xcap: fileCredentials.xcap })), 'EACCES');
  const renewed = await first.call(nodeCalls.renew, { xcap: fileCredentials.xcap });
  assert.equal(renewed.xcap.fileId, fileCredentials.xcap.fileId);
  const altered = { ...fileCredentials.xcap, accessMode: 1 };
  assert.equal(await outcomeOf(first.call(nodeCalls.renew, { xcap: altered })), 'EACCES');
  assert.equal(await outcomeOf(first.as('').call(nodeCalls.getattr, { node: 1n })), 'EACCES');
  assert.equal(await outcomeOf(first.as('0').call(nodeCalls.getattr, { node: 1n })), 'EACCES');
  first.connection.close();
});

test('numbers of files are not found by counting', async (context) => {
  const { mrc } = await startServers(context);
  const connection = await mrc.connect();
  context.after(() => connection.close());
  await makeVolume(connection, { name: 'home' });
  const client = await attach(connection, 'home');
  const first = (await client.create(1, 'a')).attributes.node;
  const { attributes, handle } = await client.create(1, 'b');
  await client.call(nodeCalls.close, { handle });
  await client.call(nodeCalls.unlink, { parent: 1n, name: Buffer.from('b') });
  // What was there once is asked for as often as one likes.
  for (let tries = 0; tries < 40; tries++)
    assert.equal(await outcomeOf(client.call(nodeCalls.getattr, { node: attributes.node })), 'ESTALE');
  await client.call(nodeCalls.getattr, { node: first });
  let refused = 0;
  for (let guess = 1n; guess <= 40n; guess++)
    if ((await outcomeOf(client.call(nodeCalls.getattr, { node: first + guess }))) === 'EACCES') refused += 1;
  assert.equal(refused, 24);
  assert.equal(await outcomeOf(client.call(nodeCalls.getattr, { node: first })), 'EACCES');
});

test('a file that may have holes is remembered, and getattr gives an XCap for its space that is good for nothing else', async (context) => {
  const { mrc, osds } = await startServers(context);
  const connection = await mrc.connect();
  const osd = await (osds[0] ?? assert.fail()).connect();
  context.after(() => {
    connection.close();
    osd.close();
  });
  await makeVolume(connection, { name: 'home' });
  const client = await attach(connection, 'home');
  const { attributes, handle } = await client.create(1, 'f');
  const { node } = attributes;
  const setSize = (size: bigint) => client.call(nodeCalls.setattr, { node, size });
  const told = async () => {
    const answer = await client.call(nodeCalls.getattr, { node });
    assert.equal(answer.spaceCredentials !== undefined, answer.attributes.mayHaveHoles);
    return answer.attributes.mayHaveHoles;
  };
  assert.equal(await told(), false);
  const written = { sizeInBytes: 9000n, truncateEpoch: 0 };
  const before = (await client.call(nodeCalls.updateSize, { handle, written, mtimeNs: 1n })).attributes;
  await setSize(8000n);
  assert.deepEqual([before.mayHaveHoles, await told()], [false, false]);
  const { attributes: cut } = await client.call(nodeCalls.getattr, { node });
  const { attributes: after } = await client.call(nodeCalls.updateSize, { handle, mayHaveHoles: true });
  assert.deepEqual([after.mayHaveHoles, after.change], [true, cut.change + 1n]);
  assert.deepEqual([after.mtimeNs, after.ctimeNs], [cut.mtimeNs, cut.ctimeNs]);
  assert.equal(
    (await client.call(nodeCalls.updateSize, { handle, mayHaveHoles: true })).attributes.change,
    after.change,
  );
  await setSize(7000n);
  assert.equal(await told(), true);
  await setSize(0n);
  assert.equal(await told(), false);
  await setSize(10n);
  assert.equal(await told(), true);
  await client.call(nodeCalls.open, { node, flags: 0o1001 });
  assert.equal(await told(), false);
  await setSize(10n);

  const { spaceCredentials } = await client.call(nodeCalls.getattr, { node });
  const { xcap } = spaceCredentials;
  assert.equal((await osd.call(objectCalls.space, { xcap })).response.allocatedBytes, 0n);
  assert.equal(await outcomeOf(client.call(nodeCalls.updateSize, { xcap, mtimeNs: 1n })), 'EINVAL');
  assert.equal(await outcomeOf(client.call(nodeCalls.renew, { xcap })), 'EINVAL');
  const { lost } = await client.call(nodeCalls.keepAlive, { claims: [{ handle: 77n, xcap }] });
  assert.deepEqual(lost, [77n]);
  const objects = objectsOf(osd);
  assert.equal(await outcomeOf(objects.read(spaceCredentials, 0, 0, 1)), 'EINVAL');
  const request = { fileCredentials: spaceCredentials, fileId: xcap.fileId.slice('space:'.length) };
  assert.equal(await outcomeOf(osd.call(objectCalls.sync, request)), 'EACCES');
});

test('what lies in a connection that a client gave up is not done after it attached by the next one', async (context) => {
  const { mrc } = await startServers(context);
  const connection = await mrc.connect();
  await makeVolume(connection, { name: 'home' });
  const earlier = await attach(connection, 'home');
  await earlier.create(1, 'file');
  const later = await attach(await mrc.connect(), 'home', undefined, earlier.clientId);
  const file = { parent: 1n, name: Buffer.from('file') };
  await later.call(nodeCalls.unlink, file);
  await later.create(1, 'file');
  assert.equal(await outcomeOf(earlier.call(nodeCalls.unlink, file)), 'ENOTCONN');
  await later.call(nodeCalls.lookup, file);
  const back = await attach(connection, 'home', undefined, earlier.clientId);
  await back.call(nodeCalls.unlink, file);
  later.connection.close();
  connection.close();
});

test('after a restart clients claim what they had open; changes of others are told', async (context) => {
  const { mrc } = await startServers(context, { settings: ['[Clients]', 'Lease=1s'] });
  const connection = await mrc.connect();
  await makeVolume(connection, { name: 'home' });
  const clientId = randomUUID();
  const client = await attach(connection, 'home', undefined, clientId);
  const kept = await client.create(1, 'kept');
  const lost = await client.create(1, 'lost');
  for (const name of ['kept', 'lost'])
    await client.call(nodeCalls.unlink, { parent: 1n, name: Buffer.from(name) });
  await mrc.stop('SIGKILL');
  await mrc.run();
  const next = await mrc.connect();
  context.after(() => next.close());
  const again = await attach(next, 'home', undefined, clientId);
  const claims = [
    { handle: kept.handle, xcap: kept.fileCredentials.xcap },
    { handle: lost.handle, xcap: { ...lost.fileCredentials.xcap, serverSignature: 'x' } },
  ];
  const { lost: refused } = await again.call(nodeCalls.keepAlive, { claims });
  assert.deepEqual(refused, [lost.handle]);
  await waitFor(async () => {
    await again.call(nodeCalls.getattr, { node: kept.attributes.node });
    return (await outcomeOf(again.call(nodeCalls.getattr, { node: lost.attributes.node }))) === 'ESTALE';
  });
  const { cursor } = await again.call(nodeCalls.changes, { cursor: '', waitMs: 0 });
  const other = await attach(await mrc.connect(), 'home');
  const told = again.call(nodeCalls.changes, { cursor, waitMs: 10_000 });
  await other.mkdir(1, 'news');
  const { events } = await told;
  assert.equal(events[0].node, 1n);
  assert.equal(Buffer.from(events[0].name).toString(), 'news');
  other.connection.close();
  // A client that says nothing any more has nothing open.
  const silent = await attach(await mrc.connect(), 'home');
  const { attributes } = await silent.create(1, 'silent');
  await again.call(nodeCalls.unlink, { parent: 1n, name: Buffer.from('silent') });
  await waitFor(
    async () => (await outcomeOf(again.call(nodeCalls.getattr, { node: attributes.node }))) === 'ESTALE',
  );
  silent.connection.close();
});
