import { createServer, type Server } from 'node:http';
import { type Metrics, openMetricsContentType } from './metrics.ts';

/** Answers `GET /metrics` with OpenMetrics text; anything else with 404. Listening is the caller's part. */
export function createMetricsServer(metrics: Metrics): Server {
  const server = createServer((request, response) => {
    request.resume();
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('GET /metrics\n');
      return;
    }
    metrics.render().then(
      (text) => response.writeHead(200, { 'content-type': openMetricsContentType }).end(text),
      (error: unknown) => response.writeHead(500, { 'content-type': 'text/plain' }).end(`${String(error)}\n`),
    );
  });
  server.requestTimeout = 10_000;
  server.maxConnections = 16;
  return server;
}
