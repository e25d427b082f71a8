/** The MRC of a volume as the rest of the mount sees it: it is asked by node calls, whatever calls its server knows. */
import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type { AttachResponse, Call, CallUser, FileCredentials } from '@xtreemos/rpc';
import type { ReportedSize } from './file-size.ts';

export interface MetadataCallOptions<Response> {
  readonly user: CallUser;
  readonly signal?: AbortSignal;
  /** Of one attempt. */
  readonly timeoutMs?: number;
  /**
   * The call was made before and its answer lost, now it failed: whether that is because it had been carried out.
   * @returns the answer that was lost
   */
  readonly whenRepeated?: (error: unknown) => Promise<Response | undefined> | Response | undefined;
}

export interface Metadata {
  /** What the volume is. @throws Failure before `attach` succeeded */
  readonly volume: AttachResponse;
  readonly volumeId: string;
  /** How often the server was silent for long: it may have given to others meanwhile what this client had. */
  readonly silences: number;
  /** Tries once, unless the server is known to be there. @throws RpcError, Failure, system errors */
  attach(): Promise<AttachResponse>;
  /** @param call of `nodeCalls` @throws RpcError, as the retry policy says; Failure */
  call<Request extends DescMessage, Response extends DescMessage>(
    call: Call<Request, Response>,
    request: MessageInitShape<Request>,
    options: MetadataCallOptions<MessageShape<Response>>,
  ): Promise<MessageShape<Response>>;
  /** The second half of a truncation was done at the OSDs, with credentials that the MRC gave for the first one. @throws as `call` */
  objectsCut(credentials: FileCredentials, answer: ReportedSize): Promise<void>;
  /** A sign of life. @throws as `call` */
  keepAlive(signal?: AbortSignal): Promise<void>;
  close(): void;
}
