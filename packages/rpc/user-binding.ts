import type { KeyObject } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { reasonOf } from '@xtreemos/base';
import { parseCertificateChain, signBytes, validatePath, verifyBytes } from '@xtreemos/identity';
import type { RpcConnection } from './connection.ts';
import type { CallUser } from './header.ts';
import type { HostPeer, PeerTrust } from './host-peer.ts';
import { RpcError } from './rpc-error.ts';
import type { RpcServer } from './server.ts';
import { sessionCalls } from './session-calls.ts';

const exporterLabel = 'EXPORTER-xtreemos-fs-session-1';
const exporterBytes = 32;
const purpose = Buffer.from('XtreemOS binds a session to a connection v1\0');
const maximumChainBytes = 64 * 1024;
const maximumUsers = 4096;

/** A connection of a host, and the users that it may speak for. */
export interface BoundPeer extends HostPeer {
  readonly socket: TLSSocket;
  readonly users: Map<string, BoundUser>;
}

/** What a server knows of the other end; in plain text everybody is taken for whom he says. */
export type ServerPeer = BoundPeer | { readonly kind: 'plain' };

interface BoundUser {
  readonly groups: readonly string[];
  readonly endsMs: number;
}

export function boundPeer(peer: HostPeer, socket: TLSSocket): BoundPeer {
  return { ...peer, socket, users: new Map() };
}

/** What the proxy's key signs: of use on this one connection alone, whoever reads it. */
function bindingBytes(socket: TLSSocket): Buffer {
  return Buffer.concat([purpose, socket.exportKeyingMaterial(exporterBytes, exporterLabel, Buffer.alloc(0))]);
}

/** Tells the server at the other end that this connection speaks for the user of a session proxy. @throws RpcError */
export async function bindSession(
  connection: RpcConnection,
  socket: TLSSocket,
  session: { readonly chainPem: string; readonly key: KeyObject },
): Promise<{ readonly user: string; readonly endsMs: number }> {
  const { response } = await connection.call(sessionCalls.bind, {
    chain: Buffer.from(session.chainPem, 'latin1'),
    signature: signBytes(bindingBytes(socket), session.key),
  });
  return { user: response.user, endsMs: Number(response.endsMs) };
}

/**
 * Serves `bind`: the chain has to be good, limited to no other host than the peer, a proxy or session certificate, and its key has
 * to have signed this connection. A root of the peer's host can so act only for users who logged in there, until their sessions end.
 */
export function serveBinding<Peer extends ServerPeer>(server: RpcServer<Peer>, trust: PeerTrust): void {
  server.serve(sessionCalls.bind, ({ chain, signature }, { peer }) => {
    if (peer.kind === 'plain') throw new RpcError('user', 'plain text binds nobody');
    if (chain.length > maximumChainBytes) throw new RpcError('arguments', 'the chain is longer than 64 KiB');
    const { user, endsMs, groups } = judgeSession(Buffer.from(chain), Buffer.from(signature), peer, trust);
    for (const [name, bound] of peer.users) if (bound.endsMs <= trust.nowMs()) peer.users.delete(name);
    if (peer.users.size >= maximumUsers && !peer.users.has(user))
      throw new RpcError('user', `the connection speaks for ${maximumUsers} users already`);
    peer.users.set(user, { groups, endsMs });
    return { response: { user, endsMs: BigInt(endsMs) } };
  });
}

function judgeSession(
  chainPem: Buffer,
  signature: Buffer,
  peer: BoundPeer,
  trust: PeerTrust,
): { readonly user: string; readonly endsMs: number; readonly groups: readonly string[] } {
  try {
    const path = validatePath(parseCertificateChain(chainPem.toString('latin1')), {
      store: trust.store(),
      now: new Date(trust.nowMs()),
      voRoots: trust.voRoots(),
      presentedBy: peer.hostGuid,
    });
    if (path.user === undefined) throw new Error('it is not the certificate of a user');
    // The user's own certificate is good on every host: whoever got hold of its key would be he for its whole life.
    if (path.boundToHost === undefined) throw new Error('it is limited to no host');
    if (!verifyBytes(bindingBytes(peer.socket), signature, path.leaf.publicKey))
      throw new Error('its key did not sign this connection');
    const { user, vo, fqans } = path.user;
    return { user: `${user}@${vo}`, endsMs: path.notAfter.getTime(), groups: fqans };
  } catch (cause) {
    throw new RpcError('user', `the session is refused: ${reasonOf(cause)}`, { cause });
  }
}

/**
 * The user of a call, if the connection speaks for him now; groups are those of his certificate, whatever the caller says. No
 * name is no user: what needs none may be called.
 * @throws RpcError 'user'
 */
export function boundUserOf(peer: ServerPeer, claimed: CallUser, nowMs: number): CallUser {
  if (peer.kind === 'plain') return claimed;
  if (claimed.name === '') return { name: '', groups: [] };
  const bound = peer.users.get(claimed.name);
  if (bound === undefined) throw new RpcError('user', `${peer.hostname} does not speak for ${claimed.name}`);
  if (bound.endsMs <= nowMs)
    throw new RpcError('user', `the session of ${claimed.name} on ${peer.hostname} has ended`);
  return { name: claimed.name, groups: bound.groups };
}
