import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { manualClock } from '@xtreemos/base';
import type { HostRole } from '@xtreemos/identity';
import { crlOf, hostGuid, makeDomain, now, storeOf } from '../identity/fixtures/domain.ts';
import {
  capabilityKeyField,
  createCapabilityKeyNotice,
  judgeCapabilityKey,
  type StatementSecurity,
  stateCapabilityKey,
} from './capability-key.ts';
import { domain, identityOf, testNowMs, testTrust } from './joined-host-fixture.ts';

const { publicKey } = generateKeyPairSync('ed25519');
const mrcUuid = '11111111-2222-4333-8444-555555555555';

const securityOf = (role: HostRole, of = domain): StatementSecurity => ({
  vo: 'physics',
  trust: testTrust,
  identity: identityOf(role, hostGuid, of),
});
const mrc = securityOf('mrc');
const judge = (text: string, uuid = mrcUuid, security = mrc) => judgeCapabilityKey(text, uuid, security);

test('the key that an MRC states is read, with the host that stands for it', () => {
  const { key, ...rest } = judge(stateCapabilityKey(publicKey, mrcUuid, mrc, testNowMs));
  assert.ok(key.equals(publicKey));
  assert.deepEqual(rest, {
    mrcUuid,
    hostname: 'dir.example',
    hostGuid,
    version: testNowMs,
    notAfterMs: testNowMs + 24 * 3_600_000,
  });
});

test('nobody else can state it: not another role, not a stranger, not the DIR between them', () => {
  for (const [security, reason] of [
    [securityOf('osd'), /has not the role mrc/],
    [securityOf('dir'), /has not the role mrc/],
    [securityOf('mrc', makeDomain()), /./],
    [{ ...mrc, vo: 'chemistry' }, /it is of VO chemistry/],
  ] as const)
    assert.throws(() => judge(stateCapabilityKey(publicKey, mrcUuid, security, testNowMs)), reason);

  const genuine = stateCapabilityKey(publicKey, mrcUuid, mrc, testNowMs);
  assert.throws(() => judge(genuine, 'another-mrc'), /about MRC .*found at another-mrc/);
  const bytes = Buffer.from(genuine, 'base64');
  const at = bytes.indexOf(publicKey.export({ type: 'spki', format: 'der' }).toString('base64'));
  const altered = Buffer.from(bytes);
  altered[at + 30] = (altered[at + 30] ?? 0) ^ 1;
  assert.throws(() => judge(altered.toString('base64')), /its signature is not good/);
  assert.throws(() => judge(stateCapabilityKey(publicKey, mrcUuid, undefined, testNowMs)));
  assert.throws(() => judge(''));
  assert.throws(() => judge('x'.repeat(100_000)), /more than/);
});

test('a statement ends by itself, and with the certificate of its host', () => {
  const old = stateCapabilityKey(publicKey, mrcUuid, mrc, testNowMs - 25 * 3_600_000);
  assert.throws(() => judge(old), /it expired/);
  const host = identityOf('mrc', hostGuid);
  const text = stateCapabilityKey(publicKey, mrcUuid, { ...mrc, identity: host }, testNowMs);
  judge(text);
  const revoked = crlOf(domain.rca, [{ serial: host.serial, revokedAt: now }], { number: 2 });
  const store = storeOf(domain.authorities, [...domain.crls, revoked]);
  const trust = { ...testTrust, store: () => store };
  assert.throws(() => judgeCapabilityKey(text, mrcUuid, { ...mrc, trust }), {
    code: 'XOS_CREDENTIAL_REVOKED',
  });
});

test('an MRC states it anew in good time, and under a renewed certificate', () => {
  const clock = manualClock(testNowMs);
  const security = { ...mrc };
  const notice = createCapabilityKeyNotice({ publicKey, mrcUuid, security, clock });
  const first = notice()[capabilityKeyField] ?? '';
  clock.advance(3_600_000);
  assert.equal(notice()[capabilityKeyField], first);
  clock.advance(6 * 3_600_000);
  const second = notice()[capabilityKeyField] ?? '';
  assert.ok(judge(second).version > judge(first).version);
  security.identity = identityOf('mrc', hostGuid);
  assert.notEqual(notice()[capabilityKeyField], second);
});

test('plain text takes plain statements, and a key of no other type', () => {
  const text = stateCapabilityKey(publicKey, mrcUuid, undefined, testNowMs);
  assert.ok(judgeCapabilityKey(text, mrcUuid, undefined).key.equals(publicKey));
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
  assert.throws(
    () => judgeCapabilityKey(stateCapabilityKey(other, mrcUuid, undefined, testNowMs), mrcUuid, undefined),
    /of type ec/,
  );
  assert.throws(
    () => judgeCapabilityKey(stateCapabilityKey(publicKey, mrcUuid, mrc, testNowMs), mrcUuid, undefined),
    /speaks plain text/,
  );
});
