/** Volumes with known files, and damage to what their MRC keeps. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { systemClock } from '@xtreemos/base';
import { type CheckVolumeResponse_Finding, nodeCalls, type RpcConnection } from '@xtreemos/rpc';
import { openStore, type StoreWriter } from '@xtreemos/store';
import { objectsOf } from '../objects/objects-fixtures.ts';
import { CapabilityIssuer } from './capability-issuer.ts';
import type { MetadataConfiguration } from './configuration.ts';
import { openEngine } from './metadata-engine.ts';
import {
  attach,
  connectAdmin,
  makeVolume,
  startServers,
  type TestClient,
  type TestServers,
  waitFor,
} from './metadata-fixtures.ts';
import type { Operation } from './operation.ts';
import { ownRequest } from './orphans.ts';
import { tablePrefix } from './store-keys.ts';
import { TreeWriter } from './tree.ts';
import { noQuota } from './volume.ts';

/** All that a check says, as `kind path detail`. */
export async function check(admin: RpcConnection, content = false): Promise<string[]> {
  const findings = await findingsOf(admin, content);
  return findings.map(({ kind, path, detail }) => `${kind} ${path}: ${detail}`);
}

export async function findingsOf(
  admin: RpcConnection,
  content = false,
): Promise<readonly CheckVolumeResponse_Finding[]> {
  const findings: CheckVolumeResponse_Finding[] = [];
  for (let number = 0n; ; ) {
    const request = { volumeName: 'data', check: number, content, after: findings.length };
    const { response } = await admin.call(nodeCalls.checkVolume, request);
    number = response.check;
    findings.push(...response.findings);
    if (response.finished && response.findings.length === 0) return findings;
  }
}

export interface Volume extends TestServers {
  readonly client: TestClient;
  readonly admin: RpcConnection;
  readonly osd: RpcConnection;
  /** As many as there are, `osd` the first. */
  readonly connections: readonly RpcConnection[];
}

export async function startVolume(context: TestContext, width = 1): Promise<Volume> {
  const servers = await startServers(context, { osds: width, settings: ['[Clients]', 'Lease=1s'] });
  return connectVolume(context, servers, async (connection) =>
    makeVolume(connection, { name: 'data', width }),
  );
}

export async function connectVolume(
  context: TestContext,
  servers: TestServers,
  before: (connection: RpcConnection) => Promise<void> = async () => undefined,
): Promise<Volume> {
  const { mrc, osds } = servers;
  const connection = await mrc.connect();
  await before(connection);
  const admin = await connectAdmin(mrc);
  const connections = await Promise.all(osds.map((osd) => osd.connect()));
  const [osd] = connections;
  assert.ok(osd !== undefined);
  context.after(() => {
    for (const each of [connection, admin, ...connections]) each.close();
  });
  return { ...servers, client: await attach(connection, 'data'), admin, osd, connections };
}

/** A closed file with content in its first object. */
export async function makeFile({ client, connections }: Volume, name: string, bytes: number, parent = 1n) {
  const { fileCredentials, handle, attributes } = await client.create(parent, name, { flags: 2 });
  const [first = 'osd-1'] = fileCredentials.xlocs.replicas[0].osdUuids;
  const osd = connections[Number(first.replace('osd-', '')) - 1];
  assert.ok(osd !== undefined, first);
  const written = await objectsOf(osd).write(fileCredentials, 0, 0, Buffer.alloc(bytes, name));
  await client.call(nodeCalls.close, { handle, written });
  return { node: Number(attributes.node), fileId: String(fileCredentials.xcap.fileId), fileCredentials };
}

/** Stops the MRC, changes what it keeps, and starts it again: what the change says and the MRC does with it is the damage. */
export async function damage(
  context: TestContext,
  volume: Volume,
  change: (writer: StoreWriter, number: number, tree: TreeWriter) => void,
): Promise<Volume> {
  const { mrc } = volume;
  assert.equal(await mrc.stop('SIGTERM'), 0, mrc.output);
  const store = await openStore(join(mrc.folder, 'metadata'));
  await store.write((writer) => {
    for (const { value } of writer.range({ from: tablePrefix('volume') })) {
      if (value[0] !== '{'.charCodeAt(0)) break;
      const { name, number } = JSON.parse(value.toString('utf8'));
      if (name === 'data') change(writer, number, new TreeWriter(writer, number));
    }
  });
  await store.close();
  await mrc.run();
  const again = await connectVolume(context, volume);
  // Until nobody can have anything open from before.
  await waitFor(
    async () => !(await check(again.admin)).some((line) => line.includes('less than a lease ago')),
  );
  return again;
}

/** A volume without servers around it. */
export async function localVolume(context: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'xos-check-'));
  context.after(() => rm(folder, { recursive: true }));
  const sections = {
    Metadata: { StateDirectory: folder },
    Clients: { Lease: 1000, OpenFiles: 1000 },
  } as unknown as MetadataConfiguration;
  const { files, store } = await openEngine(sections, systemClock);
  context.after(() => store.close());
  const volume = await files.parts.volumes.create(
    {
      name: 'data',
      owner: 'alice@physics',
      group: 'alice@physics',
      mode: 0o777,
      foreignHosts: [],
      striping: { stripeBytes: 131_072, width: 1 },
      placement: { kind: 'random' },
      quota: noQuota,
      userQuota: noQuota,
      userQuotas: {},
      attributes: {},
    },
    files.parts.nowNs(),
  );
  const change = <Value>(work: (operation: Operation) => Value) =>
    files.change(ownRequest(files, volume), work);
  const { privateKey: key } = generateKeyPairSync('ed25519');
  const issuer = new CapabilityIssuer({ key, lifetimeS: 60, nowMs: Date.now });
  const connected = () => Promise.reject(new Error('there is no OSD'));
  return { change, parts: { files, issuer, selection: { all: [] }, connected }, volume, store };
}
