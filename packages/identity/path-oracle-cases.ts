import type { KeyObject } from 'node:crypto';
import { generateKeyPairSync } from 'node:crypto';
import * as der from './der-writer.ts';
import { encodeName, encodeRdn } from './distinguished-name.ts';
import {
  type Certificate,
  type Credential,
  issueHostCertificate,
  issueServiceCertificate,
  issueSessionCertificate,
  issueUserCertificate,
  makeProxy,
  parseCertificate,
  parseCrl,
  type RevocationList,
  type SigningPolicy,
} from './index.ts';
import { extensionOid, proxyPolicyOid, purposeOid, xosOid } from './object-identifiers.ts';
import { signStructure } from './signature-algorithm.ts';
import {
  aliceGuid,
  chainOf,
  crlOf,
  day,
  ecKey,
  hostGuid,
  hostname,
  makeDomain,
  now,
  publicHalf,
  rsaKey,
  secondsLater,
  type TestDomain,
} from './test-domain.ts';
import {
  basicConstraints,
  certificateSigning,
  digitalSignature,
  extension,
  type Forgery,
  flip,
  forge,
  forgeDer,
  forgeRoot,
  keyIdentifiers,
  keyUsage,
} from './test-forgery.ts';

export interface JudgedChain {
  /** DER, leaf first. */
  readonly chain: readonly Buffer[];
  readonly anchors: readonly { readonly certificate: Certificate; readonly signingPolicy?: SigningPolicy }[];
  readonly crls: readonly RevocationList[];
  readonly now?: Date;
  readonly prohibitProxies?: boolean;
  readonly voRoots?: ReadonlyMap<string, string>;
}

export interface OracleCase {
  readonly name: string;
  readonly make: () => JudgedChain;
  /** 'ok', the rule that is broken, or 'unreadable'. */
  readonly ours: string;
  /** 'ok', OpenSSL's error number (X509_STORE_CTX_get_error(3)), or 'unreadable'. */
  readonly openssl: string;
  /** Where one accepts and the other refuses: the name under which docs/path-validation.md argues it. */
  readonly difference?: string;
}

const domain: TestDomain = makeDomain();
const { root, cda, rca, user, host } = domain;

function anchorsOf(...authorities: readonly Credential[]): JudgedChain['anchors'] {
  return authorities.map(({ certificate }) => ({
    certificate,
    signingPolicy: anyXtreemOsSubject(certificate),
  }));
}

function anyXtreemOsSubject(certificate: Certificate): SigningPolicy {
  return { rules: [{ authority: certificate.subject.oneline, subjectPatterns: ['/O=XtreemOS/*'] }] };
}

const ders = (chain: readonly (Certificate | Buffer)[]): readonly Buffer[] =>
  chain.map((one) => (Buffer.isBuffer(one) ? one : one.der));

/** The test domain's anchors and CRLs around a chain. */
function inDomain(chain: readonly (Certificate | Buffer)[], other: Partial<JudgedChain> = {}): JudgedChain {
  return { chain: ders(chain), anchors: anchorsOf(root, cda, rca), crls: domain.crls, ...other };
}

/** A chain under authorities made for one case: each of them an anchor with a policy and an empty CRL. */
function under(
  authorities: readonly Credential[],
  leaf: Certificate | Buffer,
  other: Partial<JudgedChain> = {},
): JudgedChain {
  const above = authorities.slice(0, -1).map(({ certificate }) => certificate);
  return {
    chain: ders([leaf, ...above]),
    anchors: anchorsOf(...authorities),
    crls: authorities.map((authority) => crlOf(authority)),
    ...other,
  };
}

const person = (name: string) =>
  [
    ['O', 'XtreemOS'],
    ['OU', 'plain'],
    ['CN', name],
  ] as const;

/** A certificate without XtreemOS's extensions: judged by RFC 5280 alone. */
function plain(issuer: Credential, extra: Partial<Forgery> & { readonly bare?: boolean } = {}): Credential {
  return forge({
    subject: person('plain'),
    issuer,
    extensions: [basicConstraints(false), digitalSignature],
    ...extra,
  });
}

function authorityBelow(
  issuer: Credential,
  name: string,
  extra: Partial<Forgery> & { readonly bare?: boolean } = {},
): Credential {
  return forge({
    subject: person(name),
    issuer,
    extensions: [basicConstraints(true), certificateSigning],
    notAfter: secondsLater(30 * day),
    ...extra,
  });
}

function userUnder(
  issuer: Credential,
  vo: string,
  change: { readonly now?: Date; readonly lifetimeSeconds?: number } = {},
): Certificate {
  const issued = issueUserCertificate({
    issuer,
    publicKey: publicHalf(ecKey()),
    guid: aliceGuid,
    user: 'alice',
    memberships: [{ vo, fqans: [`/${vo}`], primaryFqan: `/${vo}` }],
    now,
    lifetimeSeconds: day / 2,
    ...change,
  });
  return parseCertificate(issued.der);
}

function proxyOf(credential: Credential, change: Partial<Parameters<typeof makeProxy>[2]> = {}): Credential {
  const key = ecKey();
  const certificate = makeProxy(credential, publicHalf(key), { now, lifetimeSeconds: 3600, ...change });
  return { key, certificate, chain: chainOf(credential) };
}

const proxyInfo = (language: string = proxyPolicyOid.inheritAll, pathLength?: number): Buffer =>
  der.sequence(
    ...(pathLength === undefined ? [] : [der.integer(pathLength)]),
    der.sequence(der.oid(language)),
  );

/** A proxy that makeProxy would refuse to make. */
function forgeProxy(credential: Credential, extensions: readonly Buffer[], subject?: Buffer): Credential {
  const name = credential.certificate.subject.der;
  const rdn = encodeRdn('CN', '12345');
  const forged = forge({
    subject: subject ?? der.sequence(name.subarray(name.length > 129 ? 3 : 2), rdn),
    issuer: credential,
    extensions,
  });
  return { ...forged, chain: chainOf(credential) };
}

const goodProxyExtensions = [extension(extensionOid.proxyCertInfo, proxyInfo(), true), digitalSignature];

/** User certificate of the domain with other extensions than the CDA would write. */
function forgeUser(issuer: Credential, xos: readonly Buffer[], subject = ['physics', 'alice']): Credential {
  return forge({
    subject: [
      ['O', 'XtreemOS'],
      ['OU', subject[0] ?? ''],
      ['CN', subject[1] ?? ''],
    ],
    issuer,
    extensions: [basicConstraints(false), digitalSignature, ...xos],
  });
}

const xosTexts = (oid: string, ...texts: readonly string[]): Buffer =>
  extension(oid, der.sequence(...texts.map((text) => der.utf8String(text))));
const xosText = (oid: string, text: string): Buffer => extension(oid, der.utf8String(text));
const claims = (vo: string): readonly Buffer[] => [
  xosText(xosOid.guid, aliceGuid),
  xosTexts(xosOid.vos, vo),
  xosTexts(xosOid.fqans, `/${vo}`),
  xosTexts(xosOid.primaryFqans, `/${vo}`),
];

const sha1WithRsa = { hash: 'sha1', oid: '1.2.840.113549.1.1.5' };
const md5WithRsa = { hash: 'md5', oid: '1.2.840.113549.1.1.4' };
const plainRoot = forgeRoot('plain root');
const rsaRoot = forgeRoot('rsa root', { key: rsaKey() });

function ofKeys(authorityKey: () => KeyObject, userKey: () => KeyObject): JudgedChain {
  const made = makeDomain({ authorityKey, userKey });
  return {
    chain: ders(chainOf(made.user)),
    anchors: anchorsOf(made.root, made.cda, made.rca),
    crls: made.crls,
  };
}

function withNames(constraints: Buffer, leaf: Partial<Forgery>): JudgedChain {
  const nameConstraints = extension(extensionOid.nameConstraints, constraints, true);
  const constrained = forgeRoot('constrained root', {
    extensions: [basicConstraints(true), certificateSigning, nameConstraints],
  });
  return under([constrained], plain(constrained, leaf).certificate);
}

const subtree = (base: Buffer): Buffer => der.sequence(base);
const dnsName = (name: string): Buffer => der.implicit(2, Buffer.from(name));
const alternativeNames = (...names: readonly Buffer[]): Buffer =>
  extension(extensionOid.subjectAltName, der.sequence(...names));
const withAlternative = (...names: readonly Buffer[]): Partial<Forgery> => ({
  extensions: [basicConstraints(false), digitalSignature, alternativeNames(...names)],
});
const directoryTree = (...pairs: readonly (readonly [string, string])[]): Buffer =>
  subtree(der.explicit(4, encodeName(pairs)));

/** The CRL of an issuer with another signer, or with an extension added. */
function forgedCrl(
  issuer: Credential,
  signer: KeyObject,
  extensions: readonly Buffer[] = [],
): RevocationList {
  const tbs = der.sequence(
    der.integer(1),
    der.sequence(der.oid('1.2.840.10045.4.3.2')),
    issuer.certificate.subject.der,
    der.time(now),
    der.time(secondsLater(day)),
    der.explicit(
      0,
      der.sequence(
        ...keyIdentifiers(issuer.key, issuer.key).slice(1),
        extension(extensionOid.crlNumber, der.integer(2)),
        ...extensions,
      ),
    ),
  );
  return parseCrl(signStructure(tbs, signer));
}

const revoking = (issuer: Credential, certificate: Certificate): readonly RevocationList[] => [
  ...domain.crls.filter((crl) => crl.issuer.rfc4514 !== issuer.certificate.subject.rfc4514),
  crlOf(issuer, [{ serial: certificate.serial, revokedAt: now, reason: 'keyCompromise' }]),
];

/** The same certificate with its outer SEQUENCE in indefinite length: BER, not DER. */
function indefinite(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x30, 0x80]), bytes.subarray(4), Buffer.from([0, 0])]);
}

function hugeCertificate(): Buffer {
  const key = ecKey();
  const padding = extension('1.3.6.1.4.1.99999.1', der.octetString(Buffer.alloc(70_000)));
  const extensions = [...keyIdentifiers(key, plainRoot.key), basicConstraints(false), padding];
  return forgeDer({ subject: person('huge'), issuer: plainRoot, extensions }, key);
}

export const oracleCases: readonly OracleCase[] = [
  // accepted by both
  { name: 'user under CDA under root', make: () => inDomain(chainOf(user)), ours: 'ok', openssl: 'ok' },
  {
    name: 'the root presented as well',
    make: () => inDomain([...chainOf(user), root.certificate]),
    ours: 'ok',
    openssl: 'ok',
  },
  {
    name: 'the CDA left out and taken from the store',
    make: () => inDomain([user.certificate]),
    ours: 'ok',
    openssl: 'ok',
  },
  { name: 'host under RCA', make: () => inDomain(chainOf(host)), ours: 'ok', openssl: 'ok' },
  {
    name: 'VO service under the root',
    make: () => {
      const request = { issuer: root, publicKey: publicHalf(ecKey()), hostname, now, lifetimeSeconds: day };
      return inDomain([parseCertificate(issueServiceCertificate({ ...request, ipAddresses: ['::1'] }).der)]);
    },
    ours: 'ok',
    openssl: 'ok',
  },
  { name: 'proxy', make: () => inDomain(chainOf(proxyOf(user))), ours: 'ok', openssl: 'ok' },
  {
    name: 'proxy of a proxy',
    make: () => inDomain(chainOf(proxyOf(proxyOf(user)))),
    ours: 'ok',
    openssl: 'ok',
  },
  {
    name: 'limited proxy',
    make: () => inDomain(chainOf(proxyOf(user, { limited: true }))),
    ours: 'ok',
    openssl: 'ok',
  },
  {
    name: 'proxy below one of path length 1',
    make: () => inDomain(chainOf(proxyOf(proxyOf(user, { pathLength: 1 })))),
    ours: 'ok',
    openssl: 'ok',
  },
  {
    name: 'RSA 2048 throughout',
    make: () =>
      ofKeys(
        () => rsaKey(),
        () => rsaKey(),
      ),
    ours: 'ok',
    openssl: 'ok',
  },
  {
    name: 'Ed25519 throughout',
    make: () => {
      const key = () => generateKeyPairSync('ed25519').privateKey;
      return ofKeys(key, key);
    },
    ours: 'ok',
    openssl: 'ok',
  },
  {
    name: 'ECDSA P-384 under P-521',
    make: () =>
      ofKeys(
        () => ecKey('P-521'),
        () => ecKey('P-384'),
      ),
    ours: 'ok',
    openssl: 'ok',
  },
  {
    name: 'certificate without extensions of ours',
    make: () => under([plainRoot], plain(plainRoot).certificate),
    ours: 'ok',
    openssl: 'ok',
  },
  {
    name: 'unknown extension that is not critical',
    make: () => {
      const extensions = [basicConstraints(false), digitalSignature, extension('1.2.3.4', der.nullValue())];
      return under([plainRoot], plain(plainRoot, { extensions }).certificate);
    },
    ours: 'ok',
    openssl: 'ok',
  },
  {
    name: 'critical certificate policies',
    make: () => {
      const policies = extension(
        extensionOid.certificatePolicies,
        der.sequence(der.sequence(der.oid('1.2.3.4'))),
        true,
      );
      const extensions = [basicConstraints(false), digitalSignature, policies];
      return under([plainRoot], plain(plainRoot, { extensions }).certificate);
    },
    ours: 'ok',
    openssl: 'ok',
  },
  {
    name: 'issuer name in other case and spacing',
    make: () => {
      const spelled = encodeName([
        ['O', 'xtreemos'],
        ['CN', '  Plain   ROOT '],
      ]);
      const issuer = {
        ...plainRoot,
        certificate: {
          ...plainRoot.certificate,
          subject: { ...plainRoot.certificate.subject, der: spelled },
        },
      };
      return under([plainRoot], plain(issuer as Credential).certificate);
    },
    ours: 'ok',
    openssl: 'ok',
  },
  {
    name: 'root signed with SHA-1: its own signature is not judged',
    make: () => {
      const old = forgeRoot('sha1 root', { key: rsaKey(), weak: sha1WithRsa });
      return under([old], plain(old).certificate);
    },
    ours: 'ok',
    openssl: 'ok',
  },
  {
    name: 'root whose own signature is broken',
    make: () => {
      const broken = { ...plainRoot, certificate: parseCertificate(flip(plainRoot.certificate.der, -1)) };
      return under([broken], plain(plainRoot).certificate);
    },
    ours: 'ok',
    openssl: 'ok',
  },

  // time
  {
    name: 'expired',
    make: () => inDomain(chainOf(user), { now: secondsLater(day / 2 + 301) }),
    ours: 'expired',
    openssl: '10',
  },
  {
    name: 'expired four minutes ago',
    make: () => inDomain(chainOf(user), { now: secondsLater(day / 2 + 240) }),
    ours: 'ok',
    openssl: '10',
    difference: 'skew',
  },
  {
    name: 'not yet valid',
    make: () => inDomain([userUnder(cda, 'physics', { now: secondsLater(602) }), cda.certificate]),
    ours: 'not-yet-valid',
    openssl: '9',
  },
  {
    name: 'valid in four minutes',
    make: () => inDomain([userUnder(cda, 'physics', { now: secondsLater(540) }), cda.certificate]),
    ours: 'ok',
    openssl: '9',
    difference: 'skew',
  },
  {
    name: 'expired intermediate',
    make: () => {
      const old = authorityBelow(plainRoot, 'old', { notAfter: secondsLater(-400) });
      return under([old, plainRoot], plain(old).certificate);
    },
    ours: 'expired',
    openssl: '10',
  },
  {
    name: 'expired root',
    make: () => {
      const old = forgeRoot('old root', { notAfter: secondsLater(-400) });
      return under([old], plain(old).certificate);
    },
    ours: 'expired',
    openssl: '10',
  },

  // revocation
  {
    name: 'revoked user',
    make: () => inDomain(chainOf(user), { crls: revoking(cda, user.certificate) }),
    ours: 'revoked',
    openssl: '23',
  },
  {
    name: 'revoked CDA',
    make: () => inDomain(chainOf(user), { crls: revoking(root, cda.certificate) }),
    ours: 'revoked',
    openssl: '23',
  },
  {
    name: 'root revoked by itself',
    make: () => inDomain(chainOf(user), { crls: revoking(root, root.certificate) }),
    ours: 'revoked',
    openssl: '23',
  },
  {
    name: 'proxy of a revoked user',
    make: () => inDomain(chainOf(proxyOf(user)), { crls: revoking(cda, user.certificate) }),
    ours: 'revoked',
    openssl: '23',
  },
  {
    name: 'no CRL of the CDA',
    make: () =>
      inDomain(chainOf(user), { crls: domain.crls.filter(({ issuer }) => issuer.commonName !== 'CDA') }),
    ours: 'crl',
    openssl: '3',
  },
  {
    name: 'no CRL of the root',
    make: () =>
      inDomain(chainOf(user), { crls: domain.crls.filter(({ issuer }) => issuer.commonName === 'CDA') }),
    ours: 'crl',
    openssl: '3',
  },
  {
    name: 'CRL past its nextUpdate',
    make: () => {
      const stale = crlOf(cda, [], { thisUpdate: secondsLater(-day), nextUpdate: secondsLater(-301) });
      return inDomain(chainOf(user), { crls: [crlOf(root), stale] });
    },
    ours: 'crl',
    openssl: '12',
  },
  {
    name: 'CRL past its nextUpdate by four minutes',
    make: () => {
      const stale = crlOf(cda, [], { thisUpdate: secondsLater(-day), nextUpdate: secondsLater(-240) });
      return inDomain(chainOf(user), { crls: [crlOf(root), stale] });
    },
    ours: 'ok',
    openssl: '12',
    difference: 'skew',
  },
  {
    name: 'CRL dated in the future',
    make: () => {
      const early = crlOf(cda, [], { thisUpdate: secondsLater(600), nextUpdate: secondsLater(day) });
      return inDomain(chainOf(user), { crls: [crlOf(root), early] });
    },
    ours: 'crl',
    openssl: '11',
  },
  {
    name: 'CRL signed by another key',
    make: () => inDomain(chainOf(user), { crls: [crlOf(root), forgedCrl(cda, ecKey())] }),
    ours: 'crl',
    openssl: '8',
  },
  {
    name: 'CRL with an unknown critical extension',
    make: () => {
      const odd = forgedCrl(cda, cda.key, [extension('1.2.3.4', der.nullValue(), true)]);
      return inDomain(chainOf(user), { crls: [crlOf(root), odd] });
    },
    ours: 'crl',
    openssl: '36',
  },
  {
    name: 'newer CRL revokes what an older one does not',
    make: () => {
      const entry = { serial: user.certificate.serial, revokedAt: now };
      const older = crlOf(cda, [], { thisUpdate: secondsLater(-day / 2) });
      return inDomain(chainOf(user), { crls: [crlOf(root), older, crlOf(cda, [entry])] });
    },
    ours: 'revoked',
    openssl: '23',
  },
  {
    name: 'issuer without the right to sign CRLs',
    make: () => {
      const mute = authorityBelow(plainRoot, 'mute', { extensions: [basicConstraints(true), keyUsage(5)] });
      return under([mute, plainRoot], plain(mute).certificate);
    },
    ours: 'crl',
    openssl: '35',
  },

  // issuers
  {
    name: 'wrong issuer: the same name with another key',
    make: () => {
      const impostor = makeDomain();
      return inDomain([impostor.user.certificate, cda.certificate]);
    },
    ours: 'order',
    openssl: '20',
  },
  {
    name: 'wrong issuer without key identifiers',
    make: () => under([plainRoot], plain(forgeRoot('plain root'), { bare: true }).certificate),
    ours: 'signature',
    openssl: '85',
  },
  {
    name: 'root that is not installed',
    make: () => {
      const stranger = makeDomain({ domain: 'Stranger' });
      return inDomain(chainOf(stranger.user));
    },
    ours: 'untrusted',
    openssl: '20',
  },
  {
    name: 'root that is not installed, presented',
    make: () => {
      const stranger = makeDomain({ domain: 'Stranger' });
      return inDomain([...chainOf(stranger.user), stranger.root.certificate]);
    },
    ours: 'untrusted',
    openssl: '19',
  },
  {
    name: 'self-signed leaf',
    make: () =>
      inDomain([
        forge({ subject: person('self'), extensions: [basicConstraints(false), digitalSignature] })
          .certificate,
      ]),
    ours: 'untrusted',
    openssl: '18',
  },
  {
    name: 'intermediate installed without its root',
    make: () => inDomain(chainOf(user), { anchors: anchorsOf(cda) }),
    ours: 'untrusted',
    openssl: '2',
  },
  {
    name: 'issuer with CA:false',
    make: () => {
      const below = plain(user);
      return inDomain([below.certificate, ...chainOf(user)]);
    },
    ours: 'not-a-ca',
    openssl: '79',
  },
  {
    name: 'issuer without basicConstraints',
    make: () => {
      const loose = authorityBelow(plainRoot, 'loose', { extensions: [certificateSigning] });
      return under([loose, plainRoot], plain(loose).certificate);
    },
    ours: 'not-a-ca',
    openssl: '79',
  },
  {
    name: 'issuer whose basicConstraints are not critical',
    make: () => {
      const loose = authorityBelow(plainRoot, 'loose', {
        extensions: [basicConstraints(true, undefined, false), certificateSigning],
      });
      return under([loose, plainRoot], plain(loose).certificate);
    },
    ours: 'not-a-ca',
    openssl: '89',
  },
  {
    name: 'issuer without key usage',
    make: () => {
      const loose = authorityBelow(plainRoot, 'loose', { extensions: [basicConstraints(true)] });
      return under([loose, plainRoot], plain(loose).certificate);
    },
    ours: 'key-usage',
    openssl: '92',
  },
  {
    name: 'issuer without keyCertSign',
    make: () => {
      const mute = authorityBelow(plainRoot, 'mute', { extensions: [basicConstraints(true), keyUsage(6)] });
      return under([mute, plainRoot], plain(mute).certificate);
    },
    ours: 'key-usage',
    openssl: '79',
  },
  {
    name: 'version 1 root',
    make: () => {
      const old = forgeRoot('v1 root', { version: 1, bare: true });
      return under([old], plain(old).certificate);
    },
    ours: 'not-a-ca',
    openssl: '79',
  },
  {
    name: 'path length exceeded',
    make: () => {
      const top = forgeRoot('short root', { extensions: [basicConstraints(true, 0), certificateSigning] });
      const below = authorityBelow(top, 'below');
      return under([below, top], plain(below).certificate);
    },
    ours: 'path-length',
    openssl: '25',
  },
  {
    name: 'CDA that makes a CA',
    make: () => {
      const below = authorityBelow(cda, 'below');
      return under([below, cda, root], plain(below).certificate);
    },
    ours: 'path-length',
    openssl: '25',
  },
  {
    name: 'authority without subject key identifier',
    make: () => {
      const bare = forgeRoot('bare root', { bare: true });
      return under([bare], plain(bare).certificate);
    },
    ours: 'ok',
    openssl: '86',
    difference: 'key-identifiers',
  },
  {
    name: 'certificate without authority key identifier',
    make: () => under([plainRoot], plain(plainRoot, { bare: true }).certificate),
    ours: 'ok',
    openssl: '85',
    difference: 'key-identifiers',
  },
  {
    name: 'CA as the leaf',
    make: () => inDomain([cda.certificate]),
    ours: 'end-entity',
    openssl: 'ok',
    difference: 'end-entity',
  },

  // names
  {
    name: 'directory name permitted',
    make: () =>
      withNames(der.sequence(der.explicit(0, directoryTree(['O', 'XtreemOS'], ['OU', 'plain']))), {}),
    ours: 'ok',
    openssl: 'ok',
  },
  {
    name: 'directory name not permitted',
    make: () =>
      withNames(der.sequence(der.explicit(0, directoryTree(['O', 'XtreemOS'], ['OU', 'other']))), {}),
    ours: 'name-constraint',
    openssl: '47',
  },
  {
    name: 'directory name excluded',
    make: () => withNames(der.sequence(der.explicit(1, directoryTree(['O', 'xtreemos']))), {}),
    ours: 'name-constraint',
    openssl: '48',
  },
  {
    name: 'host name permitted',
    make: () =>
      withNames(
        der.sequence(der.explicit(0, subtree(dnsName('example.org')))),
        withAlternative(dnsName('a.Example.org')),
      ),
    ours: 'ok',
    openssl: 'ok',
  },
  {
    name: 'host name not permitted',
    make: () =>
      withNames(
        der.sequence(der.explicit(0, subtree(dnsName('example.org')))),
        withAlternative(dnsName('badexample.org')),
      ),
    ours: 'name-constraint',
    openssl: '47',
  },
  {
    name: 'IP address excluded',
    make: () => {
      const network = der.implicit(7, Buffer.from([10, 0, 0, 0, 255, 0, 0, 0]));
      return withNames(
        der.sequence(der.explicit(1, subtree(network))),
        withAlternative(der.implicit(7, Buffer.from([10, 9, 8, 7]))),
      );
    },
    ours: 'name-constraint',
    openssl: '48',
  },
  {
    name: 'mail address not permitted',
    make: () => {
      const mail = (text: string) => der.implicit(1, Buffer.from(text));
      return withNames(
        der.sequence(der.explicit(0, subtree(mail('example.org')))),
        withAlternative(mail('a@sub.example.org')),
      );
    },
    ours: 'name-constraint',
    openssl: '47',
  },
  {
    name: 'URI excluded',
    make: () => {
      const uri = (text: string) => der.implicit(6, Buffer.from(text));
      return withNames(
        der.sequence(der.explicit(1, subtree(uri('.example.org')))),
        withAlternative(uri('https://u@a.example.org:1/x')),
      );
    },
    ours: 'name-constraint',
    openssl: '48',
  },

  // algorithms and keys
  {
    name: 'user signed with SHA-1',
    make: () => under([rsaRoot], plain(rsaRoot, { weak: sha1WithRsa }).certificate),
    ours: 'algorithm',
    openssl: '68',
  },
  {
    name: 'user signed with MD5',
    make: () => under([rsaRoot], plain(rsaRoot, { weak: md5WithRsa }).certificate),
    ours: 'algorithm',
    openssl: '68',
  },
  {
    name: 'RSA 1024 of the user',
    make: () => under([plainRoot], plain(plainRoot, { key: rsaKey(1024) }).certificate),
    ours: 'key',
    openssl: '66',
  },
  {
    name: 'RSA 1024 of the root',
    make: () => {
      const weak = forgeRoot('weak root', { key: rsaKey(1024) });
      return under([weak], plain(weak).certificate);
    },
    ours: 'key',
    openssl: '67',
  },
  {
    name: 'curve secp256k1',
    make: () => under([plainRoot], plain(plainRoot, { key: ecKey('secp256k1') }).certificate),
    ours: 'key',
    openssl: 'ok',
    difference: 'curves',
  },
  {
    name: 'altered signature',
    make: () => inDomain([flip(user.certificate.der, -1), cda.certificate]),
    ours: 'signature',
    openssl: '7',
  },
  {
    name: 'altered content',
    make: () => {
      const at = user.certificate.der.indexOf('alice');
      return inDomain([flip(user.certificate.der, at), cda.certificate]);
    },
    ours: 'signature',
    openssl: '7',
  },
  {
    name: 'unknown critical extension',
    make: () => {
      const extensions = [
        basicConstraints(false),
        digitalSignature,
        extension('1.2.3.4', der.nullValue(), true),
      ];
      return under([plainRoot], plain(plainRoot, { extensions }).certificate);
    },
    ours: 'critical-extension',
    openssl: '34',
  },
  {
    name: 'critical policy constraints',
    make: () => {
      const value = der.sequence(der.implicit(0, Buffer.from([5])));
      const constrained = forgeRoot('policy root', {
        extensions: [
          basicConstraints(true),
          certificateSigning,
          extension(extensionOid.policyConstraints, value, true),
        ],
      });
      return under([constrained], plain(constrained).certificate);
    },
    ours: 'critical-extension',
    openssl: 'ok',
    difference: 'policy-tree',
  },

  // proxies
  {
    name: 'proxies prohibited',
    make: () => inDomain(chainOf(proxyOf(user)), { prohibitProxies: true }),
    ours: 'proxy',
    openssl: '40',
  },
  {
    name: 'proxy of a CA',
    make: () => inDomain(chainOf(forgeProxy(cda, goodProxyExtensions))),
    ours: 'proxy',
    openssl: '37',
  },
  {
    name: 'proxy of a host',
    make: () => inDomain(chainOf(forgeProxy(host, goodProxyExtensions))),
    ours: 'proxy',
    openssl: 'ok',
    difference: 'proxy-of-host',
  },
  {
    name: 'proxy that is a CA',
    make: () => inDomain(chainOf(forgeProxy(user, [...goodProxyExtensions, basicConstraints(true)]))),
    ours: 'proxy',
    openssl: '20',
  },
  {
    name: 'proxy too deep',
    make: () => {
      const first = proxyOf(user, { pathLength: 0 });
      return inDomain(chainOf(forgeProxy(first, goodProxyExtensions)));
    },
    ours: 'proxy-path-length',
    openssl: '38',
  },
  {
    name: 'proxy two below one of path length 1',
    make: () => {
      const second = proxyOf(proxyOf(user, { pathLength: 1 }));
      return inDomain(chainOf(forgeProxy(second, goodProxyExtensions)));
    },
    ours: 'proxy-path-length',
    openssl: '38',
  },
  {
    name: 'proxy whose subject does not continue its issuer',
    make: () =>
      inDomain(chainOf(forgeProxy(user, goodProxyExtensions, encodeName([...person('x'), ['CN', '1']])))),
    ours: 'proxy',
    openssl: '72',
  },
  {
    name: 'proxy whose added attribute is no CN',
    make: () => {
      const name = user.certificate.subject.der;
      const subject = der.sequence(name.subarray(2), encodeRdn('OU', '1'));
      return inDomain(chainOf(forgeProxy(user, goodProxyExtensions, subject)));
    },
    ours: 'proxy',
    openssl: '72',
  },
  {
    name: 'proxy with an alternative name',
    make: () =>
      inDomain(chainOf(forgeProxy(user, [...goodProxyExtensions, alternativeNames(dnsName('x.org'))]))),
    ours: 'proxy',
    openssl: '20',
  },
  {
    name: 'proxy whose ProxyCertInfo is not critical',
    make: () =>
      inDomain(
        chainOf(forgeProxy(user, [extension(extensionOid.proxyCertInfo, proxyInfo()), digitalSignature])),
      ),
    ours: 'proxy',
    openssl: 'ok',
    difference: 'proxy-form',
  },
  {
    name: 'independent proxy',
    make: () => {
      const info = extension(extensionOid.proxyCertInfo, proxyInfo(proxyPolicyOid.independent), true);
      return inDomain(chainOf(forgeProxy(user, [info, digitalSignature])));
    },
    ours: 'proxy-policy',
    openssl: 'ok',
    difference: 'proxy-policy',
  },
  {
    name: 'proxy that claims a VO',
    make: () =>
      inDomain(chainOf(forgeProxy(user, [...goodProxyExtensions, xosTexts(xosOid.vos, 'chemistry')]))),
    ours: 'proxy',
    openssl: 'ok',
    difference: 'xtreemos-rules',
  },
  {
    name: 'proxy signed by another key',
    make: () => {
      const thief = { ...user, key: ecKey() };
      return inDomain(chainOf(forgeProxy(thief, goodProxyExtensions)));
    },
    ours: 'order',
    openssl: '20',
  },
  {
    name: 'expired proxy',
    make: () => inDomain(chainOf(proxyOf(user, { lifetimeSeconds: 60 })), { now: secondsLater(361) }),
    ours: 'expired',
    openssl: '10',
  },
  {
    name: 'session proxy from nowhere',
    make: () => inDomain(chainOf(proxyOf(user, { host: { hostGuid, hostname } }))),
    ours: 'host-binding',
    openssl: 'ok',
    difference: 'host-binding',
  },
  {
    name: 'session certificate from nowhere',
    make: () => {
      const issued = issueSessionCertificate({
        issuer: cda,
        publicKey: publicHalf(ecKey()),
        guid: aliceGuid,
        user: 'alice',
        memberships: [{ vo: 'physics', fqans: ['/physics'], primaryFqan: '/physics' }],
        host: { hostGuid, hostname },
        now,
        lifetimeSeconds: day,
      });
      return inDomain([parseCertificate(issued.der), cda.certificate]);
    },
    ours: 'host-binding',
    openssl: 'ok',
    difference: 'host-binding',
  },

  // signing policies
  {
    name: 'subject that the signing policy does not allow',
    make: () => {
      const anchors = [root, cda].map(({ certificate }) => ({
        certificate,
        signingPolicy: {
          rules: [
            { authority: certificate.subject.oneline, subjectPatterns: ['/O=XtreemOS/OU=chemistry/*'] },
          ],
        },
      }));
      return inDomain(chainOf(user), { anchors });
    },
    ours: 'signing-policy',
    openssl: 'ok',
    difference: 'signing-policy',
  },
  {
    name: 'no signing policy installed',
    make: () =>
      inDomain(chainOf(user), {
        anchors: [{ certificate: root.certificate }, { certificate: cda.certificate }],
      }),
    ours: 'signing-policy',
    openssl: 'ok',
    difference: 'signing-policy',
  },
  {
    name: 'intermediate that is not installed',
    make: () => inDomain(chainOf(user), { anchors: anchorsOf(root) }),
    ours: 'signing-policy',
    openssl: 'ok',
    difference: 'signing-policy',
  },
  {
    name: 'name that reads as another in oneline form',
    make: () => {
      const subject = [
        ['O', 'XtreemOS'],
        ['CN', 'x/CN=alice'],
      ] as const;
      return under([plainRoot], plain(plainRoot, { subject }).certificate);
    },
    ours: 'signing-policy',
    openssl: 'ok',
    difference: 'ambiguous-name',
  },

  // XtreemOS
  {
    name: 'user that names another VO than its CDA may',
    make: () =>
      inDomain([forgeUser(cda, claims('chemistry'), ['chemistry', 'alice']).certificate, cda.certificate]),
    ours: 'vo',
    openssl: 'ok',
    difference: 'xtreemos-rules',
  },
  {
    name: 'user issued by the RCA',
    make: () => inDomain([forgeUser(rca, claims('physics')).certificate, rca.certificate]),
    ours: 'authority',
    openssl: 'ok',
    difference: 'xtreemos-rules',
  },
  {
    name: 'user issued by the root',
    make: () => inDomain([forgeUser(root, claims('physics')).certificate]),
    ours: 'authority',
    openssl: 'ok',
    difference: 'xtreemos-rules',
  },
  {
    name: 'user of a root that is not its VO\u2019s',
    make: () => inDomain(chainOf(user), { voRoots: new Map([['physics', 'ab'.repeat(32)]]) }),
    ours: 'vo-root',
    openssl: 'ok',
    difference: 'xtreemos-rules',
  },
  {
    name: 'user whose subject is another user',
    make: () =>
      inDomain([forgeUser(cda, claims('physics'), ['chemistry', 'alice']).certificate, cda.certificate]),
    ours: 'user',
    openssl: 'ok',
    difference: 'xtreemos-rules',
  },
  {
    name: 'primary FQAN that is not among the FQANs',
    make: () => {
      const odd = [...claims('physics').slice(0, 3), xosTexts(xosOid.primaryFqans, '/physics/admin')];
      return inDomain([forgeUser(cda, odd).certificate, cda.certificate]);
    },
    ours: 'user',
    openssl: 'ok',
    difference: 'xtreemos-rules',
  },
  {
    name: 'person and host at once',
    make: () => {
      const both = [...claims('physics'), xosText(xosOid.hostRole, 'mrc')];
      return inDomain([forgeUser(cda, both).certificate, cda.certificate]);
    },
    ours: 'end-entity',
    openssl: 'ok',
    difference: 'xtreemos-rules',
  },
  {
    name: 'host role issued by the CDA',
    make: () => {
      const role = [
        xosText(xosOid.hostRole, 'mrc'),
        xosTexts(xosOid.vos, 'physics'),
        xosText(xosOid.hostGuid, hostGuid),
      ];
      return inDomain([
        forgeUser(cda, [...role, alternativeNames(dnsName('alice'))]).certificate,
        cda.certificate,
      ]);
    },
    ours: 'authority',
    openssl: 'ok',
    difference: 'xtreemos-rules',
  },
  {
    name: 'role of a VO service issued by the RCA',
    make: () => {
      const role = [xosText(xosOid.hostRole, 'vo'), alternativeNames(dnsName('alice'))];
      return inDomain([forgeUser(rca, role).certificate, rca.certificate]);
    },
    ours: 'authority',
    openssl: 'ok',
    difference: 'xtreemos-rules',
  },
  {
    name: 'user for servers only',
    make: () => {
      const purpose = extension(extensionOid.extendedKeyUsage, der.sequence(der.oid(purposeOid.serverAuth)));
      return inDomain([forgeUser(cda, [...claims('physics'), purpose]).certificate, cda.certificate]);
    },
    ours: 'key-usage',
    openssl: 'ok',
    difference: 'xtreemos-rules',
  },
  {
    name: 'host of one VO under the RCA of another',
    make: () => {
      const chemistry = makeDomain({ vo: 'chemistry' });
      const request = {
        publicKey: publicHalf(ecKey()),
        role: 'mrc',
        hostGuid,
        hostname,
        now,
        lifetimeSeconds: day,
      } as const;
      const issued = issueHostCertificate({ ...request, issuer: chemistry.rca, vo: 'chemistry' });
      return {
        chain: ders([issued.der, chemistry.rca.certificate]),
        anchors: anchorsOf(chemistry.root, chemistry.rca),
        crls: chemistry.crls,
        voRoots: new Map([['physics', chemistry.root.certificate.fingerprint]]),
      };
    },
    ours: 'vo-root',
    openssl: 'ok',
    difference: 'xtreemos-rules',
  },

  // what is presented
  {
    name: 'chain out of order',
    make: () => inDomain([proxyOf(user).certificate, cda.certificate, user.certificate]),
    ours: 'order',
    openssl: 'ok',
    difference: 'order',
  },
  {
    name: 'unrelated certificate in the chain',
    make: () => inDomain([...chainOf(user), rca.certificate]),
    ours: 'order',
    openssl: 'ok',
    difference: 'order',
  },

  // encodings
  {
    name: 'trailing bytes',
    make: () => inDomain([Buffer.concat([user.certificate.der, Buffer.from([0])]), cda.certificate]),
    ours: 'unreadable',
    openssl: 'ok',
    difference: 'encoding',
  },
  {
    name: 'truncated DER',
    make: () => inDomain([user.certificate.der.subarray(0, -1), cda.certificate]),
    ours: 'unreadable',
    openssl: 'unreadable',
  },
  {
    name: 'indefinite length',
    make: () => inDomain([indefinite(user.certificate.der), cda.certificate]),
    ours: 'unreadable',
    openssl: 'ok',
    difference: 'encoding',
  },
  {
    name: 'huge certificate',
    make: () => under([plainRoot], hugeCertificate()),
    ours: 'unreadable',
    openssl: 'ok',
    difference: 'size',
  },
  {
    name: 'extension twice',
    make: () => {
      const key = ecKey();
      const extensions = [
        ...keyIdentifiers(key, plainRoot.key),
        basicConstraints(false),
        digitalSignature,
        digitalSignature,
      ];
      return under([plainRoot], forgeDer({ subject: person('twice'), issuer: plainRoot, extensions }, key));
    },
    ours: 'unreadable',
    openssl: '20',
  },
  {
    name: 'negative serial number',
    make: () => {
      const key = ecKey();
      const extensions = [...keyIdentifiers(key, plainRoot.key), basicConstraints(false), digitalSignature];
      return under(
        [plainRoot],
        forgeDer(
          { subject: person('negative'), issuer: plainRoot, extensions, serial: Buffer.from([0x81]) },
          key,
        ),
      );
    },
    ours: 'unreadable',
    openssl: 'ok',
    difference: 'encoding',
  },
  {
    name: 'trailing bytes inside an extension',
    make: () => {
      const key = ecKey();
      const odd = extension(
        extensionOid.basicConstraints,
        Buffer.concat([der.sequence(), Buffer.from([5, 0])]),
        true,
      );
      const extensions = [...keyIdentifiers(key, plainRoot.key), odd, digitalSignature];
      return under([plainRoot], forgeDer({ subject: person('odd'), issuer: plainRoot, extensions }, key));
    },
    ours: 'unreadable',
    openssl: 'ok',
    difference: 'encoding',
  },
];
