import type { Socket } from 'node:net';
import { clientNetwork } from '@xtreemos/base';

export interface ConnectionLimits {
  /** Of all addresses. */
  readonly maximumConnections: number;
  /** Of one IPv4 address, or one IPv6 network of 64 bits. */
  readonly maximumConnectionsPerAddress: number;
}

/**
 * Who may be connected at once. Where all places are taken, the oldest connection that has not shown itself to be a client yet
 * (its handshake, or its first call, is not complete) makes room: who connects and is silent keeps nobody out.
 */
export class ConnectionPlaces {
  readonly #limits: ConnectionLimits;
  readonly #ofNetwork = new Map<string, number>();
  readonly #unproven = new Map<string, Socket>();
  #taken = 0;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  /** Connections, proven or not. */
  get taken(): number {
    return this.#taken;
  }

  /** A place until the socket closes. @returns why there is none, for people */
  take(socket: Socket): string | undefined {
    const { maximumConnections, maximumConnectionsPerAddress } = this.#limits;
    const network = clientNetwork(socket.remoteAddress ?? '');
    const ofNetwork = this.#ofNetwork.get(network) ?? 0;
    if (ofNetwork >= maximumConnectionsPerAddress)
      return `${network} has ${ofNetwork} connections, the most that MaximumConnectionsPerAddress= allows`;
    if (this.#taken >= maximumConnections && !this.#makeRoom())
      return `there are ${this.#taken} connections, the most that MaximumConnections= allows`;
    const key = endsOf(socket);
    this.#taken += 1;
    this.#ofNetwork.set(network, ofNetwork + 1);
    this.#unproven.set(key, socket);
    socket.once('close', () => {
      this.#taken -= 1;
      const left = (this.#ofNetwork.get(network) ?? 1) - 1;
      if (left === 0) this.#ofNetwork.delete(network);
      else this.#ofNetwork.set(network, left);
      if (this.#unproven.get(key) === socket) this.#unproven.delete(key);
    });
    return undefined;
  }

  /** The connection, or the one beneath it that TLS runs on, is a client's: it makes room for nobody. */
  prove(socket: Socket): void {
    this.#unproven.delete(endsOf(socket));
  }

  #makeRoom(): boolean {
    for (const [key, socket] of this.#unproven) {
      this.#unproven.delete(key);
      socket.resetAndDestroy();
      return true;
    }
    return false;
  }
}

/** The two ends of a connection, which tell a socket of TLS and the one beneath it from all others. */
function endsOf({ localAddress, localPort, remoteAddress, remotePort }: Socket): string {
  return `${localAddress} ${localPort} ${remoteAddress} ${remotePort}`;
}
