import { closeSync, writeSync } from 'node:fs';
import { errorFromBody, XosError } from '@xtreemos/base';
import { memfd, sealDescriptor } from '@xtreemos/native-sys';
import { decodeMessage, encodeMessage } from './helper-message.ts';
import type {
  EndAccountReply,
  HelperReplies,
  HelperRequest,
  HostRole,
  InstallHostCertificateReply,
  ListCredentialFilesReply,
  ListSessionsReply,
  MakeHomeReply,
  OpenCredentialFileReply,
  PlaceProcessReply,
  PublishMapReply,
  RemoveSessionReply,
  RevokeKeysReply,
  StartHomeReply,
  StartHomeRequest,
  StartServiceReply,
  StartServiceRequest,
  StopHomeReply,
  StopServiceReply,
  SweepReply,
  WriteSessionReply,
} from './helper-request.ts';
import { socketTransport } from './socket-transport.ts';

/** Default path of the helper's socket. */
export const helperSocketPath = '/run/xtreemos/helper/helper.sock';

/** One exchange: a message (without its length prefix) and descriptors to the helper, the same back. The caller owns what comes back. */
export type HelperTransport = (exchange: {
  readonly socketPath: string;
  readonly message: Buffer;
  readonly descriptors: readonly number[];
  readonly timeoutMs: number;
}) => Promise<{ readonly message: Buffer; readonly descriptors: readonly number[] }>;

export interface HelperClientOptions {
  /** Default `/run/xtreemos/helper/helper.sock`. */
  readonly socketPath?: string;
  /** For requests that answer at once, milliseconds; default 5,000. Sweeps and kills have 120,000. */
  readonly timeoutMs?: number;
  /** Default: the Unix socket. */
  readonly transport?: HelperTransport;
}

/** A credential file's private read-only copy. The caller closes `descriptor`. */
export interface OpenedCredentialFile extends OpenCredentialFileReply {
  readonly descriptor: number;
}

/**
 * What xos-helper does for its callers; each method is one request on one connection. Errors: XosError with the codes
 * that helper-request.ts names.
 */
export interface Helper {
  listCredentialFiles(): Promise<ListCredentialFilesReply>;
  openCredentialFile(name: string): Promise<OpenedCredentialFile>;
  makeHome(account: { uid: number; gid: number; loginName: string }): Promise<MakeHomeReply>;
  /** `credential`: PEM, at most 64 KiB. */
  writeSession(
    session: { uid: number; gid: number; sessionId: string },
    credential: Uint8Array,
  ): Promise<WriteSessionReply>;
  removeSession(session: { uid: number; sessionId: string }): Promise<RemoveSessionReply>;
  listSessions(afterUid: number): Promise<ListSessionsReply>;
  revokeKeys(serials: readonly number[]): Promise<RevokeKeysReply>;
  /** `map`: the whole NSS map. */
  publishMap(map: Uint8Array): Promise<PublishMapReply>;
  placeProcess(process: {
    pid: number;
    startTime: number;
    uid: number;
    sessionId: string;
  }): Promise<PlaceProcessReply>;
  endAccount(uid: number): Promise<EndAccountReply>;
  sweep(account: { uid: number; loginName: string }): Promise<SweepReply>;
  installHostCertificate(certificate: {
    vo: string;
    role: HostRole;
    pem: string;
  }): Promise<InstallHostCertificateReply>;
  startService(service: Omit<StartServiceRequest, 'type'>): Promise<StartServiceReply>;
  stopService(service: { name: string; uid: number }): Promise<StopServiceReply>;
  startHome(home: Omit<StartHomeRequest, 'type'>): Promise<StartHomeReply>;
  stopHome(uid: number): Promise<StopHomeReply>;
}

const longTimeoutMs = 120_000;

/** A client of the helper; holds nothing between requests. */
export function createHelperClient(options: HelperClientOptions = {}): Helper {
  const socketPath = options.socketPath ?? helperSocketPath;
  const transport = options.transport ?? socketTransport;
  const shortTimeoutMs = options.timeoutMs ?? 5_000;

  async function exchange<Type extends HelperRequest['type']>(
    request: Extract<HelperRequest, { type: Type }>,
    {
      descriptors = [],
      timeoutMs = shortTimeoutMs,
    }: { descriptors?: readonly number[]; timeoutMs?: number } = {},
  ): Promise<{ reply: HelperReplies[Type]; descriptors: readonly number[] }> {
    const answer = await transport({ socketPath, message: encodeMessage(request), descriptors, timeoutMs });
    try {
      return { reply: readReply<Type>(answer.message, request.type), descriptors: answer.descriptors };
    } catch (error) {
      closeAll(answer.descriptors);
      throw error;
    }
  }

  /** For requests whose reply carries no descriptor: any that came would leak. */
  async function ask<Type extends HelperRequest['type']>(
    request: Extract<HelperRequest, { type: Type }>,
    settings?: { descriptors?: readonly number[]; timeoutMs?: number },
  ): Promise<HelperReplies[Type]> {
    const { reply, descriptors } = await exchange<Type>(request, settings);
    closeAll(descriptors);
    return reply;
  }

  return {
    listCredentialFiles: () => ask<'list-credential-files'>({ type: 'list-credential-files' }),
    openCredentialFile: async (name) => {
      const { reply, descriptors } = await exchange<'open-credential-file'>({
        type: 'open-credential-file',
        name,
      });
      const [descriptor, ...others] = descriptors;
      closeAll(others);
      if (descriptor === undefined)
        throw protocolError('open-credential-file', 'the reply carries no descriptor');
      return { ...reply, descriptor };
    },
    makeHome: (account) => ask<'make-home'>({ type: 'make-home', ...account }, { timeoutMs: longTimeoutMs }),
    writeSession: (session, credential) =>
      withSealedMemory('xos-session-credential', credential, (descriptor) =>
        ask<'write-session'>({ type: 'write-session', ...session }, { descriptors: [descriptor] }),
      ),
    removeSession: (session) => ask<'remove-session'>({ type: 'remove-session', ...session }),
    listSessions: (afterUid) => ask<'list-sessions'>({ type: 'list-sessions', afterUid }),
    revokeKeys: (serials) => ask<'revoke-keys'>({ type: 'revoke-keys', serials }),
    publishMap: (map) =>
      withSealedMemory('xos-nss-map', map, (descriptor) =>
        ask<'publish-map'>({ type: 'publish-map' }, { descriptors: [descriptor], timeoutMs: longTimeoutMs }),
      ),
    placeProcess: (process) => ask<'place-process'>({ type: 'place-process', ...process }),
    endAccount: (uid) => ask<'end-account'>({ type: 'end-account', uid }, { timeoutMs: longTimeoutMs }),
    sweep: (account) => ask<'sweep'>({ type: 'sweep', ...account }, { timeoutMs: longTimeoutMs }),
    installHostCertificate: (certificate) =>
      ask<'install-host-certificate'>({ type: 'install-host-certificate', ...certificate }),
    startService: (service) =>
      ask<'start-service'>({ type: 'start-service', ...service }, { timeoutMs: longTimeoutMs }),
    stopService: (service) =>
      ask<'stop-service'>({ type: 'stop-service', ...service }, { timeoutMs: longTimeoutMs }),
    startHome: (home) => ask<'start-home'>({ type: 'start-home', ...home }, { timeoutMs: longTimeoutMs }),
    stopHome: (uid) => ask<'stop-home'>({ type: 'stop-home', uid }, { timeoutMs: longTimeoutMs }),
  };
}

/** `{ "reply": {...} }` or `{ "error": {...} }`. The helper is trusted, so the reply's fields are taken as they are. */
function readReply<Type extends HelperRequest['type']>(bytes: Buffer, attempt: Type): HelperReplies[Type] {
  const message = decodeMessage(bytes);
  if (message['error'] !== undefined) throw errorFromBody(message, { peer: 'xos-helper', attempt });
  const reply = message['reply'];
  if (typeof reply !== 'object' || reply === null)
    throw protocolError(attempt, 'neither a reply nor an error');
  return reply as HelperReplies[Type];
}

function protocolError(attempt: string, reason: string): XosError {
  return new XosError('XOS_PROTOCOL', { peer: 'xos-helper', attempt, reason });
}

function closeAll(descriptors: readonly number[]): void {
  for (const descriptor of descriptors) closeSync(descriptor);
}

/** Content travels as a sealed memfd: the receiver can trust its size and that it never changes. */
async function withSealedMemory<Value>(
  name: string,
  content: Uint8Array,
  use: (descriptor: number) => Promise<Value>,
): Promise<Value> {
  const descriptor = memfd(name);
  try {
    for (let written = 0; written < content.length; ) written += writeSync(descriptor, content, written);
    sealDescriptor(descriptor);
    return await use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
