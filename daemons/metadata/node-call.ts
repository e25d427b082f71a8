import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type { Call, CallContext, RpcServer, ServerPeer } from '@xtreemos/rpc';
import { answered } from './call-refusal.ts';
import type { CapabilityIssuer } from './capability-issuer.ts';
import { StaleNodeError } from './errno-error.ts';
import type { FileSystem, Request } from './file-system.ts';
import type { NodeSessions } from './node-sessions.ts';
import type { OsdSelection } from './placement.ts';

export interface NodeCallParts {
  readonly server: RpcServer<ServerPeer>;
  readonly files: FileSystem;
  readonly sessions: NodeSessions;
  readonly issuer: CapabilityIssuer;
  readonly selection: OsdSelection;
  /** Number of this start of the server. */
  readonly start: number;
  readonly leaseMs: number;
}

type OfVolume = { readonly volumeId: string };

/** Serves a call about files of a volume that its connection attached, for the user of the call. */
export function serveNodeCall<RequestSchema extends DescMessage, ResponseSchema extends DescMessage>(
  { server, sessions }: NodeCallParts,
  call: Call<RequestSchema, ResponseSchema>,
  handle: (
    message: MessageShape<RequestSchema> & OfVolume,
    request: Request,
    context: CallContext<ServerPeer>,
  ) => Promise<MessageInitShape<ResponseSchema>> | MessageInitShape<ResponseSchema>,
): void {
  server.serve(call, (message, context) =>
    answered(async () => {
      const ofVolume = message as MessageShape<RequestSchema> & OfVolume;
      const request = sessions.request(context, ofVolume.volumeId);
      try {
        return { response: await handle(ofVolume, request, context) };
      } catch (error) {
        if (error instanceof StaleNodeError) sessions.noteStale(context.peer, ofVolume.volumeId, error.node);
        throw error;
      }
    }),
  );
}
