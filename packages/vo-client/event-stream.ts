import { XosError } from '@xtreemos/base';

/** A connection without any line for so long counts as dead (the service beats every 10 s). */
export const heartbeatTimeoutMs = 30_000;

/** Lines of `GET /v1/node/events`. `hello` comes first and names the versions current at that moment. */
export type NodeEvent =
  | {
      readonly type: 'hello';
      readonly vo: string;
      readonly membershipVersion: number;
      readonly crlVersion: number;
    }
  | { readonly type: 'heartbeat'; readonly atMs: number }
  | { readonly type: 'membership'; readonly vo: string; readonly version: number }
  | { readonly type: 'crl'; readonly vo: string; readonly version: number }
  /** The VO was destroyed or this node's membership in it revoked; the connection ends. */
  | { readonly type: 'gone'; readonly vo: string; readonly reason: string };

const maximumLineBytes = 64 * 1024;

/**
 * Newline-delimited JSON as typed events. Types that this version does not know are passed over (a newer service may
 * have more); a line that is no JSON, has wrong fields or no end throws XOS_PROTOCOL.
 */
export async function* parseEvents(chunks: AsyncIterable<Buffer>): AsyncGenerator<NodeEvent> {
  let rest = '';
  const decoder = new TextDecoder();
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > maximumLineBytes) throw malformed('a line does not end');
    for (const line of lines) {
      const event = line === '' ? undefined : parseEvent(line);
      if (event !== undefined) yield event;
    }
  }
}

function parseEvent(line: string): NodeEvent | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw malformed('a line is not JSON');
  }
  if (typeof value !== 'object' || value === null) throw malformed('a line is not an object');
  const { type, vo, version, membershipVersion, crlVersion, atMs, reason } = value as Record<string, unknown>;
  switch (type) {
    case 'hello':
      return {
        type,
        vo: text(vo),
        membershipVersion: count(membershipVersion),
        crlVersion: count(crlVersion),
      };
    case 'heartbeat':
      return { type, atMs: count(atMs) };
    case 'membership':
    case 'crl':
      return { type, vo: text(vo), version: count(version) };
    case 'gone':
      return { type, vo: text(vo), reason: text(reason) };
    default:
      return undefined;
  }
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw malformed('a field is not text');
  return value;
}

function count(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value))
    throw malformed('a field is not a whole number');
  return value;
}

function malformed(reason: string): XosError {
  return new XosError('XOS_PROTOCOL', { peer: 'The VO service', attempt: 'send events', reason });
}
