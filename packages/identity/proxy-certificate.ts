import type { KeyObject } from 'node:crypto';
import { XosError } from '@xtreemos/base';
import { type Certificate, parseCertificate } from './certificate.ts';
import { authorityKeyIdentifierOf, buildCertificate } from './certificate-build.ts';
import type { Credential } from './credential.ts';
import { DerReader } from './der-reader.ts';
import * as der from './der-writer.ts';
import { encodeRdn } from './distinguished-name.ts';
import { proxyPolicyOid } from './object-identifiers.ts';
import { publicKeyInfo } from './public-key.ts';
import { sha256 } from './signature-algorithm.ts';
import { guidPattern, type HostBinding, hostnamePattern } from './xos-extension.ts';

export interface ProxyOptions {
  /** Default: the clock. */
  readonly now?: Date;
  /** Capped by the credential's own notAfter. */
  readonly lifetimeSeconds: number;
  /** A limited proxy cannot start programs; below a limited one every proxy is limited. Default: as the credential. */
  readonly limited?: boolean;
  /** Proxies allowed below this one; undefined: no limit of its own. */
  readonly pathLength?: number;
  /** Session proxy: good only on this host. */
  readonly host?: HostBinding;
}

const backdatedMs = 300_000;

/**
 * Signs an RFC 3820 proxy for `publicKey` with the credential's key. The proxy's chain is
 * `[credential.certificate, ...credential.chain]`. Errors: XOS_PROXY_REFUSED (a CA's or a host's credential, path length used
 * up, full from limited, another host than the credential is bound to, expired).
 */
export function makeProxy(credential: Credential, publicKey: KeyObject, options: ProxyOptions): Certificate {
  const { certificate, key, chain } = credential;
  const now = options.now ?? new Date();
  const refuse = (reason: string): never => {
    throw new XosError('XOS_PROXY_REFUSED', { subject: certificate.subject.rfc4514, reason });
  };
  const personal = [certificate, ...chain].filter((one) => one.basicConstraints?.ca !== true);
  if (certificate.basicConstraints?.ca === true) refuse('it is a CA');
  if (personal.some(({ xos }) => xos.hostRole !== undefined))
    refuse('it is a host, and hosts do not delegate');
  if (certificate.proxyCertInfo?.pathLength === 0) refuse('its path length allows no further proxy');
  if (now > certificate.notAfter) refuse(`it expired at ${certificate.notAfter.toISOString()}`);
  const isLimited = personal.some(
    ({ proxyCertInfo }) => proxyCertInfo?.policyLanguage === proxyPolicyOid.limited,
  );
  if (isLimited && options.limited === false) refuse('it is limited, and what is made from it stays limited');
  const bound = personal.find(({ xos }) => xos.session !== undefined)?.xos.session;
  if (bound !== undefined && options.host !== undefined && bound.hostGuid !== options.host.hostGuid) {
    refuse(`it is limited to host ${bound.hostname}`);
  }
  if (options.host !== undefined) {
    const { hostGuid, hostname } = options.host;
    if (!guidPattern.test(hostGuid) || !hostnamePattern.test(hostname))
      refuse('the host given has no proper GUID and name');
  }
  if (!Number.isFinite(options.lifetimeSeconds) || options.lifetimeSeconds < 1)
    refuse('the lifetime is not at least 1 s');

  const spki = publicKeyInfo(publicKey);
  // RFC 3820 section 3.4: the added CN makes the subject unique under its issuer; the key's digest does.
  const commonName = String(sha256(spki, now.toISOString()).readUInt32BE(0) >>> 1);
  const subject = appendRdn(certificate.subject.der, encodeRdn('CN', commonName));
  const policyLanguage = (options.limited ?? isLimited) ? proxyPolicyOid.limited : proxyPolicyOid.inheritAll;
  const pathLength = options.pathLength === undefined ? [] : [der.integer(options.pathLength)];
  const issued = buildCertificate({
    subject,
    issuer: certificate.subject.der,
    notBefore: new Date(Math.max(now.getTime() - backdatedMs, certificate.notBefore.getTime())),
    notAfter: new Date(
      Math.min(now.getTime() + options.lifetimeSeconds * 1000, certificate.notAfter.getTime()),
    ),
    subjectPublicKeyInfo: spki,
    signingKey: key,
    authorityKeyIdentifier: authorityKeyIdentifierOf(certificate),
    keyUsage: ['digitalSignature'],
    proxyCertInfo: der.sequence(...pathLength, der.sequence(der.oid(policyLanguage))),
    ...(options.host === undefined ? {} : { xos: { session: options.host } }),
  });
  return parseCertificate(issued.der);
}

function appendRdn(name: Buffer, rdn: Buffer): Buffer {
  return der.sequence(new DerReader(name, 'subject').any('name').content, rdn);
}
