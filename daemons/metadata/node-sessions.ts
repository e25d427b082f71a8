import type { CallContext, ServerPeer } from '@xtreemos/rpc';
import { refusal } from './errno-error.ts';
import type { FileSystem, Request } from './file-system.ts';
import type { GuessGuard } from './guess-guard.ts';
import type { Volume } from './volume.ts';

interface Session {
  readonly clientId: string;
  readonly volumeIds: Set<string>;
}

const clientIdPattern = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/;

const mostClients = 10_000;

/** Which client is at the other end of a connection, and the volumes that it attached there. */
export class NodeSessions {
  readonly #files: FileSystem;
  readonly #guard: GuessGuard;
  readonly #sessions = new WeakMap<ServerPeer, Session>();
  /** By client. What still lies unread in a connection that a client gave up was asked again by the next one, and is not done after that. */
  readonly #newest = new Map<string, Session>();

  constructor(files: FileSystem, guard: GuessGuard) {
    this.#files = files;
    this.#guard = guard;
  }

  /** @throws ErrnoError ENOENT, EINVAL, EACCES when the client is another host's */
  attach(peer: ServerPeer, clientId: string, volumeName: string): Volume {
    if (!clientIdPattern.test(clientId)) throw refusal('EINVAL', 'a client id is a UUID in lower case');
    const known = this.#sessions.get(peer);
    if (known !== undefined && known.clientId !== clientId)
      throw refusal('EINVAL', 'the connection is another client’s');
    this.#files.parts.openFiles.greet(clientId, ownerOf(peer));
    const volume = this.#files.parts.volumes.named(volumeName);
    const session = known ?? { clientId, volumeIds: new Set() };
    session.volumeIds.add(volume.id);
    this.#sessions.set(peer, session);
    this.#newest.delete(clientId);
    this.#newest.set(clientId, session);
    if (this.#newest.size > mostClients)
      for (const [oldest] of this.#newest) if (this.#newest.delete(oldest)) break;
    return volume;
  }

  /** Of a call that no user need be there for. @throws ErrnoError ENOTCONN, ENOENT, EACCES */
  client(peer: ServerPeer, volumeId: string): { readonly clientId: string; readonly volume: Volume } {
    const session = this.#sessions.get(peer);
    if (session?.volumeIds.has(volumeId) !== true)
      throw refusal('ENOTCONN', 'the connection has not attached the volume');
    const { clientId } = session;
    if ((this.#newest.get(clientId) ?? session) !== session)
      throw refusal('ENOTCONN', 'the client has connected anew since');
    if (this.#guard.isBarred(ownerOf(peer)))
      throw refusal('EACCES', 'the client asked for files that never were');
    this.#files.parts.openFiles.greet(clientId, ownerOf(peer));
    return { clientId, volume: this.#files.parts.volumes.get(volumeId) };
  }

  /** After a call for a file that is not there: a number that no file ever had was guessed. */
  noteStale(peer: ServerPeer, volumeId: string, node: number): void {
    const { volumes, numbers } = this.#files.parts;
    const volume = volumes.all.find(({ id }) => id === volumeId);
    if (volume === undefined || numbers.isGenuine(volume.number, node)) return;
    this.#guard.note(ownerOf(peer), peer.kind === 'host' ? peer.hostname : 'the test network');
  }

  /** @throws ErrnoError ENOTCONN, ENOENT, EACCES */
  request({ peer, user }: Pick<CallContext<ServerPeer>, 'peer' | 'user'>, volumeId: string): Request {
    const { clientId, volume } = this.client(peer, volumeId);
    return this.#files.request(volume, user, clientId, peer.kind === 'host' ? peer.hostname : undefined);
  }
}

/** Client ids belong to hosts: what one has open no other closes. */
function ownerOf(peer: ServerPeer): string {
  return peer.kind === 'host' ? peer.hostGuid : 'plain';
}
