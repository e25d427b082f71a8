import type { ServerResponse } from 'node:http';
import { defineEvent, reasonOf } from '@xtreemos/base';
import type { NodeEvent } from '@xtreemos/vo-client';
import type { FastifyReply } from 'fastify';
import type { NodeCaller } from './caller.ts';
import type { VoContext } from './vo-context.ts';

const nodeConnected = defineEvent('vo.node-connected');
const nodeDisconnected = defineEvent('vo.node-disconnected');
const seenNotRecorded = defineEvent('vo.last-seen-not-recorded');

export const heartbeatIntervalMs = 10_000;

/** A node that does not read so much is cut off; it learns from `hello` what it missed. */
const maximumBacklogBytes = 256 * 1024;

/** Sends `hello`, then what the hub publishes, and heartbeats, until either side closes. */
export async function streamEvents(context: VoContext, node: NodeCaller, reply: FastifyReply): Promise<void> {
  reply.hijack();
  const response = reply.raw;
  response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
  response.flushHeaders();
  const { vo, hostname } = node;
  // Held back until hello is out: it names versions that these events may have reached already.
  let early: NodeEvent[] | undefined = [];
  const send = (event: NodeEvent) => {
    if (early === undefined) write(response, event);
    else early.push(event);
  };
  const unsubscribe = context.hub.subscribe({ vo, hostname, send, end: () => response.end() });
  const heartbeat = setInterval(() => {
    // A certificate that ended meanwhile ends the connection; the node renews and comes back.
    if (context.clock.nowMs() > node.notAfterMs) response.end();
    else send({ type: 'heartbeat', atMs: context.clock.nowMs() });
  }, heartbeatIntervalMs);
  response.once('close', () => {
    clearInterval(heartbeat);
    unsubscribe();
    context.logger.info(nodeDisconnected, `${hostname} disconnected from ${vo}`, { vo, hostname });
    recordSeen(context, node);
  });
  context.logger.info(nodeConnected, `${hostname} connected to ${vo}`, { vo, hostname });
  recordSeen(context, node);
  const row = await context.database.read
    .selectFrom('vo')
    .select(['membership_version', 'crl_version'])
    .where('id', '=', vo)
    .executeTakeFirstOrThrow();
  write(response, {
    type: 'hello',
    vo,
    membershipVersion: row.membership_version,
    crlVersion: row.crl_version,
  });
  const held = early;
  early = undefined;
  for (const event of held) write(response, event);
}

function write(response: ServerResponse, event: NodeEvent): void {
  if (response.destroyed || response.writableEnded) return;
  if (response.writableLength > maximumBacklogBytes) {
    response.destroy();
    return;
  }
  response.write(`${JSON.stringify(event)}\n`);
  if (event.type === 'gone') response.end();
}

/** Convenience for administrators: losing it loses nothing, and it is not worth an audit entry. */
function recordSeen(context: VoContext, node: NodeCaller): void {
  const { vo, hostname, guid } = node;
  context.database.commits
    .run((change) =>
      change
        .updateTable('node')
        .set({ last_seen_at: context.clock.nowMs() })
        .where('vo', '=', vo)
        .where('hostname', '=', hostname)
        .where('guid', '=', guid)
        .execute(),
    )
    .catch((error: unknown) => {
      context.logger.debug(seenNotRecorded, `last contact of ${hostname} not recorded: ${reasonOf(error)}`);
    });
}
