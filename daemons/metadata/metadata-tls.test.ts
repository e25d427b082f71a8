/** DIR, OSD and MRC over TLS, with users whose sessions are bound: who may do what, from the volume to the objects. */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { certificatePem, type HostRole, makeProxy } from '@xtreemos/identity';
import {
  bindSession,
  connectTls,
  directoryCalls,
  metadataCalls,
  nodeCalls,
  objectCalls,
  RpcConnection,
} from '@xtreemos/rpc';
import { chainOf, ecKey, hostGuid, now, publicHalf } from '../../packages/identity/fixtures/domain.ts';
import { domain, identityOf, otherGuid, testTrust } from '../../packages/xtreemfs/joined-host-fixture.ts';
import { objectsOf } from '../objects/objects-fixtures.ts';
import { attach, connectAdmin, makeVolume, outcomeOf, waitFor } from './metadata-fixtures.ts';
import { StockClient, stockFlag } from './stock-client-fixture.ts';
import { type Running, startTlsServers } from './tls-servers-fixture.ts';

async function dial(
  context: TestContext,
  port: number,
  role: HostRole,
  own: HostRole = 'accounts',
  guid = hostGuid,
) {
  const identity = identityOf(own, guid);
  const { socket } = await connectTls({
    host: '127.0.0.1',
    port,
    identity,
    trust: testTrust,
    role,
    vo: 'physics',
  });
  const connection = new RpcConnection(socket);
  context.after(() => connection.close());
  return { connection, socket };
}

/** Alice's session on a host. */
function aliceOn(guid: string) {
  const key = ecKey();
  const host = { hostGuid: guid, hostname: 'dir.example' };
  const certificate = makeProxy(domain.user, publicHalf(key), { now, lifetimeSeconds: 600, host });
  return { chainPem: certificatePem(certificate, ...chainOf(domain.user)), key };
}

async function adminOf(context: TestContext, running: Running): Promise<RpcConnection> {
  const connection = await connectAdmin(running);
  context.after(() => connection.close());
  return connection;
}

test('over TLS: a volume, a file, its content at the OSD, and its end', async (context) => {
  const { mrc, osd } = await startTlsServers(context);
  const admin = await adminOf(context, mrc);
  await makeVolume(admin, { name: 'home', owner: 'alice@physics', group: '/physics', mode: 0o700 });

  const { connection, socket } = await dial(context, mrc.port, 'mrc');
  assert.equal(await outcomeOf(makeVolume(connection, { name: 'mine' })), 'user');
  const unbound = await attach(connection, 'home', { name: 'alice@physics', groups: [] }).catch(
    () => undefined,
  );
  assert.equal(unbound, undefined);
  await bindSession(connection, socket, aliceOn(hostGuid));
  const alice = await attach(connection, 'home', { name: 'alice@physics', groups: ['/physics/root'] });
  const { attributes, handle, fileCredentials } = await alice.create(1, 'thesis', { mode: 0o640 });
  assert.equal(attributes.owner, 'alice@physics');
  assert.equal(attributes.group, 'alice@physics');
  const toPhysics = await alice.call(nodeCalls.setattr, { node: attributes.node, group: '/physics' });
  assert.equal(toPhysics.attributes.group, '/physics');
  assert.equal(
    await outcomeOf(alice.call(nodeCalls.setattr, { node: attributes.node, group: '/physics/root' })),
    'EPERM',
  );
  assert.equal(await outcomeOf(alice.as('bob@physics').call(nodeCalls.getattr, { node: 1n })), 'user');
  assert.equal(await outcomeOf(alice.as('0').call(nodeCalls.getattr, { node: 1n })), 'user');

  const objects = objectsOf((await dial(context, osd.port, 'osd')).connection);
  const data = Buffer.from('chapter one');
  let written: unknown;
  await waitFor(async () => {
    written = await objects.write(fileCredentials, 0, 0, data, { durable: true });
    return true;
  });
  await alice.call(nodeCalls.updateSize, { handle, written });
  assert.deepEqual(await objects.read(fileCredentials, 0, 0, 100), Buffer.concat([data]));
  await alice.call(nodeCalls.close, { handle });
  await alice.call(nodeCalls.unlink, { parent: 1n, name: Buffer.from('thesis') });
  const server = (await dial(context, osd.port, 'osd', 'mrc')).connection;
  await waitFor(async () => {
    const { response } = await server.call(objectCalls.listFiles, { cursor: '', most: 10 });
    return response.fileIds.length === 0;
  });
});

test('decimal ids are taken from hosts that the volume names, and from nobody else', async (context) => {
  const { mrc } = await startTlsServers(context);
  const admin = await adminOf(context, mrc);
  await makeVolume(admin, {
    name: 'scratch',
    owner: '0',
    group: '0',
    mode: 0o755,
    attributes: { 'xtreemos.foreign_hosts': 'dir.example' },
  });
  await makeVolume(admin, {
    name: 'closed',
    owner: '0',
    group: '0',
    mode: 0o755,
    attributes: { 'xtreemos.foreign_hosts': 'other.example' },
  });
  const { connection } = await dial(context, mrc.port, 'mrc');
  const clientId = '01234567-89ab-4def-8123-456789abcdef';
  const root = await attach(connection, 'scratch', { name: '0', groups: ['0'] }, clientId);
  const node = await root.mkdir(1, 'data');
  await root.call(nodeCalls.setattr, { node, owner: '1000', group: '1000' });
  const user = root.as('1000', ['1000', '/physics']);
  const inside = await user.create(node, 'x');
  assert.equal(inside.attributes.group, '1000');
  assert.equal(await outcomeOf(user.mkdir(1, 'no')), 'EACCES');
  const closed = await attach(connection, 'closed', { name: '0', groups: ['0'] }, clientId);
  assert.equal(await outcomeOf(closed.mkdir(1, 'no')), 'EACCES');
  const stranger = await dial(context, mrc.port, 'mrc', 'accounts', otherGuid);
  assert.equal(
    await outcomeOf(attach(stranger.connection, 'scratch', { name: '0', groups: ['0'] }, clientId)),
    'EACCES',
  );
});

test('a client of XtreemFS speaks for users of its host where the volume names it, and nowhere else', async (context) => {
  const { directory, mrc, osd } = await startTlsServers(context);
  const admin = await adminOf(context, mrc);
  const volume = { owner: '0', group: '0', mode: 0o755 };
  const attributes = { 'xtreemos.foreign_hosts': 'dir.example' };
  await makeVolume(admin, { name: 'scratch', ...volume, attributes });
  await makeVolume(admin, { name: 'home', owner: 'alice@physics', group: '/physics', mode: 0o770 });
  const user = { name: 'root', groups: ['root'] };
  const dir = (await dial(context, directory.port, 'dir')).connection;
  await waitFor(async () => {
    const named = await dir.call(directoryCalls.serviceGetByName, { name: 'scratch' }, { user });
    return named.response.services[0]?.data?.data.some(({ key }) => key === 'mrc') === true;
  });
  const objects = (await dial(context, osd.port, 'osd')).connection;
  const { connection, socket } = await dial(context, mrc.port, 'mrc');
  const client = new StockClient(connection, objects, 'scratch', user);
  const file = await client.open('/f', stockFlag.create | stockFlag.readWrite, 0o640);
  await waitFor(async () => (await outcomeOf(file.write(0, 'over TLS'))) === 'done');
  await file.close();
  await client.show(metadataCalls.renewCapability, file.xcap);
  assert.equal((await client.stat('/f')).size, 8n);
  assert.equal(await outcomeOf(client.as('bob', 'users').open('/f')), 'EACCES');
  assert.equal(await outcomeOf(client.as('alice@physics').stat('/f')), 'user');
  const home = new StockClient(connection, objects, 'home', user);
  assert.equal(await outcomeOf(home.stat('/')), 'EACCES');
  // No group of the grid is had by saying so.
  assert.equal(await outcomeOf(home.as('bob', '/physics').stat('/')), 'EACCES');

  const elsewhere = { 'xtreemos.foreign_hosts': 'other.example' };
  await makeVolume(admin, { name: 'closed', ...volume, attributes: elsewhere });
  const closed = new StockClient(connection, objects, 'closed', user);
  assert.equal(await outcomeOf(closed.stat('/')), 'EACCES');

  // What a user of the grid opened is renewed as long as the connection speaks for him.
  await bindSession(connection, socket, aliceOn(hostGuid));
  const alice = new StockClient(connection, objects, 'home', { name: 'alice@physics', groups: [] });
  const hers = await alice.open('/hers', stockFlag.create | stockFlag.writeOnly);
  assert.equal(hers.xcap.clientIdentity, 'xtreemfs:alice@physics');
  assert.equal(await outcomeOf(alice.show(metadataCalls.renewCapability, hers.xcap)), 'user');
  const renewal = connection.call(metadataCalls.renewCapability, hers.xcap, { user: alice.user });
  assert.equal(await outcomeOf(renewal), 'done');
});
