/** The MRC as a process, in plain text on loopback, with DIR and OSDs, and what a client does. For tests. */
import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CallUser, metadataCalls, nodeCalls, RpcConnection, RpcError } from '@xtreemos/rpc';
import { errnoName } from '@xtreemos/xtreemfs';
import { type Cleanup, ServerProcess, testAddress } from '../../packages/xtreemfs/server-process-fixture.ts';
import { startDirectoryProcess } from '../directory/directory-fixtures.ts';
import { objectsOf, startObjectsProcess } from '../objects/objects-fixtures.ts';

export function startMetadataProcess(
  context: Cleanup,
  options: { readonly directoryPort: number; readonly uuid?: string; readonly settings?: readonly string[] },
): Promise<ServerProcess> {
  const { directoryPort, uuid = 'mrc-1', settings = [] } = options;
  return ServerProcess.start(context, join(import.meta.dirname, 'main.ts'), (folder, port) => [
    '[Metadata]',
    `Listen=${testAddress()}:${port}`,
    `StateDirectory=${folder}`,
    `AdminSocket=${folder}/admin.sock`,
    `Uuid=${uuid}`,
    '[Directory]',
    `Address=${testAddress()}`,
    `Port=${directoryPort}`,
    `AdvertisedAddress=${testAddress()}`,
    'Heartbeat=500ms',
    '[Security]',
    'AllowPlainText=yes',
    '[Placement]',
    'OsdFreeSpace=1MiB',
    ...settings,
  ]);
}

export interface TestServers {
  readonly directory: ServerProcess;
  readonly mrc: ServerProcess;
  readonly osds: readonly ServerProcess[];
}

/** DIR, an MRC and OSDs (`osd-1`, `osd-2`...) that know each other; ready for files when it resolves. */
export async function startServers(
  context: Cleanup,
  options: {
    readonly osds?: number;
    readonly settings?: readonly string[];
    /** Of section Storage. */
    readonly osdSettings?: readonly string[];
  } = {},
): Promise<TestServers> {
  const { osds: count = 1, settings = [], osdSettings = [] } = options;
  const directory = await startDirectoryProcess(context);
  const osds = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      startObjectsProcess(context, {
        uuid: `osd-${index + 1}`,
        directoryPort: directory.port,
        settings: osdSettings,
      }),
    ),
  );
  const mrc = await startMetadataProcess(context, { directoryPort: directory.port, settings });
  const connection = await mrc.connect();
  await makeVolume(connection, { name: 'probe', width: count });
  const client = await attach(connection, 'probe', nobodyInParticular);
  const connections = await Promise.all(osds.map((osd) => osd.connect()));
  await waitFor(async () => {
    const { fileCredentials, handle } = await client.create(1, 'probe', { flags: 2 });
    // An OSD learns of a new MRC's key within a second.
    for (const osd of connections) await objectsOf(osd).sync(fileCredentials);
    await client.call(nodeCalls.close, { handle });
    await client.call(nodeCalls.unlink, { parent: 1n, name: Buffer.from('probe') });
    return fileCredentials?.xlocs?.replicas[0]?.osdUuids.length === count;
  });
  for (const osd of connections) osd.close();
  connection.close();
  return { directory, mrc, osds };
}

/** Until it is true and throws no more. */
export async function waitFor(isSo: () => Promise<boolean>, mostMs = 20_000): Promise<void> {
  const endMs = performance.now() + mostMs;
  for (;;) {
    try {
      if (await isSo()) return;
    } catch (error) {
      if (performance.now() > endMs) throw error;
    }
    if (performance.now() > endMs) throw new Error('it did not come to be in time');
    await sleep(20);
  }
}

export interface VolumeOptions {
  readonly name: string;
  readonly owner?: string;
  readonly group?: string;
  readonly mode?: number;
  readonly stripeKb?: number;
  readonly width?: number;
  readonly quota?: number;
  /** Settings as mkfs.xtreemfs gives them, `xtreemos.foreign_hosts`... */
  readonly attributes?: Readonly<Record<string, string>>;
}

export async function makeVolume(connection: RpcConnection, options: VolumeOptions): Promise<void> {
  const { name, owner = 'alice@physics', group = 'alice@physics', mode = 0o777 } = options;
  const { stripeKb = 128, width = 1, quota = 0, attributes = {} } = options;
  await connection.call(metadataCalls.mkvol, {
    accessControlPolicy: 2,
    defaultStripingPolicy: { type: 0, stripeSize: stripeKb, width },
    id: '',
    mode,
    name,
    ownerGroupId: group,
    ownerUserId: owner,
    attrs: Object.entries(attributes).map(([key, value]) => ({ key, value })),
    quota: BigInt(quota),
  });
}

/** The local administrator's connection. */
export async function connectAdmin({ folder }: Pick<ServerProcess, 'folder'>): Promise<RpcConnection> {
  const socket = connect(join(folder, 'admin.sock'));
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  return new RpcConnection(socket);
}

const nobodyInParticular: CallUser = { name: 'alice@physics', groups: ['alice@physics'] };

/** A client of one volume, for one user at a time. */
export class TestClient {
  readonly connection: RpcConnection;
  readonly volumeId: string;
  readonly clientId: string;
  user: CallUser;

  constructor(connection: RpcConnection, volumeId: string, clientId: string, user: CallUser) {
    this.connection = connection;
    this.volumeId = volumeId;
    this.clientId = clientId;
    this.user = user;
  }

  /** The same client, for another user. */
  as(name: string, groups: readonly string[] = [name]): TestClient {
    return new TestClient(this.connection, this.volumeId, this.clientId, { name, groups });
  }

  async call<Key extends keyof typeof nodeCalls>(
    call: (typeof nodeCalls)[Key],
    message: object,
    // biome-ignore lint/suspicious/noExplicitAny: a test looks at whatever the call answers
  ): Promise<any> {
    const request = { ...message, volumeId: this.volumeId };
    const { response } = await this.connection.call(call as typeof nodeCalls.statfs, request as never, {
      user: this.user,
    });
    return response;
  }

  create(
    parent: number | bigint,
    name: string,
    options: { readonly flags?: number; readonly mode?: number; readonly exclusive?: boolean } = {},
  ) {
    const { flags = 2, mode = 0o644, exclusive = false } = options;
    const place = { parent: BigInt(parent), name: Buffer.from(name) };
    return this.call(nodeCalls.create, { ...place, mode, umask: 0, flags, exclusive });
  }

  lookup(parent: number | bigint, name: string) {
    return this.call(nodeCalls.lookup, { parent: BigInt(parent), name: Buffer.from(name) });
  }

  async mkdir(parent: number | bigint, name: string, mode = 0o755): Promise<bigint> {
    const place = { parent: BigInt(parent), name: Buffer.from(name) };
    return (await this.call(nodeCalls.mkdir, { ...place, mode, umask: 0 })).attributes.node;
  }
}

export async function attach(
  connection: RpcConnection,
  volumeName: string,
  user: CallUser = nobodyInParticular,
  clientId: string = randomUUID(),
): Promise<TestClient> {
  const { response } = await connection.call(
    nodeCalls.attach,
    { volumeName, clientId, protocolVersion: 1 },
    { user },
  );
  return new TestClient(connection, response.volumeId, clientId, user);
}

/** `EACCES`; the kind of an error that is no errno; `done`. */
export async function outcomeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'done';
  } catch (error) {
    if (error instanceof RpcError)
      return error.kind === 'errno' ? (errnoName(error.errno) ?? '?') : error.kind;
    throw error;
  }
}
