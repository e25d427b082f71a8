import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isXosError } from '@xtreemos/base';
import fc from 'fast-check';
import { contextTag, DerReader } from './der-reader.ts';
import {
  chainOf,
  crlOf,
  day,
  ecKey,
  hostGuid,
  hostname,
  makeDomain,
  now,
  publicHalf,
  secondsLater,
} from './fixtures/domain.ts';
import { edits, mutate } from './fixtures/mutation.ts';
import {
  certificatePem,
  crlPem,
  defaultSigningPolicy,
  encryptPrivateKey,
  issueSshUserCertificate,
  makeCertificateRequest,
  makeChallenge,
  makeProxy,
  outlineCredential,
  parseCertificate,
  parseCertificateChain,
  parseCertificateRequest,
  parseChallenge,
  parseCrl,
  parseNamespaces,
  parseSigningPolicy,
  parseSshCertificate,
  parseSshPublicKey,
  readCredential,
  readPrivateKey,
  renderSigningPolicy,
  signDocument,
  sshPublicKeyLine,
  verifyDocument,
  writeCredentialPem,
  writePkcs12,
} from './index.ts';
import { buildPkcs12, readAuthenticatedSafe } from './pkcs12.ts';

/** The bounded share of test/fuzz that runs beside the code: a parser answers, or throws XosError, soon. */
const runs = 150;
const slowestMs = 2000;

const domain = makeDomain();
const proxy = makeProxy(domain.user, publicHalf(ecKey()), {
  now,
  lifetimeSeconds: 60,
  limited: true,
  host: { hostGuid, hostname },
});
const quick = { iterations: 10 };
const encryptedPem = await writeCredentialPem(domain.user, { passphrase: 'x', ...quick });
const pkcs12 = await writePkcs12(domain.user, 'x', quick);
const document = signDocument(Buffer.from('payload'), domain.host, {
  type: 't',
  vo: 'physics',
  version: 1,
  notAfter: secondsLater(day),
  now,
});
const ssh = issueSshUserCertificate({
  authorityKey: ecKey(),
  publicKey: publicHalf(ecKey()),
  serial: 1n,
  keyId: 'a',
  principals: ['a'],
  validAfter: now,
  validBefore: secondsLater(day),
});

/** What the MAC of a PKCS#12 file protects, so that mutations get past it. */
async function authenticatedSafe(): Promise<Buffer> {
  const { key, certificate } = domain.user;
  const file = await buildPkcs12(
    { key, certificates: [certificate], friendlyName: 'x' },
    Buffer.from('x'),
    10,
  );
  const pfx = new DerReader(file, 'PFX').sequence('PFX');
  pfx.smallInteger('version');
  const safe = pfx.sequence('authSafe');
  safe.oid('type');
  return safe.enter(contextTag(0, true), 'content').octetString('content');
}

interface Parser {
  readonly name: string;
  readonly seed: Buffer;
  readonly parse: (bytes: Buffer) => unknown;
}

const text = (parse: (text: string) => unknown) => (bytes: Buffer) => parse(bytes.toString('latin1'));
const parsers: readonly Parser[] = [
  { name: 'user certificate', seed: domain.user.certificate.der, parse: parseCertificate },
  { name: 'host certificate', seed: domain.host.certificate.der, parse: parseCertificate },
  { name: 'proxy certificate', seed: proxy.der, parse: parseCertificate },
  {
    name: 'chain in PEM',
    seed: Buffer.from(certificatePem(...chainOf(domain.user))),
    parse: parseCertificateChain,
  },
  {
    name: 'CRL',
    seed: crlOf(domain.cda, [{ serial: 'ff', revokedAt: now, reason: 'superseded' }]).der,
    parse: parseCrl,
  },
  { name: 'CRL in PEM', seed: Buffer.from(crlPem(crlOf(domain.cda).der)), parse: parseCrl },
  {
    name: 'request',
    seed: makeCertificateRequest({ key: ecKey(), commonName: 'x' }),
    parse: parseCertificateRequest,
  },
  {
    name: 'credential in PEM',
    seed: Buffer.from(encryptedPem),
    parse: (bytes) => readCredential(bytes, 'x'),
  },
  { name: 'outline of a credential', seed: Buffer.from(encryptedPem), parse: outlineCredential },
  {
    name: 'encrypted key',
    seed: Buffer.from(await encryptPrivateKey(ecKey(), 'x', quick)),
    parse: (bytes) => readPrivateKey(bytes, 'x'),
  },
  { name: 'PKCS#12', seed: pkcs12, parse: (bytes) => readCredential(bytes, 'x') },
  {
    name: 'PKCS#12 behind its MAC',
    seed: await authenticatedSafe(),
    parse: (bytes) => readAuthenticatedSafe(bytes, Buffer.from('x')),
  },
  { name: 'SSH certificate', seed: ssh.blob, parse: parseSshCertificate },
  { name: 'SSH certificate line', seed: Buffer.from(ssh.line), parse: text(parseSshCertificate) },
  { name: 'SSH key', seed: Buffer.from(sshPublicKeyLine(ecKey(), 'x')), parse: text(parseSshPublicKey) },
  {
    name: 'challenge',
    seed: Buffer.from(makeChallenge({ purpose: 'login', audience: 'x' })),
    parse: text(parseChallenge),
  },
  {
    name: 'signing policy',
    seed: Buffer.from(renderSigningPolicy(defaultSigningPolicy(domain.root.certificate))),
    parse: text(parseSigningPolicy),
  },
  {
    name: 'namespaces',
    seed: Buffer.from('TO Issuer "/O=a" PERMIT Subject "/O=a/.*"\n'),
    parse: text((bytes) => parseNamespaces(bytes)),
  },
  {
    name: 'signed document',
    seed: document,
    parse: (bytes) =>
      verifyDocument(bytes, { store: domain.store, type: 't', vo: 'physics', role: 'vops', now }),
  },
];

async function survives(parser: Parser, bytes: Buffer): Promise<void> {
  const begin = performance.now();
  try {
    await parser.parse(bytes);
  } catch (error) {
    if (!isXosError(error)) throw error;
    assert.notEqual(error.code, 'XOS_INTERNAL');
  }
  assert.ok(performance.now() - begin < slowestMs, `${parser.name} took ${performance.now() - begin} ms`);
}

describe('bytes from strangers', () => {
  for (const parser of parsers) {
    test(`${parser.name}: the seed is read`, async () => {
      await parser.parse(parser.seed);
    });

    test(`${parser.name}: changed bytes are read or refused`, () =>
      fc.assert(
        fc.asyncProperty(edits, (changes) => survives(parser, mutate(parser.seed, changes))),
        { numRuns: runs },
      ));
  }

  test('arbitrary bytes are refused by every parser', () =>
    fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        for (const parser of parsers) await survives(parser, Buffer.from(bytes));
      }),
      { numRuns: runs },
    ));

  test('deep nesting and long lists are refused in bounded time', async () => {
    let nested: Buffer = Buffer.from([0x30, 0]);
    while (nested.length < 60_000) {
      nested = Buffer.concat([
        Buffer.from([0x30, 0x83, nested.length >> 16, (nested.length >> 8) & 255, nested.length & 255]),
        nested,
      ]);
    }
    const list = Buffer.concat([
      Buffer.from([0x30, 0x82, 0xfe, 0]),
      Buffer.alloc(0xfe00, Buffer.from([0x31, 0])),
    ]);
    for (const parser of parsers) {
      for (const bytes of [
        nested,
        list,
        Buffer.alloc(60_000, '-----BEGIN CERTIFICATE-----\n'),
        Buffer.alloc(60_000, 'a: b\n'),
      ]) {
        await survives(parser, bytes);
      }
    }
  });
});
