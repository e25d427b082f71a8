import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { directoryCalls as calls, type RpcConnection, RpcError, ServiceType } from '@xtreemos/rpc';
import type { ServerProcess } from '../../packages/xtreemfs/server-process-fixture.ts';
import { startDirectoryProcess } from './directory-fixtures.ts';

function aService(
  uuid: string,
  changes: { version?: bigint; data?: Readonly<Record<string, string>>; type?: ServiceType } = {},
) {
  const { version = 0n, data = {}, type = ServiceType.OSD } = changes;
  const pairs = Object.entries(data).map(([key, value]) => ({ key, value }));
  return { service: { type, uuid, version, name: `OSD @ ${uuid}`, lastUpdatedS: 0n, data: { data: pairs } } };
}

function anAddress(uuid: string, version: bigint, port = 32640) {
  const place = { protocol: 'pbrpcs', address: 'node1.example', port, matchNetwork: '*', ttlS: 3600 };
  return { uuid, version, ...place, uri: `pbrpcs://node1.example:${port}` };
}

async function connect(context: TestContext, directory: ServerProcess): Promise<RpcConnection> {
  const connection = await directory.connect();
  context.after(() => connection.close());
  return connection;
}

const errno = (wanted: number) => (error: unknown) => error instanceof RpcError && error.errno === wanted;

async function theService(connection: RpcConnection, uuid: string) {
  const { response } = await connection.call(calls.serviceGetByUuid, { name: uuid });
  assert.equal(response.services.length, 1, uuid);
  return response.services[0];
}

test('a service registers, tells again, goes offline, and is gone when it is deregistered', async (context) => {
  const directory = await startDirectoryProcess(context);
  const connection = await connect(context, directory);
  const free = { free: '1000', static_status: '0' };
  const first = await connection.call(calls.serviceRegister, aService('osd-1', { data: free }));
  assert.equal(first.response.newVersion, 1n);
  const known = await theService(connection, 'osd-1');
  assert.deepEqual(
    known?.data?.data.map(({ key, value }) => [key, value]),
    Object.entries(free),
  );
  const { response: time } = await connection.call(calls.globalTimeGet, {});
  assert.ok(time.timeInSeconds - (known?.lastUpdatedS ?? 0n) <= 2n);

  const again = connection.call(calls.serviceRegister, aService('osd-1', { version: 0n }));
  await assert.rejects(again, errno(11));
  await connection.call(calls.serviceRegister, aService('osd-1', { version: 1n }));
  await connection.call(calls.serviceOffline, { name: 'osd-1' });
  assert.equal((await theService(connection, 'osd-1'))?.lastUpdatedS, 0n);
  assert.equal((await theService(connection, 'osd-1'))?.version, 3n);

  // A tool that changes the entry does not make the service look alive.
  const byTool = aService('osd-1', { version: 3n, data: { do_not_set_last_updated: 'true', status: '1' } });
  await connection.call(calls.serviceRegister, byTool);
  const changed = await theService(connection, 'osd-1');
  assert.equal(changed?.lastUpdatedS, 0n);
  assert.deepEqual(
    changed?.data?.data.map(({ key }) => key),
    ['status'],
  );

  await connection.call(calls.serviceDeregister, { uuid: 'osd-1' });
  assert.deepEqual((await connection.call(calls.serviceGetByUuid, { name: 'osd-1' })).response.services, []);
});

test('services are found by type and by name', async (context) => {
  const directory = await startDirectoryProcess(context);
  const connection = await connect(context, directory);
  for (const uuid of ['b', 'a']) await connection.call(calls.serviceRegister, aService(uuid));
  await connection.call(calls.serviceRegister, aService('m', { type: ServiceType.MRC }));
  const { response: devices } = await connection.call(calls.serviceGetByType, { type: ServiceType.OSD });
  assert.deepEqual(
    devices.services.map(({ uuid }) => uuid),
    ['a', 'b'],
  );
  const { response: named } = await connection.call(calls.serviceGetByName, { name: 'OSD @ m' });
  assert.deepEqual(
    named.services.map(({ uuid }) => uuid),
    ['m'],
  );
  const { response: none } = await connection.call(calls.serviceGetByType, { type: ServiceType.DIR });
  assert.deepEqual(none.services, []);
});

test('addresses and configurations are replaced as a whole, by who knows the version', async (context) => {
  const directory = await startDirectoryProcess(context);
  const connection = await connect(context, directory);
  const set = (...mappings: ReturnType<typeof anAddress>[]) =>
    connection.call(calls.addressMappingsSet, { mappings });
  assert.equal((await set(anAddress('x', 0n), anAddress('x', 0n, 1))).response.newVersion, 1n);
  await assert.rejects(set(anAddress('x', 0n)), errno(11));
  assert.equal((await set(anAddress('x', 1n, 5))).response.newVersion, 2n);
  const { response } = await connection.call(calls.addressMappingsGet, { uuid: 'x' });
  assert.deepEqual(
    response.mappings.map(({ port, version }) => [port, version]),
    [[5, 2n]],
  );
  await assert.rejects(set(), errno(22));
  await assert.rejects(set(anAddress('x', 2n), anAddress('y', 2n)), errno(22));
  await connection.call(calls.addressMappingsRemove, { uuid: 'x' });
  assert.deepEqual((await connection.call(calls.addressMappingsGet, { uuid: 'x' })).response.mappings, []);

  const parameter = [{ key: 'listen.port', value: '32640' }];
  await connection.call(calls.configurationSet, { uuid: 'x', parameter, version: 0n });
  await assert.rejects(
    connection.call(calls.configurationSet, { uuid: 'x', parameter, version: 0n }),
    errno(11),
  );
  const { response: stored } = await connection.call(calls.configurationGet, { uuid: 'x' });
  assert.equal(stored.parameter[0]?.value, '32640');
});

test('names that are empty, too long or hold NUL are refused', async (context) => {
  const directory = await startDirectoryProcess(context);
  const connection = await connect(context, directory);
  for (const uuid of ['', 'x'.repeat(513), 'a\0b'])
    await assert.rejects(
      connection.call(calls.serviceRegister, aService(uuid)),
      errno(22),
      JSON.stringify(uuid),
    );
  await connection.call(calls.serviceRegister, aService('x'.repeat(500)));
});

test('killed at any moment, the DIR has every registration that it acknowledged', {
  timeout: 120_000,
}, async (context) => {
  const directory = await startDirectoryProcess(context);
  const acknowledged = new Map<string, bigint>();
  for (let round = 0; round < 8; round++) {
    const connection = await connect(context, directory);
    const work = Array.from({ length: 16 }, async (_, index) => {
      const uuid = `osd-${index}`;
      for (;;) {
        const known = (await connection.call(calls.serviceGetByUuid, { name: uuid })).response.services[0];
        const version = known?.version ?? 0n;
        const { response } = await connection.call(calls.serviceRegister, aService(uuid, { version }));
        acknowledged.set(uuid, response.newVersion);
      }
    });
    const ended = Promise.allSettled(work);
    await sleep(60 + ((round * 41) % 120));
    await directory.stop('SIGKILL');
    await ended;
    await directory.run();
    const after = await connect(context, directory);
    for (const [uuid, version] of acknowledged) {
      const present = (await theService(after, uuid))?.version ?? 0n;
      // One more may have been stored and not have been told of any more.
      assert.ok(
        present === version || present === version + 1n,
        `${uuid}: ${version} acknowledged, ${present} there`,
      );
      acknowledged.set(uuid, present);
    }
  }
  assert.equal(acknowledged.size, 16);
});

test('SIGTERM answers what is under way and ends; without a VO nothing is served', async (context) => {
  const directory = await startDirectoryProcess(context);
  const connection = await connect(context, directory);
  const calls_ = Array.from({ length: 50 }, (_, index) =>
    connection.call(calls.serviceRegister, aService(`s${index}`)),
  );
  await Promise.all(calls_);
  assert.equal(await directory.stop('SIGTERM'), 0);
  const secure = join(directory.folder, 'secure.conf');
  const voDirectory = join(directory.folder, 'none');
  writeFileSync(
    secure,
    `[Directory]\nStateDirectory=${directory.folder}\n[Security]\nVoDirectory=${voDirectory}\n`,
  );
  const main = join(import.meta.dirname, 'main.ts');
  const { status, stderr } = spawnSync(process.execPath, [main, '--config', secure], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  assert.notEqual(status, 0);
  assert.match(stderr, /this host has joined no VO .*join one with `xos node join`/);
});
