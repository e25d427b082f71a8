/** DIR, MRC and OSD under connections of strangers, and a client that has to be served all the same. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import test, { type TestContext } from 'node:test';
import type { HostRole } from '@xtreemos/identity';
import { connectTls, directoryCalls, RpcConnection } from '@xtreemos/rpc';
import { hostGuid } from '../../packages/identity/fixtures/domain.ts';
import type { FloodKind } from '../../packages/rpc/connection-flood.ts';
import { startFlood } from '../../packages/rpc/flood-fixture.ts';
import { identityOf, testTrust } from '../../packages/xtreemfs/joined-host-fixture.ts';
import type { ServerProcess } from '../../packages/xtreemfs/server-process-fixture.ts';
import { startDirectoryProcess } from '../directory/directory-fixtures.ts';
import { startObjectsProcess } from '../objects/objects-fixtures.ts';
import { startMetadataProcess, waitFor } from './metadata-fixtures.ts';
import { startTlsServers } from './tls-servers-fixture.ts';

/** What a connection may cost a server beyond the frames that are not whole, and what those may cost, twice until they are collected. */
const bytesOfConnection = 64 * 1024;
const bytesOfFrames = 2 * 256 * 2 ** 20;
const bytesOfServer = 64 * 2 ** 20;
/** For descriptors that a server has for itself. */
const ownDescriptors = 200;
/** Of a call on a new connection, on a machine that has other things to do. */
const mostMs = 30_000;

function memoryOf({ pid }: ServerProcess): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * 1024;
}

/** A client comes, asks, and goes. @returns how long that took, in milliseconds */
async function serveOnce(port: number): Promise<number> {
  const start = performance.now();
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  await askTime(new RpcConnection(socket));
  return performance.now() - start;
}

/** No server but the DIR tells it: that the others say so is an answer as well. */
async function askTime(connection: RpcConnection): Promise<void> {
  await connection.call(directoryCalls.globalTimeGet, {}, { timeoutMs: 2 * mostMs }).catch((error) => {
    assert.match(String(error), /no call/);
  });
  connection.close();
}

/** A test of each server in plain text, limited to `connections`, which come from ten addresses. */
export function testConnectionFloods(connections: number, kinds: readonly FloodKind[]): void {
  const addresses = Array.from({ length: 10 }, (_, index) => `127.0.0.${index + 2}`);
  const limits = [
    `MaximumConnections=${connections}`,
    `MaximumConnectionsPerAddress=${Math.ceil(connections / addresses.length)}`,
  ];
  const starts: Record<string, (context: TestContext) => Promise<ServerProcess>> = {
    DIR: (context) => startDirectoryProcess(context, limits),
    MRC: (context) =>
      startMetadataProcess(context, { directoryPort: 1, settings: ['[Metadata]', ...limits] }),
    OSD: (context) => startObjectsProcess(context, { settings: ['[Objects]', ...limits] }),
  };
  for (const [name, start] of Object.entries(starts))
    test(`${name}: under ${connections} connections (${kinds.join(', ')}) a client is served, memory and descriptors are bounded`, async (context) => {
      const server = await start(context);
      const { port, pid } = server;
      const before = memoryOf(server);
      const flood = await startFlood(context, { kinds, port, connections: connections + 50, addresses });
      const times: number[] = [];
      for (let calls = 0; calls < 20; calls++) times.push(await serveOnce(port));
      const { open } = await flood.state();
      const descriptors = readdirSync(`/proc/${pid}/fd`).length;
      const grown = memoryOf(server) - before;
      const slowestMs = Math.round(Math.max(...times));
      const mebibytes = Math.round(grown / 2 ** 20);
      context.diagnostic(
        `${open} open, ${descriptors} descriptors, ${mebibytes} MiB more, slowest call ${slowestMs} ms`,
      );
      assert.ok(slowestMs < mostMs, `a call took ${slowestMs} ms`);
      assert.ok(descriptors <= connections + ownDescriptors, `${descriptors} descriptors`);
      assert.ok(grown <= bytesOfServer + bytesOfFrames + connections * bytesOfConnection, `${mebibytes} MiB`);
      // Those that were refused have to hear of it.
      await waitFor(async () => (await flood.state()).open <= connections);
      await flood.end();
    });
}

/** A test of the servers with TLS, in the test's own process. */
export function testTlsFloods(connections: number): void {
  test(`${connections} connections at servers with TLS: without a handshake, without a certificate, and of a host that stops in the middle`, async (context) => {
    const addresses = ['127.0.0.2'];
    const limits = [`MaximumConnectionsPerAddress=${connections}`, `MaximumConnections=${connections}`];
    const servers = await startTlsServers(context, limits);
    const identity = identityOf('accounts', hostGuid);
    const host = { key: identity.keyPem, cert: identity.chainPem };
    const flooded = async (role: HostRole, { port }: { readonly port: number }) => {
      const slowestOf = async () => {
        const times: number[] = [];
        for (let calls = 0; calls < 5; calls++) times.push(await serveOnceByTls(port, role));
        return Math.round(Math.max(...times));
      };
      const order = { port, connections, addresses };
      const nothing = await startFlood(context, { ...order, kinds: ['silent'] });
      const whileSilentMs = await slowestOf();
      // Ten seconds are given for a handshake.
      await waitFor(async () => (await nothing.state()).open === 0, 60_000);
      await nothing.end();
      const strangers = await startFlood(context, { ...order, kinds: ['silent'], tls: {} });
      await waitFor(async () => (await strangers.state()).open === 0);
      await strangers.end();
      const half = await startFlood(context, { ...order, kinds: ['half'], tls: host });
      const whileHalfMs = await slowestOf();
      const { open } = await half.state();
      context.diagnostic(
        `${role}: slowest call ${whileSilentMs} ms, then ${whileHalfMs} ms with ${open} open`,
      );
      assert.ok(Math.max(whileSilentMs, whileHalfMs) < mostMs);
      assert.ok(open > 0);
      await half.end();
    };
    await Promise.all([
      flooded('dir', servers.directory),
      flooded('mrc', servers.mrc),
      flooded('osd', servers.osd),
    ]);
  });
}

async function serveOnceByTls(port: number, role: HostRole): Promise<number> {
  const start = performance.now();
  const identity = identityOf('accounts', hostGuid);
  const target = { host: '127.0.0.1', port, identity, trust: testTrust, role, vo: 'physics' };
  const connection = new RpcConnection((await connectTls(target)).socket);
  await askTime(connection);
  return performance.now() - start;
}
