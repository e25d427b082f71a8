import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import { type Certificate, parseCertificate } from './certificate.ts';

/** The certificates that the peer of a TLS connection sent, leaf first, each once; empty when it sent none. */
export function peerChain(socket: TLSSocket): readonly Certificate[] {
  const chain: Certificate[] = [];
  const seen = new Set<string>();
  let peer: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (peer?.raw !== undefined && !seen.has(peer.fingerprint256)) {
    seen.add(peer.fingerprint256);
    chain.push(parseCertificate(peer.raw));
    peer = peer.issuerCertificate;
  }
  return chain;
}
