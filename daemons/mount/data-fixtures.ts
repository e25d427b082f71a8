/** Files on real OSDs, as a client has them open. For tests. */

import { create } from '@bufbuild/protobuf';
import { type FileCredentials, XCapSchema } from '@xtreemos/rpc';
import { BufferPool, connectServer, createDirectoryClient } from '@xtreemos/xtreemfs';
import type { Cleanup, ServerProcess } from '../../packages/xtreemfs/server-process-fixture.ts';
import { startDirectoryProcess } from '../directory/directory-fixtures.ts';
import { waitFor } from '../metadata/metadata-fixtures.ts';
import { credentials, startObjectsProcess } from '../objects/objects-fixtures.ts';
import { Capabilities } from './capabilities.ts';
import { type DataParts, FileData } from './file-data.ts';
import { FileSize } from './file-size.ts';
import { createObjectServers, type ObjectServers } from './object-servers.ts';
import { WriteBudget } from './write-buffers.ts';

export const fileId = '11111111-2222-4333-8444-555555555555:17';

export interface Stripe {
  readonly osds: readonly ServerProcess[];
  readonly servers: ObjectServers;
  readonly parts: DataParts;
  readonly uuids: readonly string[];
  /** The file as a client that opens it now sees it. */
  open(size?: number): FileData;
  /** As a program has it; the memory is then used again, as that of a mount. */
  read(file: FileData, offset: number, length: number): Promise<Buffer>;
  credentials(truncateEpoch?: number): FileCredentials;
}

/** Whoever still looks at a buffer that was given back sees what nobody wrote. */
class SpoiledBuffers extends BufferPool {
  override take(bytes: number): Buffer {
    return super.take(bytes).fill(0xee);
  }
}

/** @param width number of OSDs */
export async function startStripe(
  context: Cleanup,
  width: number,
  options: { readonly budgetBytes?: number; readonly softMs?: number } = {},
): Promise<Stripe> {
  const uuids = Array.from({ length: width }, (_, index) => `osd-${index + 1}`);
  const directory = await startDirectoryProcess(context);
  const osds = await Promise.all(
    uuids.map((uuid) => startObjectsProcess(context, { uuid, directoryPort: directory.port })),
  );
  // OSDs of a stripe find one another there.
  const connection = await directory.connect();
  const known = createDirectoryClient(async () => connection);
  for (const uuid of uuids) await waitFor(async () => (await known.addressesOf(uuid)).length > 0);
  connection.close();
  const monotonicMs = () => performance.now();
  const { softMs } = options;
  const servers = createObjectServers({
    addressesOf: async (uuid) => [
      { protocol: 'pbrpc', address: '127.0.0.1', port: osds[uuids.indexOf(uuid)]?.port ?? 0 },
    ],
    connect: (address) =>
      connectServer(undefined, 'osd', address, { takeMemory: (bytes) => parts.buffers.take(bytes) }),
    policy: { monotonicMs, ...(softMs === undefined ? {} : { softMs }) },
    timeoutMs: 5000,
  });
  context.after(() => servers.close());
  const parts: DataParts = {
    servers,
    budget: new WriteBudget(options.budgetBytes ?? 8 << 20),
    buffers: new SpoiledBuffers(8 << 20),
    readAheadBytes: 1 << 20,
    nowNs: () => BigInt(Date.now()) * 1_000_000n,
  };
  const credentialsOf = (truncateEpoch = 0) =>
    credentials({ fileId, osdUuids: uuids, xcap: { truncateEpoch } }) as unknown as FileCredentials;
  return {
    osds,
    servers,
    parts,
    uuids,
    credentials: credentialsOf,
    async read(file, offset, length) {
      const pieces = await file.read(offset, length);
      const content = Buffer.concat(pieces);
      for (const piece of pieces) parts.buffers.give(piece);
      return content;
    },
    open(size = 0) {
      const capabilities = new Capabilities({
        renew: async () => create(XCapSchema, credentialsOf().xcap ?? {}),
        monotonicMs,
      });
      capabilities.put(1n, credentialsOf());
      const layout = { fileId, striping: { stripeBytes: 128 * 1024, width }, osdUuids: uuids };
      const known = { size, truncateEpoch: 0, mtimeNs: 0n, change: 1n };
      return new FileData(parts, layout, capabilities, new FileSize(known));
    },
  };
}
