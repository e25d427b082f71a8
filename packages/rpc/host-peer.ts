import type { TLSSocket } from 'node:tls';
import { XosError } from '@xtreemos/base';
import { type HostRole, peerChain, type TrustStore, validatePath } from '@xtreemos/identity';

/** What peers are judged by; asked anew for each of them. */
export interface PeerTrust {
  readonly store: () => TrustStore;
  /** VO id to the fingerprint of the root that it hangs under. */
  readonly voRoots: () => ReadonlyMap<string, string>;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
}

/** The host at the other end of a TLS connection, by its certificate. */
export interface HostPeer {
  readonly kind: 'host';
  readonly role: HostRole;
  readonly vo: string;
  readonly hostGuid: string;
  /** As the VO registered it. */
  readonly hostname: string;
  /** Milliseconds since 1970: when its certificate ends. */
  readonly notAfterMs: number;
}

/**
 * Judges the peer's certificate: chain, signing policy, revocation, VO, and that its role is one of `roles`.
 * @throws XosError XOS_CHAIN_*, XOS_CREDENTIAL_*, XOS_CRL_UNUSABLE
 */
export function hostPeerOf(socket: TLSSocket, trust: PeerTrust, roles: readonly HostRole[]): HostPeer {
  const { host, notAfter } = validatePath(peerChain(socket), {
    store: trust.store(),
    now: new Date(trust.nowMs()),
    voRoots: trust.voRoots(),
    allowProxies: false,
  });
  if (host?.vo === undefined || host.hostGuid === undefined || !roles.includes(host.role)) {
    const actual = host === undefined ? 'user' : `host (${host.role})`;
    throw new XosError('XOS_CREDENTIAL_KIND', { actual, wanted: `host (${roles.join(', ')})` });
  }
  const { role, vo, hostGuid, hostname } = host;
  return { kind: 'host', role, vo, hostGuid, hostname, notAfterMs: notAfter.getTime() };
}
