import type { KeyObject } from 'node:crypto';
import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect, type TLSSocket } from 'node:tls';
import { errorFromBody, isXosError, reasonOf, XosError } from '@xtreemos/base';
import { type ServerTrust, verifyServer } from './server-trust.ts';

/** Who presents the TLS client certificate: a user credential, or host role accounts. */
export interface ClientCredential {
  /** PEM, the end-entity certificate first, then its issuers without the root. */
  readonly certificateChain: string;
  readonly privateKey: KeyObject;
}

/** What stands before the path of the admin socket in a service URL. */
const unixScheme = 'unix:';

/** `unix:PATH`: HTTP over the local administrator's socket. */
export function adminSocketUrl(path: string): string {
  return `${unixScheme}${path}`;
}

export interface ConnectionOptions {
  readonly url: string;
  readonly trust?: ServerTrust;
  readonly credential?: ClientCredential;
  readonly timeoutMs: number;
  readonly nowMs: () => number;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** "approve alice": continues "Could not ... while asked to". */
  readonly attempt: string;
}

/** A membership list of 100,000 members stays below. */
const maximumAnswerBytes = 64 * 1024 * 1024;

/** Keep-alive connections to one VO service. Nothing is sent before the server's certificate was judged. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #agent: HttpAgent | HttpsAgent;
  readonly #target: Readonly<Record<string, string | number>>;
  readonly #isTls: boolean;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    if (options.url.startsWith(unixScheme)) {
      this.#isTls = false;
      this.#target = { socketPath: options.url.slice(unixScheme.length) };
      this.#agent = new HttpAgent({ keepAlive: true });
    } else {
      const url = URL.parse(options.url);
      if (url?.protocol !== 'https:') {
        throw new XosError('XOS_INPUT_BAD', {
          what: 'service URL',
          where: options.url,
          reason: 'it has to start with https:// (or unix: for the admin socket)',
        });
      }
      this.#isTls = true;
      const host = url.hostname.replace(/^\[|\]$/g, '');
      const port = url.port === '' ? 7443 : Number(url.port);
      this.#target = { host, port };
      this.#agent = new VerifyingAgent(options, host, port);
    }
  }

  get isAdminSocket(): boolean {
    return !this.#isTls;
  }

  close(): void {
    this.#agent.destroy();
  }

  /** The whole answer; rejects with the error that a status of 400 and above reports. */
  async call(call: Call): Promise<Answer> {
    const signal = AbortSignal.timeout(this.#options.timeoutMs);
    try {
      const message = await this.#sendOnLiveConnection(call, signal);
      const answer = {
        status: message.statusCode ?? 0,
        headers: message.headers,
        body: await readAll(message),
      };
      if (answer.status >= 400) throw this.#errorOf(call, answer);
      return answer;
    } catch (error) {
      throw this.#explain(call, error, signal.aborted);
    }
  }

  /** The answer's body as it arrives; the time-out covers only the wait for its head. */
  async stream(call: Call, signal: AbortSignal): Promise<IncomingMessage> {
    const headTimeout = new AbortController();
    const timer = setTimeout(() => headTimeout.abort(), this.#options.timeoutMs);
    try {
      const message = await this.#send(call, AbortSignal.any([signal, headTimeout.signal]), signal);
      const status = message.statusCode ?? 0;
      if (status >= 400)
        throw this.#errorOf(call, { status, headers: message.headers, body: await readAll(message) });
      return message;
    } catch (error) {
      throw this.#explain(call, error, headTimeout.signal.aborted);
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * A kept connection may be closed by the service in the moment it is used again: what changes nothing is then asked
   * once more (RFC 9110 9.2.2); what changes something may have been done, and is not.
   */
  async #sendOnLiveConnection(call: Call, signal: AbortSignal): Promise<IncomingMessage> {
    try {
      return await this.#send(call, signal);
    } catch (error) {
      if (call.method !== 'GET' || !(error instanceof StaleConnection)) throw error;
      return this.#send(call, signal);
    }
  }

  #send(call: Call, headSignal: AbortSignal, bodySignal: AbortSignal = headSignal): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const body = call.body === undefined ? undefined : Buffer.from(JSON.stringify(call.body));
    const headers = {
      accept: 'application/json',
      ...(body === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': String(body.length) }),
      ...call.headers,
    };
    const open = this.#isTls ? httpsRequest : httpRequest;
    const request: ClientRequest = open({
      ...this.#target,
      agent: this.#agent as HttpsAgent,
      method: call.method,
      path: call.path,
      headers,
    });
    const abort = () => request.destroy(new Error('aborted'));
    if (headSignal.aborted) abort();
    headSignal.addEventListener('abort', abort, { once: true });
    request.once('response', (message) => {
      if (headSignal !== bodySignal) {
        headSignal.removeEventListener('abort', abort);
        bodySignal.addEventListener('abort', abort, { once: true });
      }
      message.once('close', () => {
        headSignal.removeEventListener('abort', abort);
        bodySignal.removeEventListener('abort', abort);
      });
      resolve(message);
    });
    request.once('error', (error) => {
      headSignal.removeEventListener('abort', abort);
      const wasKept = request.reusedSocket && (error as NodeJS.ErrnoException).code === 'ECONNRESET';
      reject(wasKept ? new StaleConnection(error.message, { cause: error }) : error);
    });
    request.end(body);
    return promise;
  }

  #errorOf(call: Call, answer: Answer): XosError {
    let body: unknown;
    try {
      body = JSON.parse(answer.body.toString('utf8'));
    } catch {
      body = { error: { message: `HTTP status ${answer.status}` } };
    }
    return errorFromBody(body, { peer: 'The VO service', attempt: call.attempt });
  }

  #explain(call: Call, error: unknown, timedOut: boolean): XosError {
    if (isXosError(error)) return error;
    if (timedOut) {
      const timeoutMs = this.#options.timeoutMs;
      return new XosError(
        'XOS_TIMEOUT',
        { what: `The VO service at ${this.#options.url}`, timeoutMs, attempt: call.attempt },
        { cause: error },
      );
    }
    return unreachable(this.#options.url, reasonOf(error), error);
  }
}

/** The service had closed a kept connection before the request reached it, or while it did. */
class StaleConnection extends Error {}

export function unreachable(url: string, reason: string, cause?: unknown): XosError {
  return new XosError('XOS_UNREACHABLE', { what: 'the VO service', address: url, reason }, { cause });
}

/** Hands a socket to the HTTP layer only after our own validator accepted the server (Node's knows no signing policy). */
class VerifyingAgent extends HttpsAgent {
  readonly #connection: ConnectionOptions;
  readonly #host: string;
  readonly #port: number;

  constructor(connection: ConnectionOptions, host: string, port: number) {
    super({ keepAlive: true, maxSockets: 64 });
    this.#connection = connection;
    this.#host = host;
    this.#port = port;
  }

  override createConnection(
    _options: unknown,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const { trust, credential, nowMs, timeoutMs } = this.#connection;
    const host = this.#host;
    const socket: TLSSocket = connect({
      host,
      port: this.#port,
      minVersion: 'TLSv1.3',
      // SNI carries names only (RFC 6066 section 3).
      ...(isIP(host) === 0 ? { servername: host } : {}),
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
      ...(credential === undefined
        ? {}
        : {
            cert: credential.certificateChain,
            key: credential.privateKey.export({ type: 'pkcs8', format: 'pem' }),
          }),
    });
    const done = (error: Error | null) => {
      clearTimeout(timer);
      if (error !== null) socket.destroy();
      // The HTTP layer takes over error handling; one that comes in between must not end the process.
      else socket.off('error', done);
      callback?.(error, socket);
    };
    const timer = setTimeout(() => {
      socket.off('error', done);
      socket.on('error', () => undefined);
      done(new Error(`no TLS connection within ${timeoutMs} ms`));
    }, timeoutMs);
    socket.once('error', done);
    socket.once('secureConnect', () => {
      verifyServer(socket, { host, trust, nowMs: nowMs() }).then(
        () => done(null),
        (error: unknown) => {
          socket.off('error', done);
          socket.on('error', () => undefined);
          done(error instanceof Error ? error : new Error(String(error)));
        },
      );
    });
    return undefined;
  }
}

async function readAll(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maximumAnswerBytes) {
      message.destroy();
      throw new XosError('XOS_INPUT_TOO_LARGE', {
        what: "The VO service's answer",
        size,
        limit: maximumAnswerBytes,
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}
