import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { silentLogger } from '@xtreemos/base';
import type { HostRole } from '@xtreemos/identity';
import {
  type Capability,
  capabilityKeyField,
  type ListedService,
  stateCapabilityKey,
} from '@xtreemos/xtreemfs';
import { crlOf, hostGuid, now, storeOf } from '../../packages/identity/fixtures/domain.ts';
import { domain, identityOf, testNowMs, testTrust } from '../../packages/xtreemfs/joined-host-fixture.ts';
import { openCapabilityKeys } from './capability-keys.ts';
import { credentials } from './objects-fixtures.ts';

const old = generateKeyPairSync('ed25519');
const renewed = generateKeyPairSync('ed25519');
const fileId = '11111111-2222-4333-8444-555555555555:17';

const capabilityBy = (key: KeyObject): Capability => credentials({ fileId, key }).xcap;

/** An OSD that asks a DIR which says what the test wants. */
async function world(context: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'xos-capability-keys-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const directory = { texts: [] as string[], asked: 0, isAway: false };
  let timeMs = 0;
  let store = domain.store;
  const trust = { ...testTrust, store: () => store };
  const host = identityOf('mrc', hostGuid);
  const state = (key: KeyObject, laterMs = 0, role?: HostRole) => {
    const identity = role === undefined ? host : identityOf(role, hostGuid);
    return stateCapabilityKey(key, 'mrc-1', { vo: 'physics', trust, identity }, testNowMs + laterMs);
  };
  const open = () =>
    openCapabilityKeys({
      directory: {
        async servicesOf() {
          directory.asked += 1;
          if (directory.isAway) throw new Error('the DIR is away');
          return directory.texts.map(
            (text): ListedService => ({
              uuid: 'mrc-1',
              name: 'MRC',
              lastUpdatedS: 1,
              data: { [capabilityKeyField]: text },
            }),
          );
        },
      },
      security: { vo: 'physics', trust },
      configured: [],
      file: join(folder, 'mrc-keys'),
      logger: silentLogger,
      monotonicMs: () => timeMs,
    });
  const revokeHost = () => {
    const crl = crlOf(domain.rca, [{ serial: host.serial, revokedAt: now }], { number: 2 });
    store = storeOf(domain.authorities, [...domain.crls, crl]);
  };
  const pass = (ms: number) => {
    timeMs += ms;
  };
  return { directory, state, open, revokeHost, pass };
}

test('XCaps of an MRC count once the DIR tells of it, and after a start without the DIR', async (context) => {
  const { directory, state, open } = await world(context);
  const keys = await open();
  const capability = capabilityBy(old.privateKey);
  assert.equal(keys.verifier.isGenuine(capability), false);
  directory.texts = [state(old.publicKey)];
  assert.equal(await keys.learnOfUnknown(), true);
  assert.equal(keys.verifier.isGenuine(capability), true);
  assert.deepEqual(
    keys.mrcs.map(({ hostname }) => hostname),
    ['dir.example'],
  );

  directory.isAway = true;
  const again = await open();
  assert.equal(again.verifier.isGenuine(capability), true);
  assert.equal(await again.learnOfUnknown(), false);
});

test('a DIR that lies gets no XCap to count: made-up, of another role, or an older key', async (context) => {
  const { directory, state, open } = await world(context);
  const keys = await open();
  const forged = generateKeyPairSync('ed25519');
  directory.texts = [
    state(forged.publicKey, 0, 'dir'),
    stateCapabilityKey(forged.publicKey, 'mrc-1', undefined, testNowMs),
    '',
    '{}',
  ];
  await keys.learn();
  assert.equal(keys.verifier.isGenuine(capabilityBy(forged.privateKey)), false);

  directory.texts = [state(renewed.publicKey, 1000)];
  await keys.learn();
  directory.texts = [state(old.publicKey)];
  await keys.learn();
  assert.equal(keys.verifier.isGenuine(capabilityBy(old.privateKey)), false);
  assert.equal(keys.verifier.isGenuine(capabilityBy(renewed.privateKey)), true);
});

test('a new key replaces the former, and a revoked host takes it along', async (context) => {
  const { directory, state, open, revokeHost } = await world(context);
  const keys = await open();
  directory.texts = [state(old.publicKey)];
  await keys.learn();
  const former = capabilityBy(old.privateKey);
  assert.equal(keys.verifier.isGenuine(former), true);
  directory.texts = [state(renewed.publicKey, 1000)];
  await keys.learn();
  assert.equal(keys.verifier.isGenuine(former), false);
  const present = capabilityBy(renewed.privateKey);
  assert.equal(keys.verifier.isGenuine(present), true);
  revokeHost();
  keys.judge();
  assert.equal(keys.verifier.isGenuine(present), false);
});

test('XCaps of unknown signers have the DIR asked once a second', async (context) => {
  const { directory, open, pass } = await world(context);
  const keys = await open();
  await Promise.all([keys.learnOfUnknown(), keys.learnOfUnknown()]);
  await keys.learnOfUnknown();
  assert.equal(directory.asked, 1);
  pass(1000);
  await keys.learnOfUnknown();
  assert.equal(directory.asked, 2);
});
