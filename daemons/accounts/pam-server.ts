import { createServer, type Server, type Socket } from 'node:net';
import { isXosError, type Logger, reasonOf, type XosError } from '@xtreemos/base';
import {
  type DaemonMessage,
  ModuleConnection,
  type ModuleMessage,
  PAM_CODE,
  PROMPT_STYLE,
  ProtocolError,
  TEXT_MAX_BYTES,
} from '@xtreemos/module-protocol';
import { type PeerCredentials, peerCredentials, socketDescriptor } from '@xtreemos/native-sys';
import type { AccountAccess } from './account-access.ts';
import { events } from './account-events.ts';
import type { Dialogue, LoginConversation } from './login-conversation.ts';
import type { SessionProof } from './login-handle.ts';
import type { OpenedSession, SessionService } from './session-service.ts';

export interface PamServerOptions {
  readonly access: AccountAccess;
  readonly conversation: LoginConversation;
  readonly sessions: SessionService;
  /** What a handle or an SSH certificate stands for; undefined when there is none. */
  readonly sessionProof: (
    login: string,
    handle: string,
    sshAuthInfo: string,
  ) => Promise<SessionProof | undefined>;
  readonly principals: (request: Extract<ModuleMessage, { type: 'principals' }>) => readonly string[];
  readonly mayAskPrincipals: (uid: number) => boolean;
  readonly logger: Logger;
  readonly onAnswered: (request: ModuleMessage['type'], pamCode: number, seconds: number) => void;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
  /** How a peer is recognised; tests run as one uid and speak for others. */
  readonly peer?: (socket: Socket) => PeerCredentials;
  /** Milliseconds for a person to answer a prompt, and for a connection to send its first request. */
  readonly answerTimeoutMs?: number;
  readonly requestTimeoutMs?: number;
}

/** Connections at once, of one uid and in all: a stranger's many idle ones must not keep people from logging in. */
const MAXIMUM_CONNECTIONS = 512;
const MAXIMUM_PER_USER = 16;

type Request = Exclude<ModuleMessage, { type: 'response' | 'sessionKey' }>;

/** pam.sock: what pam_xos and xos-ssh-principals ask. Each connection carries one request and what belongs to it. */
export function createPamServer(options: PamServerOptions): Server {
  const perUser = new Map<number, number>();
  const server = createServer((socket) => {
    let peer: PeerCredentials;
    try {
      peer = (options.peer ?? ((connected) => peerCredentials(socketDescriptor(connected))))(socket);
    } catch {
      // It hung up before it was looked at.
      socket.destroy();
      return;
    }
    const count = (perUser.get(peer.uid) ?? 0) + 1;
    if (peer.uid !== 0 && count > MAXIMUM_PER_USER) {
      socket.destroy();
      return;
    }
    perUser.set(peer.uid, count);
    socket.once('close', () => {
      const left = (perUser.get(peer.uid) ?? 1) - 1;
      if (left === 0) perUser.delete(peer.uid);
      else perUser.set(peer.uid, left);
    });
    const connection = new ModuleConnection(socket);
    serve(connection, peer, socket, options)
      .catch((error: unknown) => {
        const isPeer = error instanceof ProtocolError;
        options.logger[isPeer ? 'notice' : 'error'](
          isPeer ? events.clientRefused : events.requestFailed,
          `PAM request of uid ${peer.uid} pid ${peer.pid} failed: ${reasonOf(error)}`,
          { userId: peer.uid, processId: peer.pid },
        );
        connection.destroy();
      })
      .finally(() => connection.close());
  });
  server.maxConnections = MAXIMUM_CONNECTIONS;
  return server;
}

async function serve(
  connection: ModuleConnection,
  peer: PeerCredentials,
  socket: Socket,
  options: PamServerOptions,
): Promise<void> {
  socket.setTimeout(options.requestTimeoutMs ?? 5000, () => socket.destroy());
  const request = await connection.next();
  if (request === undefined) return;
  if (request.type === 'response' || request.type === 'sessionKey') {
    throw new ProtocolError(`${request.type} without a request`);
  }
  const startedAt = performance.now();
  const answered = (code: number) =>
    options.onAnswered(request.type, code, (performance.now() - startedAt) / 1000);
  if (request.type.startsWith('get')) throw new ProtocolError(`${request.type} belongs on nss.sock`);
  if (!isAllowed(request, peer, options)) {
    options.logger.notice(events.clientRefused, `uid ${peer.uid} may not ask ${request.type}`, {
      userId: peer.uid,
      processId: peer.pid,
    });
    answered(PAM_CODE.PERM_DENIED);
    if (request.type === 'principals') connection.send({ type: 'principalList', names: [] });
    else connection.send(resultOf(PAM_CODE.PERM_DENIED, ''));
    return;
  }
  // While the daemon works the module waits by its heartbeats; while a person thinks, by the prompt.
  socket.setTimeout(0);
  connection.working();
  try {
    const answer = await answerTo(request, connection, peer, socket, options);
    answered(answer?.type === 'result' ? answer.pamCode : PAM_CODE.SUCCESS);
    if (answer !== undefined) connection.send(answer);
  } catch (error) {
    if (error instanceof ProtocolError) throw error;
    const code = pamCodeOf(error, request.type);
    answered(code);
    if (!isXosError(error)) {
      options.logger.error(events.requestFailed, `${request.type} failed: ${reasonOf(error)}`, {
        error: error instanceof Error ? error : null,
      });
    }
    connection.send(resultOf(code, messageFor(error)));
  }
}

async function answerTo(
  request: Request,
  connection: ModuleConnection,
  peer: PeerCredentials,
  socket: Socket,
  options: PamServerOptions,
): Promise<DaemonMessage | undefined> {
  const { access, conversation, sessions } = options;
  switch (request.type) {
    case 'authenticate': {
      const context = { service: request.service, tty: request.tty, remoteHost: request.rhost };
      const dialogue = dialogueOver(connection, socket, options.answerTimeoutMs ?? 60_000);
      const handle = await conversation.authenticate(request.user, context, dialogue);
      return resultOf(PAM_CODE.SUCCESS, '', handle);
    }
    case 'account': {
      const account = access.find(request.user);
      if (account === undefined) return resultOf(PAM_CODE.USER_UNKNOWN, '');
      access.check(account, 'login', {
        service: request.service,
        tty: request.tty,
        remoteHost: request.rhost,
      });
      await access.lease(account);
      return resultOf(PAM_CODE.SUCCESS, '');
    }
    case 'openSession': {
      const account = access.find(request.user);
      if (account === undefined) return resultOf(PAM_CODE.USER_UNKNOWN, '');
      const context = { service: request.service, tty: request.tty, remoteHost: request.rhost };
      const proof = await options.sessionProof(request.user, request.handle, request.sshAuthInfo);
      const opened = await sessions.open(account, context, peer.pid, proof);
      if (opened.credential === undefined) await placedOrClosed(opened, sessions);
      const lifeSeconds = Math.floor(((opened.credential?.expiresAtMs ?? 0) - options.nowMs()) / 1000);
      connection.send({
        type: 'session',
        sessionId: opened.sessionId,
        credential: Buffer.from(opened.credential?.pem ?? ''),
        credentialTimeoutSeconds: opened.credential === undefined ? 0 : Math.max(1, lifeSeconds),
        environment: opened.environment,
        message: fitting(opened.message),
      });
      if (opened.credential === undefined) return undefined;
      return noteKey(opened, connection, socket, options);
    }
    case 'closeSession':
      await sessions.close(request.sessionId);
      return resultOf(PAM_CODE.SUCCESS, '');
    case 'principals':
      return { type: 'principalList', names: options.principals(request) };
    default:
      throw new ProtocolError(`${request.type} belongs on nss.sock`);
  }
}

/** The module does not ask again about a session that it was not told of. */
async function placedOrClosed(opened: OpenedSession, sessions: SessionService): Promise<void> {
  try {
    await opened.placed;
  } catch (error) {
    await sessions.close(opened.sessionId);
    throw error;
  }
}

async function noteKey(
  { sessionId, placed }: OpenedSession,
  connection: ModuleConnection,
  socket: Socket,
  { sessions, requestTimeoutMs }: PamServerOptions,
): Promise<DaemonMessage | undefined> {
  socket.setTimeout(requestTimeoutMs ?? 5000, () => socket.destroy());
  const key = await connection.next();
  if (key === undefined) return undefined;
  if (key.type !== 'sessionKey' || key.sessionId !== sessionId) {
    throw new ProtocolError(`${key.type} where the key of session ${sessionId} was due`);
  }
  // Moving the leader can take a busy kernel long.
  socket.setTimeout(0);
  connection.working();
  await sessions.setKey(sessionId, key.keySerial);
  await placed;
  return resultOf(PAM_CODE.SUCCESS, '');
}

/** Root speaks for everybody; a person's own programs (a screen locker) only for the person. */
function isAllowed(request: Request, peer: PeerCredentials, options: PamServerOptions): boolean {
  if (peer.uid === 0) return true;
  switch (request.type) {
    case 'authenticate':
    case 'account':
      return options.access.find(request.user)?.assignment.uid === peer.uid;
    case 'principals':
      return options.mayAskPrincipals(peer.uid);
    default:
      return false;
  }
}

function dialogueOver(connection: ModuleConnection, socket: Socket, timeoutMs: number): Dialogue {
  const exchange = async (style: number, text: string): Promise<Buffer> => {
    connection.send({ type: 'prompt', style, text: fitting(text) });
    socket.setTimeout(timeoutMs, () => socket.destroy());
    const response = await connection.next();
    socket.setTimeout(0);
    if (response === undefined) throw new ProtocolError('the module hung up in the conversation');
    if (response.type !== 'response') throw new ProtocolError(`${response.type} where a response was due`);
    connection.working();
    return response.text;
  };
  return {
    ask: (prompt, echo) => exchange(echo ? PROMPT_STYLE.ECHO_ON : PROMPT_STYLE.ECHO_OFF, prompt),
    tell: async (text) => {
      await exchange(PROMPT_STYLE.ERROR, text);
    },
  };
}

function resultOf(pamCode: number, message: string, handle = ''): DaemonMessage {
  return { type: 'result', pamCode, message: fitting(message), handle };
}

/** pam_sm_authenticate(3), pam_sm_acct_mgmt(3) and pam_sm_open_session(3) each name the codes they may return. */
function pamCodeOf(error: unknown, request: Request['type']): number {
  const code = isXosError(error) ? error.code : undefined;
  const isOutOfReach = code === 'XOS_UNREACHABLE' || code === 'XOS_TIMEOUT';
  if (request === 'openSession' || request === 'closeSession') return PAM_CODE.SESSION_ERR;
  if (request === 'account') {
    if (code === 'XOS_MEMBER_EXPIRED') return PAM_CODE.ACCT_EXPIRED;
    if (code === 'XOS_MEMBERSHIP_STALE' || code === 'XOS_STORAGE_FULL' || isOutOfReach) {
      return PAM_CODE.AUTHINFO_UNAVAIL;
    }
    return code === 'XOS_ACCOUNT_REFUSED' || code === 'XOS_LEASE_CONFLICT'
      ? PAM_CODE.PERM_DENIED
      : PAM_CODE.SYSTEM_ERR;
  }
  if (isOutOfReach) return PAM_CODE.AUTHINFO_UNAVAIL;
  if (code === undefined) return PAM_CODE.SYSTEM_ERR;
  return code === 'XOS_RATE_LIMITED' ? PAM_CODE.MAXTRIES : PAM_CODE.AUTH_ERR;
}

/** Sentences of the registry are for people; anything else is a defect whose text is for the log alone. */
function messageFor(error: unknown): string {
  if (!isXosError(error)) return 'Logging in failed here for a reason that the journal of this host has';
  return isSilent(error) ? '' : error.message;
}

/** What would tell a stranger whether a name exists is not said. */
function isSilent(error: XosError): boolean {
  return error.code === 'XOS_AUTHENTICATION_FAILED' || error.code === 'XOS_CREDENTIAL_PASSPHRASE';
}

/**
 * Names of files and sentences of VO services end on somebody's terminal: what could steer it, or turn the direction of
 * the line, is replaced.
 */
export function fitting(text: string): string {
  const bytes = Buffer.from(text.replace(steering, '?'), 'utf8');
  return bytes.length <= TEXT_MAX_BYTES
    ? bytes.toString('utf8')
    : `${bytes
        .subarray(0, TEXT_MAX_BYTES - 8)
        .toString('latin1')
        .replace(/[^\x20-\x7e]/g, '?')}...`;
}

/** Control characters of both sets but the line feed, separators of lines, and marks of direction. */
const steering = /[^\P{Cc}\n]|[\u2028-\u202e\u2066-\u2069]/gu;
