/** The calls of the OSD that concern advisory locks. */
import { type lockRequest, objectCalls, type RpcServer } from '@xtreemos/rpc';
import { refusal } from '@xtreemos/xtreemfs';
import { answered, type CallParts } from './data-calls.ts';
import { checkAccess } from './file-access.ts';
import type { LockFamily, LockRange } from './file-locks.ts';

/** @returns what to call before locks that were not renewed end */
export function serveLocks<Peer>(server: RpcServer<Peer>, { rules, locks }: CallParts): () => void {
  async function wanted(
    request: lockRequest,
  ): Promise<{ fileId: string; family: LockFamily; range: LockRange; isNamed: boolean }> {
    const lock = request.lockRequest;
    const xcap = request.fileCredentials?.xcap;
    if (lock === undefined || xcap === undefined) throw refusal('EINVAL', 'there is no lock');
    const { fileId } = await checkAccess(rules, request.fileCredentials, xcap.fileId, 'any');
    if (lock.clientUuid === '' || lock.clientUuid.length > 128)
      throw refusal('EINVAL', 'a lock has a client');
    const { clientUuid, clientPid, offset, length, exclusive, isFlock } = lock;
    locks.renew(clientUuid);
    const range = { clientUuid, clientPid, offset, length, isExclusive: exclusive };
    const isNamed = xcap.clientIdentity === clientUuid;
    return { fileId, family: isFlock ? 'flock' : 'posix', range, isNamed };
  }

  /** Clients that took locks on a connection, by the signal of its end; with whether their XCaps name them. */
  const clientsOf = new Map<AbortSignal, Map<string, boolean>>();

  function watch(signal: AbortSignal, clientUuid: string, isNamed: boolean): void {
    const known = clientsOf.get(signal);
    if (known !== undefined) {
      known.set(clientUuid, isNamed);
      return;
    }
    if (signal.aborted) return;
    const clients = new Map([[clientUuid, isNamed]]);
    clientsOf.set(signal, clients);
    signal.addEventListener(
      'abort',
      () => {
        clientsOf.delete(signal);
        for (const client of clients.keys()) locks.orphan(client);
      },
      { once: true },
    );
  }

  server.serve(objectCalls.lockAcquire, (request, { signal }) =>
    answered(async () => {
      const { fileId, family, range, isNamed } = await wanted(request);
      watch(signal, range.clientUuid, isNamed);
      if (locks.acquire(fileId, family, range) !== undefined)
        throw refusal('EAGAIN', 'another process holds a lock on the range');
      return { response: lockOf(range, family) };
    }),
  );

  server.serve(objectCalls.lockCheck, (request) =>
    answered(async () => {
      const { fileId, family, range } = await wanted(request);
      return { response: lockOf(locks.check(fileId, family, range) ?? range, family) };
    }),
  );

  server.serve(objectCalls.lockRelease, (request) =>
    answered(async () => {
      const { fileId, family, range } = await wanted(request);
      locks.release(fileId, family, range);
      return { response: {} };
    }),
  );

  // XtreemFS's clients read and write with XCaps that do not say which client it is: they are alive while they are connected.
  return () => {
    for (const clients of clientsOf.values())
      for (const [client, isNamed] of clients) if (!isNamed) locks.renew(client);
  };
}

function lockOf({ clientUuid, clientPid, offset, length, isExclusive }: LockRange, family: LockFamily) {
  const lock = { clientUuid, clientPid, offset, length, exclusive: isExclusive };
  // A client that does not know our field is not told of it.
  return family === 'flock' ? { ...lock, isFlock: true } : lock;
}
