/**
 * By which connection a client speaks. A mount that had no answer in time connects anew and says all again; what still lies unread in the
 * connection that it gave up must not be done after that, over what was written since.
 */
import type { ServerPeer, XCap } from '@xtreemos/rpc';
import { refusal } from '@xtreemos/xtreemfs';

/** Mounts have UUIDs; MRCs of XtreemFS name hosts or users, who may have several connections. */
const mount = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const mostClients = 10_000;

export interface Speaking {
  readonly peer: ServerPeer;
  /** Number of the connection. */
  readonly connection: number;
}

export class ClientConnections {
  /** Number of the newest connection, by host and client, who spoke longest ago first. */
  readonly #newest = new Map<string, number>();

  /** To be asked just before the change is made. @throws RpcError ECONNRESET */
  requireNewest(xcap: XCap | undefined, { peer, connection }: Speaking): void {
    const identity = xcap?.clientIdentity ?? '';
    if (!mount.test(identity)) return;
    const client = `${peer.kind === 'plain' ? '' : peer.hostname} ${identity}`;
    const newest = this.#newest.get(client) ?? connection;
    if (connection < newest) throw refusal('ECONNRESET', 'the client has connected anew since');
    this.#newest.delete(client);
    this.#newest.set(client, connection);
    if (this.#newest.size > mostClients)
      for (const [oldest] of this.#newest) if (this.#newest.delete(oldest)) break;
  }
}
