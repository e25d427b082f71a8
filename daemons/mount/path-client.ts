/** An MRC of XtreemFS 1.5 or 1.6, which knows calls by paths alone: node calls are made of them here. */
import { create, type DescMessage, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import {
  type AnyCall,
  type AttachResponse,
  AttachResponseSchema,
  type Call,
  type CallUser,
  type FileCredentials,
  metadataCalls,
  RpcError,
} from '@xtreemos/rpc';
import type { Connected, ServiceAddress } from '@xtreemos/xtreemfs';
import { Failure } from './call-failure.ts';
import type { ReportedSize } from './file-size.ts';
import type { Metadata, MetadataCallOptions } from './metadata.ts';
import type { NodePaths } from './node-paths.ts';
import type { ObjectServers } from './object-servers.ts';
import { servePathAttributes } from './path-attributes.ts';
import { type Asking, type ServeNodeCall, whoeverOpened } from './path-call.ts';
import { PathFiles } from './path-files.ts';
import { attributesOf } from './path-messages.ts';
import { servePathNames } from './path-names.ts';
import { type RetryPolicy, retried } from './retry.ts';
import { connectService, ServerLink } from './server-link.ts';

export interface PathClientOptions {
  readonly volumeName: string;
  readonly addresses: () => Promise<readonly ServiceAddress[]>;
  readonly connect: (address: ServiceAddress) => Promise<Connected>;
  readonly policy: RetryPolicy;
  readonly timeoutMs: number;
  readonly paths: NodePaths;
  readonly servers: ObjectServers;
  /** Nanoseconds since 1970. */
  readonly nowNs: () => bigint;
  readonly caller: () => CallUser;
}

type Handle = (request: unknown, asking: Asking) => Promise<unknown>;

export class PathClient implements Metadata {
  /** Such a server gives nothing away. */
  readonly silences = 0;
  readonly #options: PathClientOptions;
  readonly #link: ServerLink;
  readonly #handles = new Map<AnyCall, Handle>();
  #attached: AttachResponse | undefined;

  constructor(options: PathClientOptions) {
    this.#options = options;
    this.#link = new ServerLink(async () =>
      connectService(await options.addresses(), `volume ${options.volumeName}`, options.connect),
    );
    const serve: ServeNodeCall = (call, handle) =>
      void this.#handles.set(call as unknown as AnyCall, handle as Handle);
    const { volumeName, paths, servers, nowNs } = options;
    const parts = { serve, volumeName, paths, servers, nowNs };
    const files = new PathFiles(parts);
    servePathNames(parts, files);
    servePathAttributes(parts, files);
  }

  get volume(): AttachResponse {
    if (this.#attached === undefined) throw new RpcError('unreachable', 'the volume is not attached');
    return this.#attached;
  }

  get volumeId(): string {
    return this.volume.volumeId;
  }

  async attach(): Promise<AttachResponse> {
    if (this.#attached !== undefined) return this.#attached;
    const { volumeName, caller } = this.#options;
    const { ask } = await this.#asking(caller());
    const { fsid, defaultStripingPolicy: striping } = await ask(metadataCalls.statvfs, {
      volumeName,
      knownEtag: 0n,
    });
    const { stbuf } = await ask(metadataCalls.getattr, { volumeName, path: '/', knownEtag: 0n });
    this.#attached = create(AttachResponseSchema, {
      volumeId: fsid,
      root: attributesOf(stbuf),
      takesForeignIds: true,
      ...(striping === undefined ? {} : { striping }),
    });
    return this.#attached;
  }

  call<Request extends DescMessage, Response extends DescMessage>(
    call: Call<Request, Response>,
    request: MessageInitShape<Request>,
    { user, signal, timeoutMs, whenRepeated }: MetadataCallOptions<MessageShape<Response>>,
  ): Promise<MessageShape<Response>> {
    const handle = this.#handles.get(call as unknown as AnyCall);
    if (handle === undefined)
      return Promise.reject(new Failure('EOPNOTSUPP', `servers of XtreemFS have nothing like ${call.name}`));
    return retried(this.#options.policy, signal, async (isRepeated) => {
      try {
        const asking = await this.#asking(user, signal, timeoutMs);
        const answer = await handle(create(call.request, request), asking);
        return create(call.response, answer as MessageInitShape<Response>);
      } catch (error) {
        const known = isRepeated ? await whenRepeated?.(error) : undefined;
        if (known !== undefined) return known;
        throw error;
      }
    });
  }

  /** The MRC knows of a truncation when it is told what came of it. */
  async objectsCut({ xcap }: FileCredentials, { size, truncateEpoch }: ReportedSize): Promise<void> {
    if (xcap === undefined) throw new Failure('EIO', 'the MRC gave no capability');
    const osdWriteResponse = { sizeInBytes: BigInt(size), truncateEpoch };
    await retried(this.#options.policy, undefined, async () => {
      const { ask } = await this.#asking(whoeverOpened);
      await ask(metadataCalls.updateFileSize, { xcap, osdWriteResponse });
    });
  }

  /** Such a server knows nothing of its clients. */
  async keepAlive(): Promise<void> {}

  close(): void {
    this.#link.close();
  }

  async #asking(user: CallUser, signal?: AbortSignal, timeoutMs = this.#options.timeoutMs): Promise<Asking> {
    const connection = await this.#link.connected();
    return {
      user,
      ask: async (call, request) => {
        try {
          const options = { user, timeoutMs, ...(signal === undefined ? {} : { signal }) };
          return (await connection.rpc.call(call, request, options)).response;
        } catch (error) {
          if (error instanceof RpcError && error.kind === 'timeout') this.#link.distrust(connection);
          throw error;
        }
      },
    };
  }
}
