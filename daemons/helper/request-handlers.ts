import { closeSync } from 'node:fs';
import { XosError } from '@xtreemos/base';
import type { HelperReplies, HelperRequest, HelperRequestType } from '@xtreemos/helper-client';
import { type AccountEndOptions, endAccount } from './account-end.ts';
import { type AccountSweepOptions, sweepAccount } from './account-sweep.ts';
import type { CgroupTree } from './cgroup-tree.ts';
import type { CredentialFiles } from './credential-files.ts';
import { type HomeOptions, makeHome } from './home-directory.ts';
import { type HomeVolumeOptions, startHome, stopHome } from './home-volume.ts';
import { type HostCertificateOptions, installHostCertificate } from './host-certificate.ts';
import { createKeyedLock } from './keyed-lock.ts';
import { type NssMapOptions, publishMap } from './nss-map.ts';
import { placeProcess } from './process-placement.ts';
import type { ServiceManager } from './service-manager.ts';
import { listSessions, removeSession, writeSession } from './session-directory.ts';
import { type KeyCalls, revokeKeys } from './session-keys.ts';
import type { UserServices } from './user-services.ts';

/** What the requests act on. */
export interface HandlerParts extends AccountEndOptions {
  readonly credentials: CredentialFiles;
  readonly home: HomeOptions;
  /** `/run/xtreemos/home` */
  readonly homeVolumeDirectory: string;
  /** `/run/xtreemos/session` */
  readonly sessionDirectory: string;
  readonly tree: CgroupTree | undefined;
  readonly manager: ServiceManager | undefined;
  readonly keys: KeyCalls;
  readonly map: NssMapOptions;
  readonly sweep: Omit<AccountSweepOptions, 'launcher' | 'tree' | 'sessionDirectory' | 'isLeased'>;
  readonly hostCertificates: HostCertificateOptions;
  readonly services: UserServices;
  readonly ownPid: number;
}

/** A reply, and the descriptor that travels with it; the sender closes it. */
export interface HandledRequest {
  readonly reply: HelperReplies[HelperRequestType];
  readonly descriptor?: number;
}

/** Does what a parsed request of an entitled caller asks. `descriptors` stay the caller's. */
export type RequestHandler = (
  request: HelperRequest,
  descriptors: readonly number[],
) => Promise<HandledRequest>;

export function createRequestHandler(parts: HandlerParts): RequestHandler {
  const locks = createKeyedLock();
  return async (request, descriptors) => {
    const expected = request.type === 'write-session' || request.type === 'publish-map' ? 1 : 0;
    if (descriptors.length !== expected) {
      throw new XosError('XOS_INPUT_BAD', {
        what: 'The helper request',
        where: 'its descriptors',
        reason: `${descriptors.length} came, ${request.type} takes ${expected}`,
      });
    }
    return await locks.run(lockOf(request), () => handle(parts, request, descriptors));
  };
}

/** Requests about the same thing wait for each other. */
function lockOf(request: HelperRequest): string {
  if (request.type === 'make-home') return `home ${request.loginName}`;
  if (request.type === 'install-host-certificate') return `certificate ${request.vo} ${request.role}`;
  // A mount that takes its time must not keep the session's leader out of its cgroup.
  if (request.type === 'start-home' || request.type === 'stop-home') return `home volume ${request.uid}`;
  if ('uid' in request) return `uid ${request.uid}`;
  // Reading files and revoking keys needs no order, but a lock without waiters costs nothing.
  return request.type === 'publish-map' ? 'map' : `${request.type} ${nextUnshared++}`;
}
let nextUnshared = 0;

async function handle(
  parts: HandlerParts,
  request: HelperRequest,
  [descriptor = -1]: readonly number[],
): Promise<HandledRequest> {
  switch (request.type) {
    case 'list-credential-files':
      return { reply: await parts.credentials.list() };
    case 'open-credential-file': {
      const { descriptor: copy, ...reply } = await parts.credentials.open(request.name);
      return { reply, descriptor: copy };
    }
    case 'make-home':
      return { reply: await makeHome(request, parts.home) };
    case 'write-session':
      return { reply: await writeSession(request, descriptor, parts.sessionDirectory) };
    case 'remove-session': {
      const removed = await removeSession(request, parts.sessionDirectory);
      await parts.tree?.pruneOne(request.uid, request.sessionId);
      return { reply: { removed } };
    }
    case 'list-sessions':
      return { reply: await listSessions(request, parts.sessionDirectory) };
    case 'revoke-keys':
      return { reply: revokeKeys(request.serials, parts.keys) };
    case 'publish-map':
      return { reply: await publishMap(descriptor, parts.map) };
    case 'place-process':
      if (parts.manager !== undefined) return { reply: { placedBy: 'logind' } };
      return { reply: await placeProcess(request, parts.tree, parts.ownPid) };
    case 'end-account':
      return { reply: await endAccount(request.uid, parts) };
    case 'sweep':
      return { reply: await sweepAccount(request, { ...parts.sweep, ...sharedOf(parts) }) };
    case 'install-host-certificate':
      return { reply: await installHostCertificate(request, parts.hostCertificates) };
    case 'start-service':
      return { reply: await parts.services.start(request) };
    case 'stop-service':
      return { reply: await parts.services.stop(request) };
    case 'start-home':
      return { reply: await startHome(request, homeVolumesOf(parts)) };
    case 'stop-home':
      return { reply: await stopHome(request.uid, homeVolumesOf(parts)) };
  }
}

function sharedOf({ launcher, tree, sessionDirectory, isLeased }: HandlerParts) {
  return { launcher, tree, sessionDirectory, isLeased };
}

function homeVolumesOf({ manager, home, homeVolumeDirectory }: HandlerParts): HomeVolumeOptions {
  return { manager, homeRoot: home.root, directory: homeVolumeDirectory, skeleton: home.skeleton };
}

/** Closes what a handled request holds, when it cannot be sent. */
export function discard(handled: HandledRequest): void {
  if (handled.descriptor !== undefined) closeSync(handled.descriptor);
}
