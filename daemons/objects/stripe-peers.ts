/** The other OSDs of a file's stripe. */
import { reasonOf } from '@xtreemos/base';
import { objectCalls, type RpcConnection, RpcError } from '@xtreemos/rpc';
import { createServerConnections, errnoNumber, fileSizeOf, type ServiceAddress } from '@xtreemos/xtreemfs';
import type { FileAccess } from './file-access.ts';

export interface StripePeers {
  /** The largest end of the file that the others know of. @throws RpcError EHOSTUNREACH when one does not answer */
  largestEnd(access: FileAccess): Promise<number>;
  /** Truncates at all the others. @throws RpcError EHOSTUNREACH when one does not answer */
  truncate(access: FileAccess, fileBytes: bigint): Promise<void>;
  close(): void;
}

export interface StripePeersOptions {
  readonly ownUuid: string;
  readonly addressesOf: (uuid: string) => Promise<readonly ServiceAddress[]>;
  readonly connect: (address: ServiceAddress) => Promise<RpcConnection>;
  readonly timeoutMs: number;
}

/** Kinds of failure that say nothing of what was asked. */
const ofTheWay: ReadonlySet<string> = new Set(['unreachable', 'timeout', 'frame']);

/** A connection to each, kept while it lives. */
export function createStripePeers(options: StripePeersOptions): StripePeers {
  const connections = createServerConnections(options);

  /** The other OSDs' answers. What comes of an outage is told so that the client tries again; what an OSD refuses stays as it is. */
  const askOthers = <Answer>(
    { osdUuids }: FileAccess,
    ask: (connection: RpcConnection) => Promise<Answer>,
  ): Promise<Answer[]> =>
    Promise.all(
      osdUuids
        .filter((uuid) => uuid !== options.ownUuid)
        .map(async (uuid) => {
          try {
            return await ask(await connections.connected(uuid));
          } catch (error) {
            if (error instanceof RpcError && !ofTheWay.has(error.kind)) throw error;
            const reason = `OSD ${uuid} of the stripe was not asked: ${reasonOf(error)}`;
            throw new RpcError('errno', reason, { errno: errnoNumber('EHOSTUNREACH'), cause: error });
          }
        }),
    );
  const { timeoutMs } = options;

  return {
    async largestEnd(access) {
      const { fileId, credentials } = access;
      const request = { fileCredentials: credentials, fileId };
      const ends = await askOthers(access, async (connection) => {
        const { response } = await connection.call(objectCalls.internalGetGmax, request, { timeoutMs });
        return Number(response.fileSize);
      });
      return fileSizeOf(ends);
    },
    async truncate(access, fileBytes) {
      const { fileId, credentials } = access;
      const request = { fileCredentials: credentials, fileId, newFileSize: fileBytes };
      await askOthers(access, (connection) =>
        connection.call(objectCalls.internalTruncate, request, { timeoutMs }),
      );
    },
    close: () => connections.close(),
  };
}
