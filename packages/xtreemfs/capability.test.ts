import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type Capability,
  capabilityAllows,
  capabilityBytes,
  createCapabilityVerifier,
  signCapability,
} from './capability.ts';

const mrc = generateKeyPairSync('ed25519');
const other = generateKeyPairSync('ed25519');

const unsigned: Capability = {
  accessMode: 2,
  clientIdentity: 'f7a0b5a0-0000-4000-8000-000000000001',
  expireTimeS: 1_800_000_000n,
  expireTimeoutS: 300,
  fileId: '11111111-2222-4333-8444-555555555555:17',
  replicateOnClose: false,
  serverSignature: '',
  truncateEpoch: 3,
  snapConfig: 0,
  snapTimestamp: 0n,
  voucherSize: 0n,
  expireTimeMs: 0n,
};
const genuine = { ...unsigned, serverSignature: signCapability(unsigned, mrc.privateKey) };

describe('XCap signatures', () => {
  it('are known again, and no altered field passes', () => {
    const verifier = createCapabilityVerifier(() => [other.publicKey, mrc.publicKey]);
    assert.equal(verifier.isGenuine(genuine), true);
    assert.equal(verifier.isGenuine({ ...genuine }), true);
    const altered: readonly Partial<Capability>[] = [
      { accessMode: 1 },
      { clientIdentity: 'f7a0b5a0-0000-4000-8000-000000000002' },
      { expireTimeS: genuine.expireTimeS + 1n },
      { expireTimeoutS: 301 },
      { fileId: '11111111-2222-4333-8444-555555555555:18' },
      { replicateOnClose: true },
      { truncateEpoch: 4 },
      { snapConfig: 1 },
      { snapTimestamp: 1n },
      { voucherSize: 1n },
      { expireTimeMs: 1n },
      { serverSignature: '' },
      { serverSignature: genuine.serverSignature.replace(/^./, (first) => (first === 'A' ? 'B' : 'A')) },
      { serverSignature: `${genuine.serverSignature}AA` },
    ];
    for (const change of altered)
      assert.equal(verifier.isGenuine({ ...genuine, ...change }), false, Object.keys(change).join());
  });

  it('count only by trusted keys, and no more when those are withdrawn', () => {
    let keys = [mrc.publicKey];
    const verifier = createCapabilityVerifier(() => keys);
    assert.equal(
      verifier.isGenuine({ ...unsigned, serverSignature: signCapability(unsigned, other.privateKey) }),
      false,
    );
    assert.equal(verifier.isGenuine(genuine), true);
    keys = [];
    verifier.forget();
    assert.equal(verifier.isGenuine(genuine), false);
  });

  it('stay right when more are seen than are remembered', () => {
    const verifier = createCapabilityVerifier(() => [mrc.publicKey], 4);
    const many = Array.from({ length: 12 }, (_, index) => {
      const capability = { ...unsigned, truncateEpoch: index };
      return { ...capability, serverSignature: signCapability(capability, mrc.privateKey) };
    });
    for (const capability of [...many, ...many]) {
      assert.equal(verifier.isGenuine(capability), true);
      assert.equal(verifier.isGenuine({ ...capability, truncateEpoch: 99 }), false);
    }
  });

  it('cover bytes that differ whenever two XCaps differ', () => {
    const texts = fc.record({ clientIdentity: fc.string(), fileId: fc.string(), accessMode: fc.nat(3) });
    fc.assert(
      fc.property(texts, texts, (one, two) => {
        const bytesOf = (fields: typeof one) =>
          Buffer.from(capabilityBytes({ ...unsigned, ...fields })).toString('hex');
        const isSame = JSON.stringify(one) === JSON.stringify(two);
        // Lone surrogates have no UTF-8 of their own; protobuf refuses them before.
        fc.pre([one, two].every(({ clientIdentity, fileId }) => (clientIdentity + fileId).isWellFormed()));
        assert.equal(bytesOf(one) === bytesOf(two), isSame);
      }),
    );
  });

  it('give the access of their mode', () => {
    const allowed = [0, 1, 2, 3].map((accessMode) => [
      capabilityAllows({ ...unsigned, accessMode }, 'read'),
      capabilityAllows({ ...unsigned, accessMode }, 'write'),
    ]);
    assert.deepEqual(allowed, [
      [true, false],
      [false, true],
      [true, true],
      [false, false],
    ]);
  });
});
