/**
 * Bytes from strangers against packages/identity: whatever was changed, a parser answers or throws XosError within bounded time, and
 * no path is accepted whose bytes are not the ones that were signed. A failure prints the seed that repeats it.
 * XOS_FUZZ_SECONDS sets the time for each part (default 2).
 */
import assert from 'node:assert/strict';
import { createPublicKey, type KeyObject } from 'node:crypto';
import { describe, test } from 'node:test';
import { isXosError } from '@xtreemos/base';
import {
  type Certificate,
  certificatePem,
  defaultSigningPolicy,
  generateKey,
  issueIntermediateCertificate,
  issueRootCertificate,
  issueSshUserCertificate,
  issueUserCertificate,
  makeCertificateRequest,
  makeCrl,
  makeProxy,
  makeTrustStore,
  parseCertificate,
  parseCertificateRequest,
  parseCrl,
  parseSshCertificate,
  readCredential,
  validatePath,
  writeCredentialPem,
  writePkcs12,
} from '@xtreemos/identity';
import { randomFrom } from '../random-numbers.ts';

const secondsForEach = Number(process.env['XOS_FUZZ_SECONDS'] ?? '2');
const slowestMs = 3000;
const now = new Date('2026-06-01T12:00:00Z');
const later = (seconds: number): Date => new Date(now.getTime() + seconds * 1000);

const telling = [0, 1, 2, 3, 4, 5, 6, 0x0c, 0x30, 0x31, 0x7f, 0x80, 0x81, 0x82, 0x84, 0x85, 0xa0, 0xa3, 0xff];

/** One to four changes, or a piece of another seed in the middle. */
function mutate(seed: Buffer, others: readonly Buffer[], random: (below: number) => number): Buffer {
  let bytes = Buffer.from(seed);
  for (let left = 1 + random(4); left > 0; left--) {
    const at = random(bytes.length + 1);
    const [before, behind] = [bytes.subarray(0, at), bytes.subarray(at)];
    const value = Buffer.from([random(2) === 0 ? (telling[random(telling.length)] ?? 0) : random(256)]);
    const donor = others[random(others.length)] ?? seed;
    const from = random(donor.length);
    const pieces: readonly (readonly Buffer[])[] = [
      [before, value, behind.subarray(1)],
      [before, value, behind],
      [before, behind.subarray(1 + random(20))],
      [before, behind.subarray(0, 1 + random(20)), behind],
      [before, donor.subarray(from, from + 1 + random(60)), behind.subarray(random(60))],
      [before],
    ];
    bytes = Buffer.concat(pieces[random(random(8) === 0 ? 6 : 5)] ?? [bytes]);
  }
  return bytes;
}

interface Signer {
  readonly key: KeyObject;
  readonly certificate: Certificate;
  readonly chain: readonly Certificate[];
}

const rootKey = await generateKey();
const root: Signer = {
  key: rootKey,
  certificate: parseCertificate(
    issueRootCertificate({ key: rootKey, domain: 'Fuzz', now, lifetimeSeconds: 1e8 }).der,
  ),
  chain: [],
};
const cdaKey = await generateKey();
const intermediate = {
  issuer: root,
  publicKey: createPublicKey(cdaKey),
  kind: 'CDA',
  vos: ['physics'],
  now,
  lifetimeSeconds: 1e7,
} as const;
const cda: Signer = {
  key: cdaKey,
  certificate: parseCertificate(issueIntermediateCertificate(intermediate).der),
  chain: [],
};
const userKey = await generateKey();
const issued = issueUserCertificate({
  issuer: cda,
  publicKey: createPublicKey(userKey),
  guid: '0a659781-7326-4ef0-82dc-797f1dfb4c70',
  user: 'alice',
  memberships: [{ vo: 'physics', fqans: ['/physics', '/physics/atlas/Role=admin'], primaryFqan: '/physics' }],
  now,
  lifetimeSeconds: 43_200,
});
const user: Signer = { key: userKey, certificate: parseCertificate(issued.der), chain: [cda.certificate] };
const proxy = makeProxy(user, createPublicKey(await generateKey()), { now, lifetimeSeconds: 3600 });
const crls = [root, cda].map((issuer) =>
  makeCrl({
    issuer,
    number: 1,
    revoked: [{ serial: 'ff', revokedAt: now, reason: 'superseded' }],
    thisUpdate: now,
    nextUpdate: later(86_400),
  }),
);
const store = makeTrustStore({
  anchors: [root, cda].map(({ certificate }) => ({
    certificate,
    signingPolicy: defaultSigningPolicy(certificate),
  })),
  crls: crls.map((crl) => parseCrl(crl)),
});
const ssh = issueSshUserCertificate({
  authorityKey: await generateKey('ed25519'),
  publicKey: createPublicKey(await generateKey()),
  serial: 1n,
  keyId: 'alice@physics',
  principals: ['alice@physics'],
  validAfter: now,
  validBefore: later(3600),
});
const quick = { iterations: 10 };
const chain = [proxy.der, user.certificate.der, cda.certificate.der];

const parsers: Readonly<
  Record<string, { readonly seeds: readonly Buffer[]; readonly parse: (bytes: Buffer) => unknown }>
> = {
  certificates: { seeds: [...chain, root.certificate.der], parse: parseCertificate },
  'certificates in PEM': { seeds: [Buffer.from(certificatePem(user.certificate))], parse: parseCertificate },
  'revocation lists': { seeds: crls, parse: parseCrl },
  requests: {
    seeds: [makeCertificateRequest({ key: userKey, commonName: 'alice' })],
    parse: parseCertificateRequest,
  },
  'SSH certificates': { seeds: [ssh.blob], parse: parseSshCertificate },
  credentials: {
    seeds: [
      await writePkcs12(user, 'x', quick),
      Buffer.from(await writeCredentialPem(user, { passphrase: 'x', ...quick })),
    ],
    parse: (bytes) => readCredential(bytes, 'x'),
  },
};

async function hammer(
  seeds: readonly Buffer[],
  judge: (bytes: Buffer, index: number) => unknown,
): Promise<number> {
  const begin = performance.now();
  let rounds = 0;
  for (; performance.now() - begin < secondsForEach * 1000; rounds++) {
    const index = rounds % seeds.length;
    const seed = seeds[index] ?? Buffer.alloc(0);
    const bytes = mutate(seed, seeds, randomFrom(rounds));
    const started = performance.now();
    try {
      await judge(bytes, index);
    } catch (error) {
      if (!isXosError(error) || error.code === 'XOS_INTERNAL') {
        throw new Error(`round ${rounds}, seed ${index}: ${bytes.toString('base64')}`, { cause: error });
      }
    }
    assert.ok(
      performance.now() - started < slowestMs,
      `round ${rounds} took ${performance.now() - started} ms`,
    );
  }
  return rounds;
}

describe('identity under changed bytes', () => {
  for (const [name, { seeds, parse }] of Object.entries(parsers)) {
    test(`${name} are read or refused`, async (context) => {
      context.diagnostic(`${await hammer(seeds, parse)} rounds`);
    });
  }

  test('no path is accepted whose bytes were changed', async (context) => {
    const accepted = validatePath(
      chain.map((der) => parseCertificate(der)),
      { store, now },
    );
    assert.equal(accepted.user?.user, 'alice');
    const rounds = await hammer(chain, (bytes, index) => {
      const presented = chain.map((der, position) => parseCertificate(position === index ? bytes : der));
      const { path } = validatePath(presented, { store, now });
      const original = chain[index] ?? Buffer.alloc(0);
      if (!bytes.equals(original))
        throw new Error(`accepted: ${path.map(({ subject }) => subject.rfc4514).join(' < ')}`);
    });
    context.diagnostic(`${rounds} rounds`);
  });
});
