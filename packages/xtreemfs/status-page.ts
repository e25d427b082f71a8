import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import {
  type ConfigurationOf,
  kind,
  listenAt,
  type Metrics,
  openMetricsContentType,
  type ServiceSockets,
  XosError,
} from '@xtreemos/base';
import { type StatusRecord, statusHtml } from './status-html.ts';

/** `[Status]` of a server of XtreemFS. */
export const statusSection = {
  /** A Unix socket on which the status pages are served, mode 0660. */
  Socket: kind.path(),
  /** Addresses of the loopback interface on which they are served: every user of the host sees them. */
  Listen: kind.listenList([]),
};

export interface StatusPageOptions {
  readonly settings: ConfigurationOf<{ Status: typeof statusSection }>['Status'];
  /** What the pages are called: `OSD of node1`. */
  readonly title: string;
  /** Asked at each request. */
  readonly status: () => Promise<StatusRecord> | StatusRecord;
  readonly metrics: Metrics;
  readonly sockets: ServiceSockets;
}

/**
 * Serves what a server of XtreemFS says of itself: `/` for people, `/status.json` for programs, `/metrics` (OpenMetrics) for
 * monitoring. Nothing can be changed by it, and nothing is asked but from this host.
 * @throws XosError XOS_CONFIGURATION_BAD for an address of another interface, or one that cannot be listened on
 */
export async function serveStatusPages(options: StatusPageOptions): Promise<{ close(): void }> {
  const { settings, sockets } = options;
  const servers: Server[] = [];
  const close = () => {
    for (const server of servers) server.close().closeAllConnections();
  };
  const add = (): Server => {
    const server = createServer((request, response) => void answer(options, request, response));
    server.requestTimeout = 10_000;
    server.maxConnections = 64;
    servers.push(server);
    return server;
  };
  try {
    if (settings.Socket !== undefined)
      await sockets.listenUnix(add(), { name: 'status', path: settings.Socket, mode: 0o660 });
    for (const address of settings.Listen) {
      if (!isLoopback(address.address)) {
        const reason = `[Status] Listen=${address.address}:${address.port}: only 127.0.0.1, ::1 and the like`;
        throw new XosError('XOS_CONFIGURATION_BAD', { reason });
      }
      await listenAt(add(), address);
    }
  } catch (error) {
    close();
    throw error;
  }
  return { close };
}

function isLoopback(address: string): boolean {
  return address === '::1' || (isIP(address) === 4 && address.startsWith('127.'));
}

async function answer(
  { status, title, metrics }: StatusPageOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  request.resume();
  const send = (code: number, type: string, text: string) =>
    response
      .writeHead(code, {
        'content-type': type,
        'cache-control': 'no-store',
        'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
        'x-content-type-options': 'nosniff',
      })
      .end(request.method === 'HEAD' ? undefined : text);
  // A page of the web may lead a browser here by a name of its own: it is not to read this.
  const isNamed = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])?(?::\d+)?$/.test(request.headers.host ?? '');
  if (!isNamed) return void send(421, 'text/plain', 'ask for localhost\n');
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return void send(405, 'text/plain', 'GET alone\n');
  try {
    switch (request.url) {
      case '/':
        return void send(200, 'text/html; charset=utf-8', statusHtml(title, await status()));
      case '/status.json':
        return void send(200, 'application/json', `${JSON.stringify(await status(), null, 1)}\n`);
      case '/metrics':
        return void send(200, openMetricsContentType, await metrics.render());
      default:
        return void send(404, 'text/plain', 'GET /, /status.json or /metrics\n');
    }
  } catch (error) {
    send(500, 'text/plain', `${String(error)}\n`);
  }
}
