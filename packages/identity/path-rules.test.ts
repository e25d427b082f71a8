import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isXosError } from '@xtreemos/base';
import * as der from './der-writer.ts';
import { chainOf, crlOf, day, ecKey, hostGuid, now, secondsLater } from './fixtures/domain.ts';
import {
  basicConstraints,
  certificateSigning,
  digitalSignature,
  extension,
  forge,
  forgeRoot,
  keyUsage,
} from './fixtures/forgery.ts';
import {
  alternativeNames,
  anchorsOf,
  authorityBelow,
  cda,
  claims,
  dnsName,
  forgeProxy,
  forgeUser,
  inDomain,
  type JudgedChain,
  plain,
  plainRoot,
  proxyInfo,
  proxyOf,
  rca,
  root,
  under,
  user,
  xosText,
  xosTexts,
} from './fixtures/path-case.ts';
import { makeTrustStore, parseCertificate, parseCrl, validatePath } from './index.ts';
import { extensionOid, proxyPolicyOid, xosOid } from './object-identifiers.ts';
import { signingAlgorithm, signStructure } from './signature-algorithm.ts';

/** Rules that OpenSSL has no opinion on, or that one certificate can break in more than one way. */

function ruleBroken({ chain, anchors, crls }: JudgedChain): unknown {
  try {
    validatePath(
      chain.map((one) => parseCertificate(one)),
      { store: makeTrustStore({ anchors, crls }), now },
    );
    return 'ok';
  } catch (error) {
    if (isXosError(error)) return error.details['rule'];
    throw error;
  }
}

const authority = (kind: string): Buffer => xosText(xosOid.authority, kind);
const caWith = (...more: readonly Buffer[]) => ({
  extensions: [basicConstraints(true), certificateSigning, ...more],
});
const impersonation = extension(extensionOid.proxyCertInfo, proxyInfo(), true);
const role = (name: string): Buffer => xosText(xosOid.hostRole, name);
const guidOfHost = xosText(xosOid.hostGuid, hostGuid);
const physics = xosTexts(xosOid.vos, 'physics');
const named = alternativeNames(dnsName('alice'));

/** A host certificate by the RCA with these extensions; its CN is alice, which is a host name too. */
const hostWith = (...extensions: readonly Buffer[]): JudgedChain =>
  inDomain([forgeUser(rca, extensions).certificate, rca.certificate]);
const userWith = (...extensions: readonly Buffer[]): JudgedChain =>
  inDomain([forgeUser(cda, extensions).certificate, cda.certificate]);

const cases: readonly (readonly [name: string, rule: string, make: () => JudgedChain])[] = [
  [
    'a proxy that issued a certificate',
    'proxy',
    () => {
      const mixed = authorityBelow(plainRoot, 'mixed', caWith(impersonation));
      const leaf = plain(mixed).certificate;
      const chain = [leaf, mixed.certificate, plainRoot.certificate].map((one) => one.der);
      return under([mixed, plainRoot], leaf, { chain });
    },
  ],
  [
    'a proxy that may sign certificates',
    'proxy',
    () => inDomain(chainOf(forgeProxy(user, [impersonation, keyUsage(0, 5)]))),
  ],
  [
    'a proxy of somebody who may not sign',
    'proxy',
    () => {
      const mute = plain(plainRoot, { extensions: [basicConstraints(false), keyUsage(2)] });
      return under([plainRoot], forgeProxy(mute, [impersonation, digitalSignature]).certificate, {
        chain: chainOf(forgeProxy(mute, [impersonation, digitalSignature])).map((one) => one.der),
      });
    },
  ],
  [
    'a proxy that impersonates with conditions',
    'proxy-policy',
    () => {
      const policy = der.sequence(
        der.oid(proxyPolicyOid.inheritAll),
        der.octetString(Buffer.from('only reading')),
      );
      const info = extension(extensionOid.proxyCertInfo, der.sequence(policy), true);
      return inDomain(chainOf(forgeProxy(user, [info, digitalSignature])));
    },
  ],
  ['a proxy without its issuer', 'order', () => inDomain([proxyOf(user).certificate])],
  [
    'an authority kind without being a CA',
    'authority',
    () => userWith(...claims('physics'), authority('CDA')),
  ],
  ['VOs, but neither person nor host', 'end-entity', () => userWith(physics)],
  [
    'a CA that is a person',
    'authority',
    () => {
      const person = authorityBelow(plainRoot, 'person', caWith(...claims('physics')));
      return under([person, plainRoot], plain(person).certificate);
    },
  ],
  [
    'an RCA made by a CDA',
    'authority',
    () => {
      const upper = authorityBelow(plainRoot, 'upper', caWith(authority('CDA'), physics));
      const lower = authorityBelow(upper, 'lower', caWith(authority('RCA'), physics));
      return under([lower, upper, plainRoot], plain(lower).certificate);
    },
  ],
  [
    'a CDA of a VO that its root excludes',
    'vo',
    () => {
      const chemistryRoot = forgeRoot('chemistry root', caWith(xosTexts(xosOid.vos, 'chemistry')));
      const lower = authorityBelow(chemistryRoot, 'lower', caWith(authority('CDA'), physics));
      return under([lower, chemistryRoot], forgeUser(lower, claims('physics')).certificate);
    },
  ],
  [
    'a CDA without VOs',
    'vo',
    () => {
      const lower = authorityBelow(plainRoot, 'lower', caWith(authority('CDA')));
      return under([lower, plainRoot], forgeUser(lower, claims('physics')).certificate);
    },
  ],
  ['a person with a host GUID', 'user', () => userWith(...claims('physics'), guidOfHost)],
  [
    'a person who may not sign',
    'key-usage',
    () => {
      const subject = [
        ['O', 'XtreemOS'],
        ['OU', 'physics'],
        ['CN', 'alice'],
      ] as const;
      const extensions = [basicConstraints(false), keyUsage(2), ...claims('physics')];
      return inDomain([forge({ subject, issuer: cda, extensions }).certificate, cda.certificate]);
    },
  ],
  ['a host as it should be', 'ok', () => hostWith(role('mrc'), physics, guidOfHost, named)],
  [
    'a host with FQANs',
    'host',
    () => hostWith(role('mrc'), physics, guidOfHost, named, xosTexts(xosOid.fqans, '/physics')),
  ],
  ['a host without GUID', 'host', () => hostWith(role('mrc'), physics, named)],
  ['a host without VO', 'host', () => hostWith(role('mrc'), guidOfHost, named)],
  [
    'a host whose name is no alternative name',
    'host',
    () => hostWith(role('mrc'), physics, guidOfHost, alternativeNames(dnsName('bob'))),
  ],
  [
    'a host under an RCA without VOs',
    'vo',
    () => {
      const lower = authorityBelow(plainRoot, 'lower', caWith(authority('RCA')));
      return under(
        [lower, plainRoot],
        forgeUser(lower, [role('mrc'), physics, guidOfHost, named]).certificate,
      );
    },
  ],
  [
    'a VO service that names a VO',
    'host',
    () => inDomain([forgeUser(root, [role('vo'), physics, named]).certificate]),
  ],
  [
    'a CA with a key that is not accepted',
    'key',
    () => {
      const odd = authorityBelow(plainRoot, 'odd', { key: ecKey('secp256k1') });
      const weak = { hash: 'sha256', oid: '1.2.840.10045.4.3.2' };
      const chain = [plain(odd, { weak }).certificate, odd.certificate].map((one) => one.der);
      return { chain, anchors: anchorsOf(odd, plainRoot), crls: [crlOf(plainRoot)] };
    },
  ],
  [
    'a CRL that never ends',
    'crl',
    () => {
      const tbs = der.sequence(
        der.integer(1),
        signingAlgorithm(cda.key),
        cda.certificate.subject.der,
        der.time(secondsLater(-day)),
      );
      return inDomain(chainOf(user), { crls: [crlOf(root), parseCrl(signStructure(tbs, cda.key))] });
    },
  ],
];

describe('rules of paths', () => {
  for (const [name, rule, make] of cases) {
    test(`${name}: ${rule}`, () => assert.equal(ruleBroken(make()), rule));
  }
});
