import type { Certificate } from './certificate.ts';
import { extensionOid, proxyPolicyOid } from './object-identifiers.ts';
import { type Place, refusePath } from './path-refusal.ts';

/**
 * RFC 3820 section 4.1: the proxies of a path, leaf first, under their end-entity certificate. Order and signatures
 * stand already. Answers whether any of them is limited, which then holds for all below.
 */
export function judgeProxies(
  proxies: readonly Place[],
  endEntity: Place,
  allowed: boolean,
): { readonly limited: boolean } {
  let limited = false;
  let remaining = Number.POSITIVE_INFINITY;
  let issuer = endEntity;
  for (const place of proxies.toReversed()) {
    if (!allowed) refusePath(place, 'proxy', 'it is a proxy, and proxies are not accepted here');
    if (endEntity.certificate.xos.hostRole !== undefined) {
      refusePath(place, 'proxy', 'it is a proxy of a host, and hosts do not delegate');
    }
    judgeForm(place, issuer.certificate);
    if (remaining === 0) {
      refusePath(place, 'proxy-path-length', 'a proxy above it allows no further proxy at this depth');
    }
    const { pathLength = Number.POSITIVE_INFINITY, policyLanguage } = place.certificate.proxyCertInfo ?? {};
    remaining = Math.min(remaining - 1, pathLength);
    if (policyLanguage === proxyPolicyOid.limited) {
      limited = true;
    } else if (policyLanguage !== proxyPolicyOid.inheritAll) {
      const reason = `its policy language ${policyLanguage} is neither impersonation nor limited`;
      refusePath(place, 'proxy-policy', reason);
    }
    issuer = place;
  }
  return { limited };
}

function judgeForm(place: Place, issuer: Certificate): void {
  const { certificate } = place;
  const { basicConstraints, keyUsage, extensions, proxyCertInfo, xos } = certificate;
  const own = certificate.subject.canonicalRdns;
  const parent = issuer.subject.canonicalRdns;
  const extendsIssuer = own.length === parent.length + 1 && parent.every((rdn, index) => rdn === own[index]);
  const last = certificate.subject.attributes.at(-1);
  const attributesAdded = certificate.subject.attributes.length - issuer.subject.attributes.length;
  if (parent.length === 0 || !extendsIssuer || last?.type !== 'CN' || attributesAdded !== 1) {
    refusePath(place, 'proxy', `its subject is not ${issuer.subject.rfc4514} with one CN added`);
  }
  if (basicConstraints?.ca === true) refusePath(place, 'proxy', 'it is a CA and a proxy');
  if (keyUsage?.has('keyCertSign') === true)
    refusePath(place, 'proxy', 'it is a proxy that may sign certificates as a CA');
  if (issuer.keyUsage !== undefined && !issuer.keyUsage.has('digitalSignature')) {
    refusePath(place, 'proxy', 'its issuer may not make digital signatures');
  }
  const has = (wanted: string): boolean => extensions.some(({ oid }) => oid === wanted);
  if (has(extensionOid.subjectAltName) || has(extensionOid.issuerAltName)) {
    refusePath(place, 'proxy', 'it has alternative names, which a proxy must not have');
  }
  if (!extensions.some(({ oid, critical }) => oid === extensionOid.proxyCertInfo && critical)) {
    refusePath(place, 'proxy', 'its ProxyCertInfo is not critical');
  }
  if (proxyCertInfo?.policyLanguage === proxyPolicyOid.inheritAll && proxyCertInfo.policy !== undefined) {
    refusePath(
      place,
      'proxy-policy',
      'it impersonates and has a policy text, which RFC 3820 section 3.8.2 forbids',
    );
  }
  const { session: _session, ...claims } = xos;
  if (Object.keys(claims).length > 0) {
    refusePath(place, 'proxy', 'it makes claims of identity of its own; only its end-entity certificate may');
  }
}
