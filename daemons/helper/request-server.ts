import { closeSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { type Clock, defineEvent, type Logger, type Metrics, toXosError } from '@xtreemos/base';
import {
  decodeMessage,
  encodeMessage,
  type HelperRequestType,
  maximumDescriptors,
  maximumMessageBytes,
} from '@xtreemos/helper-client';
import {
  frameMessage,
  type Message,
  type PeerCredentials,
  peerCredentials,
  receiveMessage,
  sendWithDescriptor,
  socketDescriptor,
} from '@xtreemos/native-sys';
import { type CallerRights, refusal } from './caller-rights.ts';
import type { IdRanges } from './configuration.ts';
import { discard, type HandledRequest, type RequestHandler } from './request-handlers.ts';
import { parseRequest } from './request-parser.ts';
import type { RequestTally } from './request-tally.ts';

const requestDone = defineEvent('helper.request-done');
const requestRefused = defineEvent('helper.request-refused');
const requestFailed = defineEvent('helper.request-failed');

export interface RequestServerOptions {
  readonly rights: CallerRights;
  readonly ids: IdRanges;
  readonly handle: RequestHandler;
  /** Told of each request as it begins and ends. */
  readonly tally?: RequestTally;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Requests handled at once; more wait in their connections. */
  readonly concurrentRequests: number;
  /** For the whole request to arrive. Default 5,000. */
  readonly receiveTimeoutMs?: number;
}

export interface RequestServer {
  readonly server: Server;
  /** Takes no more connections and waits for the requests under way. */
  drain(): Promise<void>;
}

const maximumConnections = 2048;
/** A stranger's request is read only so that the refusal reaches him: closing on unread bytes would reset the connection. */
const strangerTimeoutMs = 1_000;

/** The helper's socket: one connection per request, who asks decided before a byte of it is parsed. */
export function createRequestServer(options: RequestServerOptions): RequestServer {
  const requests = options.metrics.counter({
    name: 'xos_helper_requests',
    help: 'Requests by type and outcome',
    labels: ['type', 'outcome'],
  });
  const underWay = new Set<Promise<void>>();
  const waiting: (() => void)[] = [];
  let running = 0;

  async function inTurn(task: () => Promise<void>): Promise<void> {
    if (running >= options.concurrentRequests) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      await task();
    } finally {
      const next = waiting.shift();
      // The place passes to who waits, so that nobody who comes now overtakes.
      if (next === undefined) running--;
      else next();
    }
  }

  async function serve(socket: Socket): Promise<void> {
    const caller = callerOf(socket);
    if (caller === undefined) return;
    const startedMs = options.clock.monotonicMs();
    let type: HelperRequestType | 'unknown' = 'unknown';
    let outcome = 'done';
    options.tally?.begin();
    try {
      const isKnown = options.rights.isKnown(caller);
      const timeoutMs = isKnown ? (options.receiveTimeoutMs ?? 5_000) : strangerTimeoutMs;
      const message = await receive(socket, timeoutMs);
      if (message === undefined) {
        outcome = 'not sent';
        return;
      }
      try {
        if (!isKnown) throw refusal(caller.uid, 'anything');
        const request = parseRequest(decodeMessage(message.bytes), options.ids);
        type = request.type;
        options.rights.require(caller, request.type);
        await reply(socket, await options.handle(request, message.descriptors));
      } finally {
        for (const descriptor of message.descriptors) closeSync(descriptor);
      }
    } catch (error) {
      outcome = report(options.logger, error, type, caller);
      await answer(socket, encodeMessage(toXosError(error, `handling ${type}`).toBody()));
    } finally {
      socket.destroy();
      requests.increment({ type, outcome });
      options.tally?.end(type, outcome);
    }
    const durationMs = Math.round(options.clock.monotonicMs() - startedMs);
    if (outcome === 'done') {
      options.logger.info(requestDone, `${type} done`, {
        type,
        durationMs,
        callerUid: caller.uid,
        callerPid: caller.pid,
      });
    }
  }

  const server = createServer({ pauseOnConnect: true }, (socket) => {
    // A caller that went away is no event; its request is logged all the same.
    socket.on('error', () => socket.destroy());
    const served = inTurn(() => serve(socket)).finally(() => underWay.delete(served));
    underWay.add(served);
  });
  server.maxConnections = maximumConnections;
  return {
    server,
    async drain() {
      server.close();
      await Promise.all(underWay);
    },
  };
}

/** undefined when the connection is gone already. */
function callerOf(socket: Socket): PeerCredentials | undefined {
  try {
    return peerCredentials(socketDescriptor(socket));
  } catch {
    socket.destroy();
    return undefined;
  }
}

async function receive(socket: Socket, timeoutMs: number): Promise<Message | undefined> {
  const limits = { timeoutMs, maxBytes: maximumMessageBytes, maxDescriptors: maximumDescriptors };
  return (await receiveMessage(socketDescriptor(socket), limits)) ?? undefined;
}

async function reply(socket: Socket, handled: HandledRequest): Promise<void> {
  try {
    await answer(socket, encodeMessage({ reply: handled.reply }), handled.descriptor);
  } finally {
    discard(handled);
  }
}

/** Small enough for any socket buffer: who does not read its reply holds nothing up. */
async function answer(socket: Socket, message: Buffer, descriptor?: number): Promise<void> {
  try {
    sendWithDescriptor(socketDescriptor(socket), frameMessage(message), descriptor, 0);
  } catch {
    // The caller went away, or left earlier replies unread on a connection that takes only one.
  }
}

/** Logs why a request was not done; the outcome for the metric. */
function report(logger: Logger, error: unknown, type: string, caller: PeerCredentials): string {
  const known = toXosError(error, `handling ${type}`);
  const fields = { type, callerUid: caller.uid, callerPid: caller.pid, error: known };
  if (known.exitCode === 1) {
    logger.error(requestFailed, `${type} failed: ${known.message}`, fields);
    return 'failed';
  }
  logger.warning(requestRefused, `${type} refused: ${known.message}`, fields);
  return 'refused';
}
