/** What all calls by paths have in common: XtreemFS's own clients make them (docs/xtreemfs-protocol.md, "MRC: calls by paths"). */
import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { type Call, type CallContext, RpcError, type ServerPeer, type XCap } from '@xtreemos/rpc';
import { type ErrnoName, errnoName, refusal as refused } from '@xtreemos/xtreemfs';
import { answered, required } from './call-refusal.ts';
import { isForeignName } from './caller.ts';
import { refusal } from './errno-error.ts';
import type { Request } from './file-system.ts';
import type { NodeCallParts } from './node-call.ts';

export type PathCallParts = Pick<NodeCallParts, 'server' | 'files' | 'issuer' | 'selection'>;

/** In XCaps, before the name of the user: calls that show one name no user, or one that is none. */
const identityPrefix = 'xtreemfs:';

type OfVolume = { readonly volumeName: string };

/** Serves a call about a path in a volume, for the user of the call. */
export function servePathCall<RequestSchema extends DescMessage, ResponseSchema extends DescMessage>(
  { server, files }: PathCallParts,
  call: Call<RequestSchema, ResponseSchema>,
  handle: (
    message: MessageShape<RequestSchema> & OfVolume,
    request: Request,
  ) => Promise<MessageInitShape<ResponseSchema>> | MessageInitShape<ResponseSchema>,
): void {
  server.serve(call, (message, context) =>
    answeredByKnownErrno(async () => {
      const ofVolume = message as MessageShape<RequestSchema> & OfVolume;
      const volume = files.parts.volumes.named(ofVolume.volumeName);
      // Their kernels keep what these clients read.
      if (volume.consistency === 'strict')
        throw refusal('EPERM', 'a strict volume is not for clients that call by paths');
      const request = files.request(volume, context.user, '', hostnameOf(context));
      const clientId = `${identityPrefix}${request.caller.name}`;
      return { response: await handle(ofVolume, { ...request, clientId }) };
    }),
  );
}

/** Of a file that was opened by its path. */
export interface Opened {
  readonly request: Request;
  readonly node: number;
  readonly xcap: XCap;
}

/** Serves a call about an open file, for the user who opened it: the XCap says who that was. */
export function serveOpenedCall<RequestSchema extends DescMessage, ResponseSchema extends DescMessage>(
  { server, files, issuer }: PathCallParts,
  call: Call<RequestSchema, ResponseSchema>,
  capabilityOf: (message: MessageShape<RequestSchema>) => XCap | undefined,
  handle: (
    message: MessageShape<RequestSchema>,
    opened: Opened,
  ) => Promise<MessageInitShape<ResponseSchema>> | MessageInitShape<ResponseSchema>,
): void {
  server.serve(call, (message, context) =>
    answeredByKnownErrno(async () => {
      const xcap = required(capabilityOf(message), 'the XCap');
      const { volumeId, node } = issuer.check(xcap);
      const { clientIdentity: clientId } = xcap;
      if (!clientId.startsWith(identityPrefix))
        throw refusal('EACCES', 'the capability is of no file that was opened by its path');
      const user = { name: clientId.slice(identityPrefix.length), groups: [] };
      // What a user of the grid opened is renewed as long as his session lasts.
      if (context.peer.kind === 'host' && !isForeignName(user.name) && context.user.name !== user.name)
        throw new RpcError('user', `the file was opened for ${user.name}`);
      const volume = files.parts.volumes.get(volumeId);
      const request = files.request(volume, user, clientId, hostnameOf(context));
      return { response: await handle(message, { request, node, xcap }) };
    }),
  );
}

function hostnameOf({ peer }: CallContext<ServerPeer>): string | undefined {
  return peer.kind === 'host' ? peer.hostname : undefined;
}

/** XtreemFS's POSIXErrno: an enumeration of proto2 is closed, so that its clients read any other number as none. */
const known: ReadonlySet<ErrnoName> = new Set([
  ...(['EPERM', 'ENOENT', 'EINTR', 'EIO', 'EAGAIN', 'EACCES', 'EEXIST', 'EXDEV', 'ENODEV'] as const),
  ...(['ENOTDIR', 'EISDIR', 'EINVAL', 'ENOSPC', 'ENOTEMPTY', 'ENODATA'] as const),
]);

/** What stands for the others. */
const nearest: { readonly [Name in ErrnoName]?: ErrnoName } = {
  E2BIG: 'ENOSPC',
  EBUSY: 'EPERM',
  EDQUOT: 'ENOSPC',
  EFBIG: 'EINVAL',
  ELOOP: 'EINVAL',
  EMLINK: 'ENOSPC',
  ENAMETOOLONG: 'EINVAL',
  ENXIO: 'ENODEV',
  EOPNOTSUPP: 'EINVAL',
  ERANGE: 'EINVAL',
  ESTALE: 'ENOENT',
};

async function answeredByKnownErrno<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await answered(work);
  } catch (error) {
    if (!(error instanceof RpcError) || error.kind !== 'errno') throw error;
    const name = errnoName(error.errno) ?? 'EIO';
    throw known.has(name) ? error : refused(nearest[name] ?? 'EIO', error.message);
  }
}
