import { purposeOid } from './object-identifiers.ts';
import { type Place, refusePath } from './path-refusal.ts';
import type { ValidatedHost, ValidatedUser } from './path-validation.ts';
import { type AuthorityKind, hostnamePattern, membershipsOf, userPattern } from './xos-extension.ts';

interface Identity {
  readonly user: ValidatedUser | undefined;
  readonly host: ValidatedHost | undefined;
}

/**
 * Whom the end-entity certificate speaks for, and whether the CAs above it (nearest first) may say so: users come from a CDA,
 * host roles from an RCA, the VO service from a root or a SERVICE authority, and no VO is named that a CA above excludes.
 * docs/certificate-profile.md has the rules. A certificate without XtreemOS extensions is nobody here, and no error.
 */
export function judgeIdentity(
  endEntity: Place,
  authorities: readonly Place[],
  voRoots: ReadonlyMap<string, string> | undefined,
): Identity {
  const isAuthority = endEntity.certificate.basicConstraints?.ca === true;
  judgeAuthorities(isAuthority ? [endEntity, ...authorities] : authorities);
  const { xos } = endEntity.certificate;
  if (isAuthority) return { user: undefined, host: undefined };
  if (xos.authority !== undefined)
    refusePath(endEntity, 'authority', 'it has an authority kind but is no CA');
  if (xos.guid !== undefined && xos.hostRole !== undefined) {
    refusePath(endEntity, 'end-entity', 'it claims to be a person and a host at once');
  }
  for (const vo of xos.vos ?? []) judgeVo(vo, endEntity, authorities, voRoots);
  if (xos.guid !== undefined) return { user: userOf(endEntity, authorities), host: undefined };
  if (xos.hostRole !== undefined) return { user: undefined, host: hostOf(endEntity, authorities, voRoots) };
  if (Object.keys(xos).length > 0) {
    refusePath(
      endEntity,
      'end-entity',
      'it has XtreemOS extensions, but neither a user GUID nor a host role',
    );
  }
  return { user: undefined, host: undefined };
}

/** CAs say which VOs and what kind, nothing else; a kind once given is kept by everything below. */
function judgeAuthorities(authorities: readonly Place[]): void {
  let kind: AuthorityKind | undefined;
  for (const place of authorities.toReversed()) {
    const { authority, vos: _vos, ...claims } = place.certificate.xos;
    if (Object.keys(claims).length > 0)
      refusePath(place, 'authority', 'it is a CA that claims an identity of its own');
    if (kind !== undefined && authority !== kind) {
      refusePath(
        place,
        'authority',
        `it is of kind ${authority ?? 'none'} below a ${kind}, which may only hand on its own kind`,
      );
    }
    kind = authority;
  }
}

function judgeVo(
  vo: string,
  endEntity: Place,
  authorities: readonly Place[],
  voRoots: ReadonlyMap<string, string> | undefined,
): void {
  for (const { certificate } of authorities) {
    if (certificate.xos.vos !== undefined && !certificate.xos.vos.includes(vo)) {
      const allowed = certificate.xos.vos.join(', ');
      refusePath(
        endEntity,
        'vo',
        `it names VO ${vo}, but ${certificate.subject.rfc4514} may only speak for ${allowed}`,
      );
    }
  }
  if (voRoots === undefined) return;
  const root = authorities.at(-1)?.certificate.fingerprint;
  const wanted = voRoots.get(vo);
  if (wanted === undefined) refusePath(endEntity, 'vo-root', `it names VO ${vo}, which is not known here`);
  if (wanted !== root) {
    refusePath(
      endEntity,
      'vo-root',
      `it names VO ${vo}, which belongs to the root ${wanted}, not to ${root}`,
    );
  }
}

function demandIssuer(endEntity: Place, authorities: readonly Place[], kind: AuthorityKind): void {
  const issuer = authorities[0]?.certificate;
  if (issuer?.xos.authority !== kind) {
    const actual = issuer?.xos.authority ?? 'no authority of XtreemOS';
    refusePath(
      endEntity,
      'authority',
      `${issuer?.subject.rfc4514 ?? 'its issuer'} is ${actual}; only a ${kind} may issue it`,
    );
  }
}

function userOf(endEntity: Place, authorities: readonly Place[]): ValidatedUser {
  demandIssuer(endEntity, authorities, 'CDA');
  const { subject, xos, keyUsage, extendedKeyUsage } = endEntity.certificate;
  const memberships = membershipsOf(xos);
  const [home] = memberships ?? [];
  if (memberships === undefined || home === undefined || xos.guid === undefined) {
    return refusePath(endEntity, 'user', 'its VOs, FQANs and primary FQANs do not fit together');
  }
  for (const { vo } of memberships) {
    // Absent means "any" for foreign CAs, but a CDA's right to name VOs is never implied.
    if (!(authorities[0]?.certificate.xos.vos ?? []).includes(vo)) {
      refusePath(endEntity, 'vo', `it names VO ${vo}, for which its CDA has no extension`);
    }
  }
  const [unit, name] = subject.attributes.slice(-2);
  const user = name?.type === 'CN' ? name.value : '';
  if (!userPattern.test(user) || unit?.type !== 'OU' || unit.value !== home.vo) {
    refusePath(endEntity, 'user', `its subject does not end in OU=${home.vo} and CN=<user name>`);
  }
  if (xos.hostGuid !== undefined) refusePath(endEntity, 'user', 'it is a person with a host GUID');
  if (keyUsage !== undefined && !keyUsage.has('digitalSignature')) {
    refusePath(endEntity, 'key-usage', 'its key usage does not include digitalSignature');
  }
  const purposes = extendedKeyUsage ?? [purposeOid.any];
  if (!purposes.includes(purposeOid.clientAuth) && !purposes.includes(purposeOid.any)) {
    refusePath(endEntity, 'key-usage', 'its extended key usage does not include client authentication');
  }
  return { guid: xos.guid, user, ...home, memberships };
}

function hostOf(
  endEntity: Place,
  authorities: readonly Place[],
  voRoots: ReadonlyMap<string, string> | undefined,
): ValidatedHost {
  const { subject, subjectAltName, xos } = endEntity.certificate;
  const { hostRole: role, hostGuid, vos = [] } = xos;
  if (role === undefined) return refusePath(endEntity, 'host', 'it has no host role');
  const claims = xos.fqans !== undefined || xos.primaryFqans !== undefined || xos.session !== undefined;
  if (claims) refusePath(endEntity, 'host', 'it is a host with FQANs or a session, which belong to people');
  const issuer = authorities[0]?.certificate;
  if (role === 'vo') {
    const isRoot = authorities.length === 1 && issuer?.xos.authority === undefined;
    if (!isRoot) demandIssuer(endEntity, authorities, 'SERVICE');
    if (vos.length > 0) refusePath(endEntity, 'host', 'it has the role of a VO service and names a VO');
    // It names no VO whose root could be pinned; any root of a VO known here may have a service, others may not.
    const root = authorities.at(-1)?.certificate.fingerprint ?? '';
    if (voRoots !== undefined && ![...voRoots.values()].includes(root)) {
      refusePath(endEntity, 'vo-root', 'it is a VO service under a root that no VO known here has');
    }
  } else {
    demandIssuer(endEntity, authorities, 'RCA');
    if (vos.length !== 1 || hostGuid === undefined) {
      refusePath(endEntity, 'host', 'a host role needs exactly one VO and a host GUID');
    }
    if (!(issuer?.xos.vos ?? []).includes(vos[0] ?? '')) {
      refusePath(endEntity, 'vo', `it names VO ${vos[0]}, for which its RCA has no extension`);
    }
  }
  const hostname = subject.commonName ?? '';
  const isNamed = subjectAltName.some((name) => name.kind === 'dns' && name.value === hostname);
  if (!hostnamePattern.test(hostname) || !isNamed) {
    refusePath(endEntity, 'host', 'its CN is no host name that also stands in subjectAltName');
  }
  return { role, vo: vos[0], hostname, hostGuid };
}
