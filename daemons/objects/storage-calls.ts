/** Our own calls of the OSD: what POSIX needs and XtreemFS's protocol has no call for. */
import { AllocateMode, objectCalls, type RpcServer, SeekTarget, type ServerPeer } from '@xtreemos/rpc';
import { fileEndOf, refusal } from '@xtreemos/xtreemfs';
import { answered, type CallParts, requireServer } from './data-calls.ts';
import { checkAccess, checkDeletion, checkSpaceAccess, locate } from './file-access.ts';
import { directories, directoryOf } from './file-layout.ts';

const mostListed = 10_000;

const removedTogether = 16;

export function serveStorage(
  server: RpcServer<ServerPeer>,
  { store, rules, locks, connections }: CallParts,
): void {
  server.serve(objectCalls.sync, (request) =>
    answered(async () => {
      const access = await checkAccess(rules, request.fileCredentials, request.fileId, 'any');
      await store.sync(access.fileId);
      const { localBytes, truncateEpoch } = await store.state(access.fileId);
      const end = fileEndOf(access.striping, access.position, localBytes);
      return {
        response: {
          sizeInBytes: BigInt(end),
          truncateEpoch: Math.max(truncateEpoch, access.truncateEpoch),
          serverStart: store.startNumber,
        },
      };
    }),
  );

  server.serve(objectCalls.allocate, (request, speaking) =>
    answered(async () => {
      const { fileId, objectNumber, offset, length, mode } = request;
      const access = await checkAccess(rules, request.fileCredentials, fileId, 'write');
      const range = locate(access, objectNumber, offset, length);
      if (range === undefined) throw refusal('EFBIG', 'no file can be that large');
      const { localOffset } = range;
      if (length === 0) throw refusal('EINVAL', 'nothing is to be allocated');
      connections.requireNewest(access.credentials.xcap, speaking);
      if (mode === AllocateMode.ALLOCATE_KEEP_SIZE) await store.reserve(fileId, localOffset, length);
      else if (mode === AllocateMode.ALLOCATE_PUNCH || mode === AllocateMode.ALLOCATE_ZERO) {
        await store.zero(fileId, localOffset, length, access.striping);
        if (mode === AllocateMode.ALLOCATE_ZERO) await store.reserve(fileId, localOffset, length);
      } else throw refusal('EOPNOTSUPP', `allocation mode ${mode} is not known`);
      return { response: {} };
    }),
  );

  server.serve(objectCalls.seek, (request) =>
    answered(async () => {
      const { fileId, objectNumber, offset, target } = request;
      const access = await checkAccess(rules, request.fileCredentials, fileId, 'read');
      const { stripeBytes } = access.striping;
      const range = locate(access, objectNumber, offset, 0);
      const isData = target === SeekTarget.DATA;
      if (range === undefined) return { response: isData ? {} : { offset } };
      const objectStart = range.localOffset - offset;
      const found = await store.seek(
        fileId,
        range.localOffset,
        objectStart + stripeBytes,
        isData ? 'data' : 'hole',
      );
      return { response: found === undefined ? {} : { offset: found - objectStart } };
    }),
  );

  server.serve(objectCalls.space, ({ xcap }) =>
    answered(async () => {
      const fileId = await checkSpaceAccess(rules, xcap);
      return { response: { allocatedBytes: BigInt(await store.allocatedBytes(fileId)) } };
    }),
  );

  server.serve(objectCalls.unlinkFiles, ({ xcap, fileIds }) =>
    answered(async () => {
      await checkDeletion(rules, xcap, fileIds);
      const left: string[] = [];
      const waiting = fileIds.values();
      const removing = async () => {
        for (const fileId of waiting) {
          try {
            await store.unlink(fileId);
            locks.forget(fileId);
          } catch {
            // Asked for again later, and of a disk that fails the store tells in the journal.
            left.push(fileId);
          }
        }
      };
      await Promise.all(Array.from({ length: removedTogether }, removing));
      return { response: { left } };
    }),
  );

  // Directory by directory: the cursor is the last file of a page, and its directory follows from its name.
  server.serve(objectCalls.listFiles, ({ cursor, most }, { peer }) =>
    answered(async () => {
      requireServer(peer);
      const limit = Math.min(most === 0 ? mostListed : most, mostListed);
      const fileIds: string[] = [];
      const start = cursor === '' ? 0 : directories.indexOf(directoryOf(cursor));
      for (const directory of directories.slice(Math.max(start, 0))) {
        const names = (await store.fileIdsIn(directory)).toSorted();
        for (const name of names) {
          if (cursor !== '' && directory === directoryOf(cursor) && name <= cursor) continue;
          if (fileIds.length === limit) return { response: { fileIds, cursor: fileIds.at(-1) ?? '' } };
          fileIds.push(name);
        }
      }
      return { response: { fileIds, cursor: '' } };
    }),
  );
}
