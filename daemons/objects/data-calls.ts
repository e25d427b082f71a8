/** The calls of the OSD that concern the content of files. */
import { isXosError } from '@xtreemos/base';
import { crc32c } from '@xtreemos/native-sys';
import { type ObjectData, objectCalls, RpcError, type RpcServer, type ServerPeer } from '@xtreemos/rpc';
import { errnoOf, fileEndOf, localBytesOf, refusal } from '@xtreemos/xtreemfs';
import type { ClientConnections } from './client-connections.ts';
import { type AccessRules, checkAccess, type FileAccess, fileBytesOf, locate } from './file-access.ts';
import type { FileLocks } from './file-locks.ts';
import type { FileState, ObjectStore } from './object-store.ts';
import type { StripePeers } from './stripe-peers.ts';

export interface CallParts {
  readonly store: ObjectStore;
  readonly rules: AccessRules;
  readonly locks: FileLocks;
  readonly peers: StripePeers;
  readonly connections: ClientConnections;
}

/** Largest answer to the list of file ids, which has no pages in XtreemFS's protocol. */
const mostFileIds = 50_000;

export function serveData(server: RpcServer<ServerPeer>, parts: CallParts): void {
  const { store, rules, locks, peers, connections } = parts;

  /** The size that a client takes to the MRC: what is known here, which is never more than the file has. */
  const sizeAfter = (access: FileAccess, state: FileState) => ({
    sizeInBytes: BigInt(fileEndOf(access.striping, access.position, state.localBytes)),
    truncateEpoch: Math.max(state.truncateEpoch, access.truncateEpoch),
    serverStart: store.startNumber,
  });

  /** Who reads and writes is alive: the MRC names the client in the XCap. */
  const renewLocks = ({ credentials }: FileAccess) => locks.renew(credentials.xcap?.clientIdentity ?? '');

  async function largestEnd(access: FileAccess): Promise<number> {
    const { localBytes } = await store.state(access.fileId);
    const own = fileEndOf(access.striping, access.position, localBytes);
    return access.osdUuids.length === 1 ? own : Math.max(own, await peers.largestEnd(access));
  }

  server.serve(objectCalls.read, (request) =>
    answered(async () => {
      const { fileId, objectNumber, offset, length } = request;
      const access = await checkAccess(rules, request.fileCredentials, fileId, 'read');
      const range = locate(access, objectNumber, offset, length);
      if (range === undefined) return { response: objectData(0) };
      renewLocks(access);
      const data = await store.read(fileId, range.localOffset, length);
      const taken = () => store.readDone(data);
      if (data.length === length) return { response: objectData(0, data), data, taken };
      // What is kept here ends; the file may go on at others, and then there is a hole.
      const end = await largestEnd(access);
      const wanted = Math.min(length, Math.max(end - range.fileOffset, 0));
      return { response: objectData(Math.max(wanted - data.length, 0), data), data, taken };
    }),
  );

  server.serve(objectCalls.write, (request, speaking) =>
    answered(async () => {
      const { data } = speaking;
      const { fileId, objectNumber, offset } = request;
      const access = await checkAccess(rules, request.fileCredentials, fileId, 'write');
      const range = locate(access, objectNumber, offset, data.length);
      if (range === undefined) throw refusal('EFBIG', 'no file can be that large');
      requireWhole(request.objectData, data);
      renewLocks(access);
      const before = await store.state(fileId);
      refuseOtherStriping(before, access);
      if (access.isOrdered) requireEpoch(before, access.truncateEpoch);
      const { striping } = access;
      const { durable } = request;
      connections.requireNewest(access.credentials.xcap, speaking);
      const state = await store.write(fileId, range.localOffset, data, { striping, durable });
      // What was cut while this went on is not said to be there: the epoch is that from before.
      if (access.isOrdered)
        return { response: { ...sizeAfter(access, state), truncateEpoch: before.truncateEpoch } };
      return { response: sizeAfter(access, state) };
    }),
  );

  /** @param others the rest of the stripe, cut before: who finds the epoch here finds it everywhere */
  async function truncateHere(
    access: FileAccess,
    fileBytes: number,
    others: () => Promise<void> = async () => undefined,
  ): Promise<FileState> {
    const { fileId, striping, position, truncateEpoch } = access;
    const state = await store.state(fileId);
    // In order: what came after it did so after it was done.
    if (truncateEpoch < state.truncateEpoch && access.isOrdered) return state;
    if (truncateEpoch < state.truncateEpoch)
      throw refusal('ESTALE', `the file was truncated in epoch ${state.truncateEpoch} since`);
    // The same once more: its answer was lost. What was written since must stay.
    if (truncateEpoch === state.truncateEpoch && truncateEpoch > 0) {
      if (!access.isOrdered) await others();
      return state;
    }
    if (access.isOrdered) requireEpoch(state, truncateEpoch - 1);
    await others();
    return store.truncate(fileId, localBytesOf(striping, position, fileBytes), truncateEpoch, striping);
  }

  server.serve(objectCalls.truncate, (request) =>
    answered(async () => {
      const { fileId, newFileSize } = request;
      const access = await checkAccess(rules, request.fileCredentials, fileId, 'write');
      const fileBytes = fileBytesOf(newFileSize);
      refuseOtherStriping(await store.state(fileId), access);
      await truncateHere(access, fileBytes, async () => {
        if (access.osdUuids.length > 1) await peers.truncate(access, newFileSize);
      });
      return { response: { sizeInBytes: newFileSize, truncateEpoch: access.truncateEpoch } };
    }),
  );

  server.serve(objectCalls.internalTruncate, (request) =>
    answered(async () => {
      const { fileId, newFileSize } = request;
      const access = await checkAccess(rules, request.fileCredentials, fileId, 'write');
      refuseOtherStriping(await store.state(fileId), access);
      const state = await truncateHere(access, fileBytesOf(newFileSize));
      return { response: sizeAfter(access, state) };
    }),
  );

  server.serve(objectCalls.unlink, (request) =>
    answered(async () => {
      const { fileId } = await checkAccess(rules, request.fileCredentials, request.fileId, 'delete');
      await store.unlink(fileId);
      locks.forget(fileId);
      return { response: {} };
    }),
  );

  // XtreemFS's clients ask when they close what they wrote. No vouchers are given, so none is signed for.
  server.serve(objectCalls.finalizeVouchers, (request) =>
    answered(async () => {
      const fileId = request.fileCredentials?.xcap?.fileId ?? '';
      const access = await checkAccess(rules, request.fileCredentials, fileId, 'write');
      const { sizeInBytes, truncateEpoch } = sizeAfter(access, await store.state(fileId));
      return {
        response: {
          osdUuid: rules.ownUuid,
          serverSignature: '',
          sizeInBytes,
          truncateEpoch: BigInt(truncateEpoch),
        },
      };
    }),
  );

  server.serve(objectCalls.internalGetGmax, (request) =>
    answered(async () => {
      const access = await checkAccess(rules, request.fileCredentials, request.fileId, 'any');
      const { localBytes, truncateEpoch } = await store.state(access.fileId);
      const end = fileEndOf(access.striping, access.position, localBytes);
      const last = Math.max(Math.ceil(end / access.striping.stripeBytes) - 1, 0);
      return {
        response: { epoch: BigInt(truncateEpoch), fileSize: BigInt(end), lastObjectId: BigInt(last) },
      };
    }),
  );

  server.serve(objectCalls.internalGetFileSize, (request) =>
    answered(async () => {
      const access = await checkAccess(rules, request.fileCredentials, request.fileId, 'any');
      return { response: { fileSize: BigInt(await largestEnd(access)) } };
    }),
  );

  server.serve(objectCalls.checkObject, (request) =>
    answered(async () => {
      const access = await checkAccess(rules, request.fileCredentials, request.fileId, 'read');
      const { stripeBytes } = access.striping;
      const range = locate(access, request.objectNumber, 0, stripeBytes);
      if (range === undefined) return { response: objectData(0) };
      try {
        const { length } = await store.read(access.fileId, range.localOffset, stripeBytes);
        return { response: objectData(length) };
      } catch (error) {
        if (errnoOf(error) !== errnoOf({ code: 'EIO' })) throw error;
        return { response: { ...objectData(0), invalidChecksumOnOsd: true } };
      }
    }),
  );

  server.serve(objectCalls.internalGetFileIdList, (_request, { peer }) =>
    answered(async () => {
      requireServer(peer);
      const fileIds: string[] = [];
      for await (const fileId of store.fileIds()) {
        if (fileIds.length === mostFileIds)
          throw refusal('EOVERFLOW', `more than ${mostFileIds} files do not fit into an answer`);
        fileIds.push(fileId);
      }
      return { response: { fileIds } };
    }),
  );
}

/** Which files there are concerns servers alone. @throws RpcError 'user' */
export function requireServer(peer: ServerPeer): void {
  if (peer.kind === 'plain' || peer.role === 'mrc' || peer.role === 'osd') return;
  throw new RpcError('user', `${peer.hostname} (${peer.role}) may not list files`);
}

/** The checksum went with the data from the client's memory; here it is compared before anything is stored. */
function requireWhole(objectData: ObjectData | undefined, data: Uint8Array): void {
  // A field that was not sent is no property of the message itself.
  if (objectData === undefined || !Object.hasOwn(objectData, 'crc32c')) return;
  if (objectData.crc32c !== crc32c(data)) throw refusal('EIO', 'the data were damaged on the way');
}

/** What is cut later would take with it what is written now. @throws RpcError EHOSTUNREACH: to be tried again */
function requireEpoch(state: FileState, epoch: number): void {
  if (state.truncateEpoch < epoch)
    throw refusal('EHOSTUNREACH', `the truncation of epoch ${epoch} has not come here yet`);
}

/** A client that is wrong about the striping would see bytes where they do not belong. */
function refuseOtherStriping({ striping }: FileState, access: FileAccess): void {
  if (striping === undefined) return;
  const { stripeBytes, width } = access.striping;
  if (striping.stripeBytes !== stripeBytes || striping.width !== width)
    throw refusal('EINVAL', 'the file was written with another stripe size or width');
}

function objectData(zeroPadding: number, data?: Uint8Array) {
  const fields = { checksum: 0, invalidChecksumOnOsd: false, zeroPadding };
  return data === undefined ? fields : { ...fields, crc32c: crc32c(data) };
}

/** What the engine refuses has an errno of its own; all else is a defect, and stays one. */
export async function answered<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof RpcError || isXosError(error)) throw error;
    if (typeof (error as { code?: unknown }).code !== 'string') throw error;
    throw new RpcError('errno', (error as Error).message, { errno: errnoOf(error), cause: error });
  }
}
