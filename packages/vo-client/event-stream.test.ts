import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isXosError } from '@xtreemos/base';
import fc from 'fast-check';
import { type NodeEvent, parseEvents } from './event-stream.ts';

async function read(chunks: readonly Buffer[]): Promise<readonly NodeEvent[]> {
  const events: NodeEvent[] = [];
  for await (const event of parseEvents(feed(chunks))) events.push(event);
  return events;
}

async function* feed(chunks: readonly Buffer[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield chunk;
}

const lines = [
  '{"type":"hello","vo":"a.example","membershipVersion":1,"crlVersion":2}',
  '{"type":"of-a-newer-service","what":"ever"}',
  '{"type":"heartbeat","atMs":5}',
  '{"type":"membership","vo":"a.example","version":7}',
  '{"type":"gone","vo":"a.example","reason":"gr\u00fcn"}',
];

describe('event stream', () => {
  it('reads lines however they are cut, passes over what it does not know', async () => {
    const bytes = Buffer.from(`${lines.join('\n')}\n`);
    const whole = await read([bytes]);
    assert.deepEqual(
      whole.map(({ type }) => type),
      ['hello', 'heartbeat', 'membership', 'gone'],
    );
    for (let cut = 1; cut < bytes.length; cut += 1) {
      assert.deepEqual(await read([bytes.subarray(0, cut), bytes.subarray(cut)]), whole);
    }
  });

  it('refuses lines that are no JSON, have wrong fields or do not end', async () => {
    const bad = ['nonsense\n', '3\n', '{"type":"crl","vo":7,"version":1}\n', `${'x'.repeat(70_000)}`];
    for (const line of bad) await assert.rejects(read([Buffer.from(line)]), { code: 'XOS_PROTOCOL' });
  });

  it('any bytes are events or an error of ours', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        try {
          await read([Buffer.from(bytes), Buffer.from('\n')]);
          return true;
        } catch (error) {
          return isXosError(error, 'XOS_PROTOCOL');
        }
      }),
    );
  });
});
