/** What node calls that are made of calls by paths have in common. */
import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { type Call, type CallUser, type FileCredentials, metadataCalls, objectCalls } from '@xtreemos/rpc';
import type { KnownName } from './known-nodes.ts';
import type { NodePaths } from './node-paths.ts';
import type { ObjectServers } from './object-servers.ts';

/** One node call, for whom it is made, and the calls by paths that it is made of. */
export interface Asking {
  readonly user: CallUser;
  /** @throws RpcError, with the errnos of the interface; system errors while the server is away */
  ask<Request extends DescMessage, Response extends DescMessage>(
    call: Call<Request, Response>,
    request: MessageInitShape<Request>,
  ): Promise<MessageShape<Response>>;
}

export type ServeNodeCall = <Request extends DescMessage, Response extends DescMessage>(
  call: Call<Request, Response>,
  handle: (request: MessageShape<Request>, asking: Asking) => Promise<MessageInitShape<Response>>,
) => void;

export interface PathCallParts {
  readonly serve: ServeNodeCall;
  readonly volumeName: string;
  readonly paths: NodePaths;
  readonly servers: ObjectServers;
  /** Nanoseconds since 1970. */
  readonly nowNs: () => bigint;
}

/** Of calls that show a capability, as XtreemFS's own clients name him. */
export const whoeverOpened: CallUser = { name: 'xtreemfs', groups: ['xtreemfs'] };

/** SYSTEM_V_FCNTL of the interface; the access mode is as in open(2). */
export const flag = { writeOnly: 1, create: 0x100, truncate: 0x200, exclusive: 0x400 } as const;
export const accessMode = 3;

/** The MRC removes names; the objects of a file that lost its last one are removed by who took it. */
export async function removeObjects(
  servers: ObjectServers,
  credentials: FileCredentials | undefined,
): Promise<void> {
  const fileId = credentials?.xcap?.fileId;
  if (credentials === undefined || fileId === undefined) return;
  for (const { osdUuids } of credentials.xlocs?.replicas ?? []) {
    const [first] = osdUuids;
    // One OSD has the others of its replica follow.
    if (first !== undefined)
      await servers.call(first, objectCalls.unlink, { fileCredentials: credentials, fileId });
  }
}

/** Renames, and says so to the paths. @returns of a file that was replaced: what its objects are removed with */
export function rename(
  { paths, volumeName }: Pick<PathCallParts, 'paths' | 'volumeName'>,
  from: KnownName,
  to: KnownName,
  ask: Asking['ask'],
) {
  return paths.whileMoving(async () => {
    const [sourcePath, targetPath] = [paths.pathAt(from), paths.pathAt(to)];
    const answer = await ask(metadataCalls.rename, { volumeName, sourcePath, targetPath });
    paths.moved(from, to);
    return answer;
  });
}
