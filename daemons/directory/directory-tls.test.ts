import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { isXosError, parseConfiguration } from '@xtreemos/base';
import { writeCrl } from '@xtreemos/identity';
import {
  directoryCalls as calls,
  connectTls,
  RpcConnection,
  RpcError,
  ServiceType,
  type TlsIdentity,
} from '@xtreemos/rpc';
import { crlOf, hostGuid, makeDomain, now } from '../../packages/identity/fixtures/domain.ts';
import {
  contextOf,
  domain,
  identityOf,
  joinedHost,
  otherGuid,
  securityLines,
  testTrust,
} from '../../packages/xtreemfs/joined-host-fixture.ts';
import { configurationSchema } from './configuration.ts';
import { startDirectory } from './directory-service.ts';

function configurationIn(folder: string, ...settings: readonly string[]) {
  const lines = [
    '[Directory]',
    'Listen=127.0.0.1:0',
    `StateDirectory=${folder}/state`,
    ...securityLines(folder),
    ...settings,
  ];
  return parseConfiguration(configurationSchema, [{ file: 'dir.conf', content: `${lines.join('\n')}\n` }])
    .value;
}

async function start(context: TestContext, folder: string) {
  const { told, parts } = contextOf(configurationIn(folder));
  const service = await startDirectory(parts);
  context.after(() => service.stop(AbortSignal.timeout(5_000)));
  const port = Number(/:(\d+)$/.exec(told.status)?.[1]);
  const dial = async (identity: TlsIdentity) => {
    const { socket } = await connectTls({
      host: '127.0.0.1',
      port,
      identity,
      trust: testTrust,
      role: 'dir',
      vo: 'physics',
    });
    const connection = new RpcConnection(socket);
    context.after(() => connection.close());
    return connection;
  };
  return { dial, status: () => told.status, reload: () => service.reload?.(parts.configuration) };
}

const aService = (uuid: string, type: ServiceType, version = 0n) => ({
  service: { type, uuid, version, name: uuid, lastUpdatedS: 0n, data: { data: [] } },
});

const refused = (pattern: RegExp) => (error: unknown) =>
  error instanceof RpcError && error.kind === 'user' && pattern.test(error.message);

test('a role registers what it is, and a UUID belongs to the host that used it first', async (context) => {
  const { dial, status } = await start(context, await joinedHost(context, 'dir'));
  assert.match(status(), /^0 MRCs, 0 OSDs, 0 volumes; VO physics, TLS on 127\.0\.0\.1:\d+$/);
  const osd = await dial(identityOf('osd', hostGuid));
  await osd.call(calls.serviceRegister, aService('osd-1', ServiceType.OSD));
  await assert.rejects(
    osd.call(calls.serviceRegister, aService('mrc-1', ServiceType.MRC)),
    refused(/may not change this/),
  );

  const other = await dial(identityOf('osd', otherGuid));
  const { response } = await other.call(calls.serviceGetByUuid, { name: 'osd-1' });
  assert.equal(response.services[0]?.version, 1n);
  const mapping = {
    uuid: 'osd-1',
    version: 0n,
    protocol: 'pbrpcs',
    address: 'evil.example',
    port: 1,
    matchNetwork: '*',
    ttlS: 1,
    uri: '',
  };
  for (const attempt of [
    other.call(calls.serviceRegister, aService('osd-1', ServiceType.OSD, 1n)),
    other.call(calls.serviceOffline, { name: 'osd-1' }),
    other.call(calls.serviceDeregister, { uuid: 'osd-1' }),
    other.call(calls.addressMappingsSet, { mappings: [mapping] }),
    other.call(calls.addressMappingsRemove, { uuid: 'osd-1' }),
    other.call(calls.configurationSet, { uuid: 'osd-1', parameter: [], version: 0n }),
  ])
    await assert.rejects(attempt, refused(/osd-1 belongs to another host/));
  // Gone and come back, it is still whose it was.
  await osd.call(calls.serviceDeregister, { uuid: 'osd-1' });
  await assert.rejects(
    other.call(calls.serviceRegister, aService('osd-1', ServiceType.OSD)),
    refused(/belongs to another/),
  );
  await osd.call(calls.serviceRegister, aService('osd-1', ServiceType.OSD));
});

test('hosts that only read may change nothing, strangers and plain text get nothing', async (context) => {
  const { dial } = await start(context, await joinedHost(context, 'dir'));
  const reader = await dial(identityOf('accounts', otherGuid));
  await reader.call(calls.globalTimeGet, {});
  await assert.rejects(
    reader.call(calls.serviceRegister, aService('x', ServiceType.OSD)),
    refused(/\(accounts\) may not change/),
  );
  const stranger = await dial(identityOf('osd', hostGuid, makeDomain()));
  await assert.rejects(
    stranger.call(calls.globalTimeGet, {}),
    (error) => error instanceof RpcError && error.kind === 'unreachable',
  );
});

test('a revocation counts after a reload, and so does a renewed certificate of its own', async (context) => {
  const folder = await joinedHost(context, 'dir');
  const { dial, reload } = await start(context, folder);
  const osd = identityOf('osd', hostGuid);
  await (await dial(osd)).call(calls.globalTimeGet, {});
  const revoked = [{ serial: osd.serial, revokedAt: now }];
  await writeCrl(join(folder, 'crls'), crlOf(domain.rca, revoked, { number: 2 }));
  const renewed = identityOf('dir', hostGuid);
  writeFileSync(join(folder, 'host/physics/dir.pem'), renewed.chainPem);
  writeFileSync(join(folder, 'host/physics/dir.key'), renewed.keyPem);
  await reload();
  await assert.rejects((await dial(osd)).call(calls.globalTimeGet, {}), RpcError);
  await (await dial(identityOf('osd', hostGuid))).call(calls.globalTimeGet, {});
});

test('a host that has not joined, or joined without the role, is told what to do', async (context) => {
  const folder = await joinedHost(context, 'dir');
  const startWith = (...settings: readonly string[]) =>
    startDirectory(contextOf(configurationIn(folder, ...settings)).parts);
  await assert.rejects(startWith('Vo=chemistry'), (error) => isXosError(error, 'XOS_VO_UNKNOWN'));
  await assert.rejects(startWith(`VoDirectory=${folder}/none`), /has joined no VO.*xos node join/);
  rmSync(join(folder, 'host/physics/dir.pem'));
  await assert.rejects(
    startWith(),
    (error) =>
      isXosError(error, 'XOS_CREDENTIAL_UNREADABLE') && error.message.includes('host/physics/dir.pem'),
  );
});
