/** Our MRC, which knows node calls: calls for users, which outlive a connection and a restart of the server. */
import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import {
  type AttachResponse,
  type Call,
  type CallUser,
  nobody,
  nodeCalls,
  RpcError,
  type XCap,
} from '@xtreemos/rpc';
import type { Connected, ServiceAddress } from '@xtreemos/xtreemfs';
import { isErrno } from './call-failure.ts';
import type { Metadata, MetadataCallOptions } from './metadata.ts';
import { type RetryPolicy, retried } from './retry.ts';
import { connectService, ServerLink } from './server-link.ts';

/** A file that is open here, as it is claimed when the server does not know of it any more. */
export interface Claim {
  readonly handle: bigint;
  readonly xcap: XCap;
  readonly user: CallUser;
  /** 0: it has none. */
  readonly appendTurn: bigint;
}

export interface MetadataClientOptions {
  readonly volumeName: string;
  /** A UUID; OSDs know the locks of this client by it. */
  readonly clientId: string;
  readonly addresses: () => Promise<readonly ServiceAddress[]>;
  readonly connect: (address: ServiceAddress) => Promise<Connected>;
  /** Has a connection speak for the user, if there is a session that it can be proved with. */
  readonly bind: (connection: Connected, user: CallUser) => Promise<void>;
  /** Whose home the mount is of; undefined: of the whole volume. */
  readonly homeOf?: () => CallUser;
  readonly policy: RetryPolicy;
  readonly timeoutMs: number;
  readonly claims: () => readonly Claim[];
  /** Files that are open no more: they were removed while the server did not know of it. */
  readonly onLost: (handles: readonly bigint[]) => void;
}

/** Messages of a server have 256 KiB at most, a claim has some 400 bytes. */
const claimsAtOnce = 400;
/** Signs of life come each 10 s. */
const mostSilenceMs = 15_000;

export class MetadataClient implements Metadata {
  readonly #options: MetadataClientOptions;
  readonly #link: ServerLink;
  #attached: AttachResponse | undefined;
  #lastSignMs = 0;
  #silences = 0;

  constructor(options: MetadataClientOptions) {
    this.#options = options;
    this.#link = new ServerLink(() => this.#connect());
  }

  get volume(): AttachResponse {
    if (this.#attached === undefined) throw new RpcError('unreachable', 'the volume is not attached');
    return this.#attached;
  }

  get volumeId(): string {
    return this.volume.volumeId;
  }

  async attach(): Promise<AttachResponse> {
    await this.#link.connected();
    return this.volume;
  }

  get silences(): number {
    return this.#silences + (this.#isSilent ? 1 : 0);
  }

  get #isSilent(): boolean {
    const mostMs = Math.min(mostSilenceMs, (this.#attached?.leaseMs ?? 0) / 2);
    return this.#options.policy.monotonicMs() - this.#lastSignMs > mostMs;
  }

  #signed(): void {
    this.#silences = this.silences;
    this.#lastSignMs = this.#options.policy.monotonicMs();
  }

  call<Request extends DescMessage, Response extends DescMessage>(
    call: Call<Request, Response>,
    request: MessageInitShape<Request>,
    { user, signal, timeoutMs, whenRepeated }: MetadataCallOptions<MessageShape<Response>>,
  ): Promise<MessageShape<Response>> {
    return retried(this.#options.policy, signal, async (isRepeated) => {
      const connection = await this.#link.connected();
      if (user.name !== '') await this.#options.bind(connection, user);
      try {
        const answer = await connection.rpc.call(call, request, {
          user,
          timeoutMs: timeoutMs ?? this.#options.timeoutMs,
          ...(signal === undefined ? {} : { signal }),
        });
        this.#signed();
        return answer.response;
      } catch (error) {
        if (error instanceof RpcError && error.kind === 'timeout') this.#link.distrust(connection);
        if (isErrno(error, 'ENOTCONN')) {
          this.#link.distrust(connection);
          throw new RpcError('unreachable', 'the server has forgotten this client', { cause: error });
        }
        const known = isRepeated ? await whenRepeated?.(error) : undefined;
        if (known !== undefined) return known;
        throw error;
      }
    });
  }

  /** It cuts files itself, and knew the size before. */
  async objectsCut(): Promise<void> {}

  /** When the last sign of life is so old that the server may have ended what is open here, it is claimed. */
  async keepAlive(signal?: AbortSignal): Promise<void> {
    const { volumeId, leaseMs } = this.volume;
    const silentMs = this.#options.policy.monotonicMs() - this.#lastSignMs;
    await this.call(
      nodeCalls.keepAlive,
      { volumeId, claims: [] },
      { user: nobody, ...(signal === undefined ? {} : { signal }) },
    );
    if (silentMs > leaseMs * 0.9) await this.#claim(await this.#link.connected(), volumeId);
  }

  close(): void {
    this.#link.close();
  }

  async #connect(): Promise<Connected> {
    const { addresses, connect, bind, homeOf, volumeName, clientId, timeoutMs } = this.#options;
    const connection = await connectService(await addresses(), `volume ${volumeName}`, connect);
    try {
      const user = homeOf?.();
      if (user !== undefined) await bind(connection, user);
      const { response } = await connection.rpc.call(
        nodeCalls.attach,
        { volumeName, clientId, protocolVersion: 1, home: user !== undefined },
        { timeoutMs, ...(user === undefined ? {} : { user }) },
      );
      const isFirst = this.#attached === undefined;
      this.#attached = response;
      if (!isFirst) await this.#claim(connection, response.volumeId);
      this.#signed();
      return connection;
    } catch (error) {
      connection.rpc.close();
      throw error;
    }
  }

  async #claim(connection: Connected, volumeId: string): Promise<void> {
    const byUser = Map.groupBy(this.#options.claims(), ({ user }) => user.name);
    const lost: bigint[] = [];
    for (const claims of byUser.values()) {
      const [first] = claims;
      if (first === undefined) continue;
      await this.#options.bind(connection, first.user);
      for (let at = 0; at < claims.length; at += claimsAtOnce) {
        const some = claims.slice(at, at + claimsAtOnce).map(({ user: _, ...claim }) => claim);
        const { response } = await connection.rpc.call(
          nodeCalls.keepAlive,
          { volumeId, claims: some },
          { user: first.user, timeoutMs: this.#options.timeoutMs },
        );
        lost.push(...response.lost);
      }
    }
    if (lost.length > 0) this.#options.onLost(lost);
  }
}
