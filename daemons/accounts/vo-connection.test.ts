import assert from 'node:assert/strict';
import test from 'node:test';
import { manualClock, silentLogger } from '@xtreemos/base';
import type { NodeEvent } from '@xtreemos/vo-client';
import { eventually } from './host-fixtures.ts';
import { VoConnection, type VoConnectionOptions, type VoServiceFace } from './vo-connection.ts';

const joined = {
  vo: 'physics.example',
  alias: 'physics',
  serviceUrl: 'https://vo.example:7443',
  caFingerprint: 'f'.repeat(64),
  serviceCaFingerprint: 'f'.repeat(64),
};

/** A service whose event stream is a script: events, then an error where one is given. */
function aService(
  script: () => readonly (NodeEvent | Error)[],
  changes: Partial<VoServiceFace> = {},
): VoServiceFace {
  return {
    async *events(signal) {
      for (const step of script()) {
        if (step instanceof Error) throw step;
        yield step;
      }
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    },
    membership: async () => null,
    crls: async () => ({ vo: joined.vo, version: 1, crls: [] }),
    trust: async () => ({
      domain: 'd',
      vo: joined.vo,
      anchors: [],
      sshUserCas: [],
      rootFingerprint: joined.caFingerprint,
    }),
    ...changes,
  };
}

function connect(context: { after(work: () => Promise<void>): void }, changes: Partial<VoConnectionOptions>) {
  const waits: number[] = [];
  const connection = new VoConnection({
    joined,
    client: () => aService(() => []),
    knownVersion: () => 1,
    takeMembership: async () => undefined,
    takeCrls: async () => undefined,
    takeSshAuthorities: async () => undefined,
    gone: async () => undefined,
    clock: manualClock(),
    logger: silentLogger,
    sleep: async (milliseconds, signal) => {
      if (milliseconds > 120_000)
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      else waits.push(milliseconds);
      await new Promise((resolve) => setImmediate(resolve));
    },
    random: () => 1,
    refreshIntervalMs: () => 900_000,
    onChange: () => undefined,
    ...changes,
  });
  context.after(() => connection.stop());
  connection.start();
  return { connection, waits };
}

const hello: NodeEvent = { type: 'hello', vo: joined.vo, membershipVersion: 2, crlVersion: 1 };

test('reconnects wait longer and longer, up to a minute, and start anew after a connection', async (context) => {
  let attempts = 0;
  const { connection, waits } = connect(context, {
    client: () =>
      aService(() => {
        attempts += 1;
        return attempts === 10 ? [hello, new Error('reset')] : [new Error('refused')];
      }),
  });
  await eventually(() => waits.length >= 11, 'eleven waits');
  assert.deepEqual(
    waits.slice(0, 11),
    [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000, 1000, 2000],
  );
  assert.equal(connection.state.connected, false);
});

test('while events are out of reach the list is still fetched', async (context) => {
  let fetched = 0;
  connect(context, {
    client: () =>
      aService(() => [new Error('proxy without long connections')], {
        membership: async () => {
          fetched += 1;
          return null;
        },
      }),
  });
  await eventually(() => fetched >= 3, 'polled');
});

test('an event of another VO, and trust of another root, are refused', async (context) => {
  const gone: string[] = [];
  const { connection } = connect(context, {
    client: () => aService(() => [{ type: 'gone', vo: 'other.example', reason: 'x' }]),
    gone: async (reason) => void gone.push(reason),
  });
  await eventually(() => connection.state.problem !== undefined, 'a problem');
  assert.deepEqual(gone, []);
  const taken: unknown[] = [];
  const second = connect(context, {
    client: () =>
      aService(() => [], {
        trust: async () => ({
          domain: 'd',
          vo: joined.vo,
          anchors: [],
          sshUserCas: ['ssh-ed25519 AAAA'],
          rootFingerprint: '0',
        }),
      }),
    takeSshAuthorities: async (lines) => void taken.push(lines),
  });
  await assert.rejects(second.connection.refresh(), /another root/);
  assert.deepEqual(taken, []);
});

test('a host that is put out of its VO is told once', async (context) => {
  const gone: string[] = [];
  let first = true;
  connect(context, {
    client: () =>
      aService(() => {
        const events: (NodeEvent | Error)[] = first
          ? [hello, { type: 'gone', vo: joined.vo, reason: 'node revoked' }, new Error('end')]
          : [new Error('refused')];
        first = false;
        return events;
      }),
    gone: async (reason) => void gone.push(reason),
  });
  await eventually(() => gone.length === 1, 'gone');
  assert.deepEqual(gone, ['node revoked']);
});
