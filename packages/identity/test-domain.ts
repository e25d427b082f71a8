import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import {
  type Certificate,
  type Credential,
  defaultSigningPolicy,
  issueHostCertificate,
  issueIntermediateCertificate,
  issueRootCertificate,
  issueUserCertificate,
  makeCrl,
  makeTrustStore,
  parseCertificate,
  parseCrl,
  type RevocationList,
  type RevokedCertificate,
  type TrustStore,
} from './index.ts';

/** Builds small trust domains for the tests of this workspace. Keys are made synchronously: tests read better so. */

export const now = new Date('2026-06-01T12:00:00Z');
export const day = 86_400;
export const aliceGuid = '0a659781-7326-4ef0-82dc-797f1dfb4c70';
export const hostGuid = '11111111-2222-4333-8444-555555555555';
export const hostname = 'n1.example.org';

export function ecKey(namedCurve = 'P-256'): KeyObject {
  return generateKeyPairSync('ec', { namedCurve }).privateKey;
}

export function rsaKey(modulusLength = 2048): KeyObject {
  return generateKeyPairSync('rsa', { modulusLength }).privateKey;
}

export function publicHalf(key: KeyObject): KeyObject {
  return createPublicKey(key);
}

export function secondsLater(seconds: number, from = now): Date {
  return new Date(from.getTime() + seconds * 1000);
}

export interface TestDomain {
  readonly root: Credential;
  readonly cda: Credential;
  readonly rca: Credential;
  readonly user: Credential;
  readonly host: Credential;
  readonly authorities: readonly Credential[];
  readonly crls: readonly RevocationList[];
  readonly store: TrustStore;
}

export interface DomainChoice {
  readonly vo?: string;
  readonly domain?: string;
  /** Private keys of root, CDA and RCA, each made by this. */
  readonly authorityKey?: () => KeyObject;
  readonly userKey?: () => KeyObject;
}

export function makeDomain(choice: DomainChoice = {}): TestDomain {
  const { vo = 'physics', domain = 'Test', authorityKey = ecKey, userKey = ecKey } = choice;
  const rootKey = authorityKey();
  const root = {
    key: rootKey,
    certificate: parseCertificate(
      issueRootCertificate({ key: rootKey, domain, now, lifetimeSeconds: 3650 * day }).der,
    ),
    chain: [],
  };
  const intermediate = (kind: 'CDA' | 'RCA'): Credential => {
    const key = authorityKey();
    const issued = issueIntermediateCertificate({
      issuer: root,
      publicKey: publicHalf(key),
      kind,
      vos: [vo],
      now,
      lifetimeSeconds: 365 * day,
    });
    return { key, certificate: parseCertificate(issued.der), chain: [root.certificate] };
  };
  const cda = intermediate('CDA');
  const rca = intermediate('RCA');
  const key = userKey();
  const userCertificate = issueUserCertificate({
    issuer: cda,
    publicKey: publicHalf(key),
    guid: aliceGuid,
    user: 'alice',
    memberships: [{ vo, fqans: [`/${vo}`, `/${vo}/atlas/Role=admin`], primaryFqan: `/${vo}` }],
    now,
    lifetimeSeconds: day / 2,
  });
  const hostKey = ecKey();
  const hostCertificate = issueHostCertificate({
    issuer: rca,
    publicKey: publicHalf(hostKey),
    vo,
    role: 'vops',
    hostGuid,
    hostname,
    ipAddresses: ['192.0.2.1', '2001:db8::1'],
    now,
    lifetimeSeconds: 30 * day,
  });
  const authorities = [root, cda, rca];
  const crls = authorities.map((authority) => crlOf(authority));
  return {
    root,
    cda,
    rca,
    user: { key, certificate: parseCertificate(userCertificate.der), chain: [cda.certificate] },
    host: { key: hostKey, certificate: parseCertificate(hostCertificate.der), chain: [rca.certificate] },
    authorities,
    crls,
    store: storeOf(authorities, crls),
  };
}

export function crlOf(
  issuer: Credential,
  revoked: readonly RevokedCertificate[] = [],
  times: { readonly thisUpdate?: Date; readonly nextUpdate?: Date; readonly number?: number } = {},
): RevocationList {
  const { thisUpdate = now, nextUpdate = secondsLater(day), number = 1 } = times;
  return parseCrl(makeCrl({ issuer, number, revoked, thisUpdate, nextUpdate }));
}

export function storeOf(
  authorities: readonly { readonly certificate: Certificate }[],
  crls: readonly RevocationList[],
): TrustStore {
  const anchors = authorities.map(({ certificate }) => ({
    certificate,
    signingPolicy: defaultSigningPolicy(certificate),
  }));
  return makeTrustStore({ anchors, crls });
}

/** Chain as presented: the leaf and what stands above it. */
export function chainOf(credential: Credential): readonly Certificate[] {
  return [credential.certificate, ...credential.chain];
}
