import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseConfiguration } from '@xtreemos/base';
import { connectTls, RpcConnection } from '@xtreemos/rpc';
import { createDirectoryClient } from '@xtreemos/xtreemfs';
import { configurationSchema } from '../../daemons/directory/configuration.ts';
import { startDirectory } from '../../daemons/directory/directory-service.ts';
import { hostGuid } from '../../packages/identity/fixtures/domain.ts';
import {
  contextOf,
  identityOf,
  joinedHost,
  securityLines,
  testNowMs,
  testTrust,
} from '../../packages/xtreemfs/joined-host-fixture.ts';
import type { Invocation } from '../invocation.ts';
import { rendered } from '../output/report.ts';
import { addressOf } from './directory-services.ts';
import { fileSystemStatus } from './file-system-status.ts';
import { examineServers } from './server-examination.ts';

/** @returns the port of a DIR */
async function startDir(context: TestContext): Promise<number> {
  const folder = await joinedHost(context, 'dir');
  const lines = [
    '[Directory]',
    'Listen=127.0.0.1:0',
    `StateDirectory=${folder}/state`,
    ...securityLines(folder),
  ];
  const content = `${lines.join('\n')}\n`;
  const { value } = parseConfiguration(configurationSchema, [{ file: 'dir.conf', content }]);
  const { told, parts } = contextOf(value);
  const service = await startDirectory(parts);
  context.after(() => service.stop(AbortSignal.timeout(5_000)));
  return Number(/:(\d+)$/.exec(told.status)?.[1]);
}

test('the servers that the DIR knows are shown to a host of the VO, and what is silent is told', async (context) => {
  const port = await startDir(context);
  const folder = await joinedHost(context, 'accounts');
  const paths = {
    hostKeyDirectory: join(folder, 'host'),
    voDirectory: join(folder, 'vo.d'),
    gridSecurityDirectory: join(folder, 'trust'),
    crlDirectory: join(folder, 'crls'),
    fileSystemDirectory: `127.0.0.1:${port}`,
  };
  const invocation = {
    paths,
    nowMs: () => testNowMs,
    slowly: <T>(_what: string, work: (tell: () => void) => Promise<T>) => work(() => undefined),
  } as unknown as Invocation;
  const shown = async () => {
    const report = await fileSystemStatus(invocation, {});
    const text = rendered(report, 'off', { columns: undefined, paint: plain } as never);
    return {
      text,
      exitCode: report.exitCode,
      data: report.data as { readonly services: readonly unknown[] },
    };
  };
  assert.match((await shown()).text, /answers and knows no server yet/);

  const identity = identityOf('osd', hostGuid);
  const target = { host: '127.0.0.1', port, identity, trust: testTrust, role: 'dir', vo: 'physics' } as const;
  const connection = new RpcConnection((await connectTls(target)).socket);
  context.after(() => connection.close());
  const directory = createDirectoryClient(() => Promise.resolve(connection));
  const data = { free: '1073741824', total: '2147483648' };
  await directory.registerService({ type: 'osd', uuid: 'osd-1', name: 'OSD @ osd-1', data }, 0n);
  await directory.setAddresses('osd-1', [{ protocol: 'pbrpcs', address: 'n1.example', port: 32640 }], 0n);
  const alive = await shown();
  assert.equal(alive.exitCode, 0);
  assert.match(alive.text, /^OSD +osd-1 +n1\.example:32640 +alive +1 GiB +2 GiB +OSD @ osd-1$/m);
  assert.equal(alive.data.services.length, 1);

  // An OSD that is none: what answers there is the DIR.
  await directory.setAddresses('osd-1', [{ protocol: 'pbrpcs', address: '127.0.0.1', port }], 1n);
  const where = `127.0.0.1:${port}`;
  const examined = await examineServers(paths as never, 'physics', where, () => testNowMs);
  const { beginMs, endMs } = examined.directory.certificate;
  assert.ok(beginMs <= testNowMs && endMs > testNowMs + 29 * 86_400_000);
  assert.equal(examined.servers.length, 1);
  assert.match(JSON.stringify(examined.servers[0]?.reached), /^\{"reason":"the server is refused: /);
  await assert.rejects(
    examineServers(paths as never, 'physics', '127.0.0.1:1', () => testNowMs),
    {
      message: /127\.0\.0\.1:1/,
    },
  );

  await directory.setOffline('osd-1');
  const offline = await shown();
  assert.equal(offline.exitCode, 1);
  assert.match(offline.text, /osd-1 +127\.0\.0\.1:\d+ +offline/);
});

test('the DIR is named by host and port', () => {
  assert.deepEqual(addressOf('dir1.example'), { address: 'dir1.example', port: 32638 });
  assert.deepEqual(addressOf('[2001:db8::1]:99'), { address: '2001:db8::1', port: 99 });
  for (const wrong of ['', 'a b', 'host:0', 'host:99999', '2001:db8::1', 'host:x'])
    assert.throws(() => addressOf(wrong), { code: 'XOS_USAGE' }, wrong);
});

const plain = new Proxy({}, { get: () => (text: string) => text });
