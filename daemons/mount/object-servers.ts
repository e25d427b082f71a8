/** The OSDs of a volume: a connection to each, and calls that outlive it. */
import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import { type Answer, type Call, RpcError } from '@xtreemos/rpc';
import type { Connected, ServiceAddress } from '@xtreemos/xtreemfs';
import { type RetryPolicy, retried } from './retry.ts';
import { connectService, ServerLink } from './server-link.ts';

export interface ObjectServers {
  /** They know what is ours in the interface: sync, allocate, seek, checksums on the way. */
  readonly areOurs: boolean;
  /** Every call of the OSD may be made twice. @throws RpcError; while an OSD is away, as the policy says */
  call<Request extends DescMessage, Response extends DescMessage>(
    uuid: string,
    call: Call<Request, Response>,
    request: MessageInitShape<Request>,
    options?: { readonly data?: Uint8Array; readonly signal?: AbortSignal },
  ): Promise<Answer<Response>>;
  /** Told when a connection was made anew: the OSD may have forgotten what it keeps of clients. */
  onReconnect(listener: (uuid: string) => void): void;
  close(): void;
}

export interface ObjectServersOptions {
  readonly addressesOf: (uuid: string) => Promise<readonly ServiceAddress[]>;
  readonly connect: (address: ServiceAddress) => Promise<Connected>;
  readonly policy: RetryPolicy;
  /** For one attempt. */
  readonly timeoutMs: number;
  /** Default true. */
  readonly areOurs?: boolean;
}

export function createObjectServers(options: ObjectServersOptions): ObjectServers {
  const links = new Map<string, ServerLink>();
  const listeners: ((uuid: string) => void)[] = [];

  function linkTo(uuid: string): ServerLink {
    const known = links.get(uuid);
    if (known !== undefined) return known;
    let wasConnected = false;
    const link = new ServerLink(async () => {
      const addresses = await options.addressesOf(uuid);
      const connection = await connectService(addresses, `OSD ${uuid}`, options.connect);
      if (wasConnected) for (const tell of listeners) tell(uuid);
      wasConnected = true;
      return connection;
    });
    links.set(uuid, link);
    return link;
  }

  return {
    areOurs: options.areOurs ?? true,
    call: (uuid, call, request, { data, signal } = {}) =>
      retried(options.policy, signal, async () => {
        const link = linkTo(uuid);
        const connection = await link.connected();
        try {
          return await connection.rpc.call(call, request, {
            timeoutMs: options.timeoutMs,
            ...(data === undefined ? {} : { data }),
            ...(signal === undefined ? {} : { signal }),
          });
        } catch (error) {
          if (error instanceof RpcError && error.kind === 'timeout') link.distrust(connection);
          throw error;
        }
      }),
    onReconnect: (listener) => void listeners.push(listener),
    close() {
      for (const link of links.values()) link.close();
    },
  };
}
