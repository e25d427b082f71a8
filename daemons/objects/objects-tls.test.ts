import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { manualClock, parseConfiguration } from '@xtreemos/base';
import type { HostRole } from '@xtreemos/identity';
import { connectTls, directoryCalls, objectCalls, RpcConnection, RpcError } from '@xtreemos/rpc';
import { createCapabilityKeyNotice, createDirectoryClient } from '@xtreemos/xtreemfs';
import { hostGuid, makeDomain } from '../../packages/identity/fixtures/domain.ts';
import {
  contextOf,
  domain,
  identityOf,
  joinedHost,
  otherGuid,
  securityLines,
  testNowMs,
  testTrust,
} from '../../packages/xtreemfs/joined-host-fixture.ts';
import { configurationSchema as directorySchema } from '../directory/configuration.ts';
import { startDirectory } from '../directory/directory-service.ts';
import { configurationSchema } from './configuration.ts';
import { credentials, mrcKeys, objectsOf } from './objects-fixtures.ts';
import { startObjects } from './objects-service.ts';

const fileId = '11111111-2222-4333-8444-555555555555:17';

const portIn = (status: string): number => Number(/:(\d+)(?:$|[ ,])/.exec(status)?.[1]);

async function startDir(context: TestContext): Promise<number> {
  const folder = await joinedHost(context, 'dir');
  const lines = [
    '[Directory]',
    'Listen=127.0.0.1:0',
    `StateDirectory=${folder}/state`,
    ...securityLines(folder),
  ];
  const { value } = parseConfiguration(directorySchema, [
    { file: 'dir.conf', content: `${lines.join('\n')}\n` },
  ]);
  const { told, parts } = contextOf(value);
  const service = await startDirectory(parts);
  context.after(() => service.stop(AbortSignal.timeout(5_000)));
  return portIn(told.status);
}

async function startOsd(
  context: TestContext,
  uuid: string,
  guid: string,
  directoryPort: number,
  learns: 'key from a file' | 'key from the DIR' = 'key from a file',
): Promise<number> {
  const folder = await joinedHost(context, 'osd', guid);
  const keyFile = join(folder, 'mrc.pem');
  writeFileSync(keyFile, mrcKeys.publicKey.export({ type: 'spki', format: 'pem' }));
  const lines = [
    '[Objects]',
    'Listen=127.0.0.1:0',
    `StateDirectory=${folder}/state`,
    `Uuid=${uuid}`,
    '[Directory]',
    'Address=127.0.0.1',
    `Port=${directoryPort}`,
    'AdvertisedAddress=127.0.0.1',
    'Heartbeat=100ms',
    ...securityLines(folder),
    ...(learns === 'key from a file' ? [`MrcKeys=${keyFile}`] : []),
    '[Storage]',
    'Reserve=1MiB',
    'LogSegment=8MiB',
  ];
  const { value } = parseConfiguration(configurationSchema, [
    { file: 'osd.conf', content: `${lines.join('\n')}\n` },
  ]);
  const { told, parts } = contextOf(value);
  const service = await startObjects(parts);
  context.after(() => service.stop(AbortSignal.timeout(5_000)));
  assert.match(told.status, /VO physics, TLS on 127\.0\.0\.1:\d+$/);
  return portIn(told.status);
}

async function dial(
  context: TestContext,
  port: number,
  role: HostRole,
  own: HostRole,
  of = domain,
): Promise<RpcConnection> {
  const identity = identityOf(own, hostGuid, of);
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
  return connection;
}

test('DIR and OSDs speak TLS with each other: they register, and a stripe knows its end', async (context) => {
  const directoryPort = await startDir(context);
  const ports = [
    await startOsd(context, 'osd-a', hostGuid, directoryPort),
    await startOsd(context, 'osd-b', otherGuid, directoryPort),
  ];
  const directory = await dial(context, directoryPort, 'dir', 'accounts');
  for (const [index, uuid] of ['osd-a', 'osd-b'].entries()) {
    let mappings: readonly { readonly uri: string }[] = [];
    for (let tries = 0; mappings.length === 0 && tries < 200; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      mappings = (await directory.call(directoryCalls.addressMappingsGet, { uuid })).response.mappings;
    }
    assert.equal(mappings[0]?.uri, `pbrpcs://127.0.0.1:${ports[index]}`);
  }
  const expireTimeS = BigInt(Math.floor(testNowMs / 1000) + 300);
  const shown = credentials({ fileId, osdUuids: ['osd-a', 'osd-b'], xcap: { expireTimeS } });
  const [first, second] = await Promise.all(ports.map((port) => dial(context, port, 'osd', 'accounts')));
  assert.ok(first !== undefined && second !== undefined);
  const end = Buffer.alloc(131_072, 'b');
  await objectsOf(second).write(shown, 1, 0, end, { durable: true });
  // Object 0 is a hole before what the other OSD holds: this one has to ask it.
  assert.deepEqual(await objectsOf(first).read(shown, 0, 0, 131_072), Buffer.alloc(131_072));
  assert.deepEqual(await objectsOf(second).read(shown, 1, 0, 131_072), end);

  await assert.rejects(
    first.call(objectCalls.listFiles, { cursor: '', most: 10 }),
    (error) => error instanceof RpcError && error.kind === 'user' && /may not list files/.test(error.message),
  );
  const mrc = await dial(context, ports[1] ?? 0, 'osd', 'mrc');
  const { response } = await mrc.call(objectCalls.listFiles, { cursor: '', most: 10 });
  assert.deepEqual(response.fileIds, [fileId]);
});

test('an OSD takes the XCaps of an MRC as soon as that one has registered', async (context) => {
  const directoryPort = await startDir(context);
  const port = await startOsd(context, 'osd-a', hostGuid, directoryPort, 'key from the DIR');
  const client = objectsOf(await dial(context, port, 'osd', 'accounts'));
  const expireTimeS = BigInt(Math.floor(testNowMs / 1000) + 300);
  const shown = credentials({ fileId, osdUuids: ['osd-a'], xcap: { expireTimeS } });
  await assert.rejects(client.write(shown, 0, 0, Buffer.from('x')), /no MRC of this installation signed/);

  const security = { vo: 'physics', trust: testTrust, identity: identityOf('mrc', otherGuid) };
  const mrc = createDirectoryClient(() => dial(context, directoryPort, 'dir', 'mrc'));
  const clock = manualClock(testNowMs);
  const notice = createCapabilityKeyNotice({
    publicKey: mrcKeys.publicKey,
    mrcUuid: 'mrc-1',
    security,
    clock,
  });
  await mrc.registerService({ type: 'mrc', uuid: 'mrc-1', name: 'MRC', data: notice() }, 0n);
  for (let tries = 0; ; tries++) {
    const failure = await client.write(shown, 0, 0, Buffer.from('x')).catch((error: unknown) => error);
    if (!(failure instanceof RpcError)) break;
    assert.ok(tries < 100, String(failure));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
});

test('an OSD gives strangers nothing, whatever XCap they show', async (context) => {
  const port = await startOsd(context, 'osd-a', hostGuid, 1);
  const expireTimeS = BigInt(Math.floor(testNowMs / 1000) + 300);
  const shown = credentials({ fileId, osdUuids: ['osd-a'], xcap: { expireTimeS } });
  for (const stranger of [
    await dial(context, port, 'osd', 'accounts', makeDomain()),
    await dial(context, port, 'osd', 'srds'),
  ]) {
    await assert.rejects(
      objectsOf(stranger).read(shown, 0, 0, 10),
      (error) => error instanceof RpcError && error.kind === 'unreachable',
    );
  }
  await objectsOf(await dial(context, port, 'osd', 'accounts')).write(shown, 0, 0, Buffer.from('x'));
});
