import type { Connected, ServiceAddress } from '@xtreemos/xtreemfs';
import { Failure } from './call-failure.ts';

/** Tries a service's addresses in turn. @throws what the last one failed with; Failure EIO when there is none */
export async function connectService(
  addresses: readonly ServiceAddress[],
  what: string,
  connect: (address: ServiceAddress) => Promise<Connected>,
): Promise<Connected> {
  let failure: unknown = new Failure('EIO', `the DIR does not know where ${what} is`);
  for (const address of addresses) {
    try {
      return await connect(address);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/** A connection to one server, made when it is wanted, and anew when it has ended. */
export class ServerLink<Connection extends Connected = Connected> {
  readonly #connect: () => Promise<Connection>;
  #current: Promise<Connection> | undefined;
  #isClosed = false;

  /** @param connect also does what has to be done first on each connection */
  constructor(connect: () => Promise<Connection>) {
    this.#connect = connect;
  }

  async connected(): Promise<Connection> {
    const before = this.#current;
    const known = await before?.catch(() => undefined);
    if (known !== undefined && known.rpc.ended === undefined) return known;
    if (this.#isClosed) throw new Failure('ENOTCONN', 'the volume is being unmounted');
    // Another who waited may have made one meanwhile.
    const made = this.#current === undefined || this.#current === before ? this.#connect() : this.#current;
    this.#current = made;
    // A failure is seen by those who wait for it.
    made.catch(() => undefined);
    return made;
  }

  /** A connection on which an answer did not come is given up: its server may be gone without a word. */
  distrust(connection: Connection): void {
    connection.rpc.close();
  }

  close(): void {
    this.#isClosed = true;
    void this.#current?.then(({ rpc }) => rpc.close()).catch(() => undefined);
  }
}
