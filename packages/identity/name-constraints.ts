import type { Certificate, GeneralName, NameSubtree } from './certificate.ts';
import type { DistinguishedName } from './distinguished-name.ts';
import { parseIpAddress } from './ip-address.ts';

/**
 * Why the name constraints of `authority` forbid `certificate`, or undefined (RFC 5280 section 4.2.1.10). Judged are the
 * subject, its emailAddress attributes and every subjectAltName.
 */
export function whyNamesForbidden(authority: Certificate, certificate: Certificate): string | undefined {
  const constraints = authority.nameConstraints;
  if (constraints === undefined) return undefined;
  const unsupported = [...constraints.permitted, ...constraints.excluded].find(
    ({ kind }) => kind === 'other',
  );
  if (unsupported !== undefined) {
    return `${authority.subject.rfc4514} constrains names of a kind that is not understood`;
  }
  for (const name of namesOf(certificate)) {
    const isOpaque = hostOf(name) === undefined;
    if (
      isOpaque &&
      [...constraints.permitted, ...constraints.excluded].some(({ kind }) => kind === name.kind)
    ) {
      return `${authority.subject.rfc4514} constrains ${name.kind} names, and ${String(name.value)} names no host to judge`;
    }
    const excluded = constraints.excluded.some((subtree) => isWithin(name, subtree));
    const relevant = constraints.permitted.filter(({ kind }) => kind === name.kind);
    const permitted = relevant.length === 0 || relevant.some((subtree) => isWithin(name, subtree));
    if (excluded || !permitted) {
      const text = name.kind === 'directory' ? name.value.rfc4514 : String(name.value);
      const how = excluded ? 'excludes' : 'does not permit';
      return `${authority.subject.rfc4514} ${how} the ${name.kind} name ${text}`;
    }
  }
  return undefined;
}

function namesOf(certificate: Certificate): readonly GeneralName[] {
  const { subject, subjectAltName } = certificate;
  const emails = subject.attributes.filter(({ type }) => type === 'emailAddress');
  return [
    ...(subject.attributes.length > 0 ? [{ kind: 'directory', value: subject } as const] : []),
    ...emails.map(({ value }) => ({ kind: 'email', value }) as const),
    ...subjectAltName,
  ];
}

function isWithin(name: GeneralName, subtree: NameSubtree): boolean {
  switch (subtree.kind) {
    case 'directory':
      return name.kind === 'directory' && isBelow(name.value, subtree.value);
    case 'dns':
      return name.kind === 'dns' && isDomainWithin(name.value, subtree.value);
    case 'email':
      return name.kind === 'email' && isMailWithin(name.value, subtree.value);
    case 'uri':
      return name.kind === 'uri' && isUriWithin(name.value, subtree.value);
    case 'ip':
      return name.kind === 'ip' && isAddressWithin(name.value, subtree.value);
    case 'other':
      return false;
  }
}

function isBelow(name: DistinguishedName, top: DistinguishedName): boolean {
  return top.canonicalRdns.every((rdn, index) => name.canonicalRdns[index] === rdn);
}

/** `example.org` holds itself and everything below; a leading dot, as many write it, only what is below. */
function isDomainWithin(domain: string, constraint: string): boolean {
  const name = domain.toLowerCase();
  const top = constraint.toLowerCase();
  if (top === '') return true;
  return top.startsWith('.') ? name.endsWith(top) : name === top || name.endsWith(`.${top}`);
}

/** A mailbox, a host, or with a leading dot the hosts below. */
function isMailWithin(address: string, constraint: string): boolean {
  const at = address.lastIndexOf('@');
  const host = address.slice(at + 1).toLowerCase();
  if (constraint.includes('@')) {
    const [mailbox, top = ''] = [
      constraint.slice(0, constraint.lastIndexOf('@')),
      constraint.split('@').at(-1),
    ];
    return address.slice(0, Math.max(at, 0)) === mailbox && host === top.toLowerCase();
  }
  const top = constraint.toLowerCase();
  return top.startsWith('.') ? host.endsWith(top) : host === top;
}

/** The host part of what has one; a name without is opaque to constraints on its kind. Others answer their kind. */
function hostOf(name: GeneralName): string | undefined {
  if (name.kind === 'email') return /@([^@]+)$/.exec(name.value)?.[1];
  if (name.kind !== 'uri') return name.kind;
  return /^[A-Za-z][A-Za-z0-9+.-]*:\/\/(?:[^/?#@]*@)?([^/?#:@[\]]+)/.exec(name.value)?.[1];
}

function isUriWithin(uri: string, constraint: string): boolean {
  const host = hostOf({ kind: 'uri', value: uri })?.toLowerCase();
  const top = constraint.toLowerCase();
  if (host === undefined) return false;
  return top.startsWith('.') ? host.endsWith(top) : host === top;
}

function isAddressWithin(address: string, subtree: Buffer): boolean {
  const bytes = parseIpAddress(address);
  const half = subtree.length / 2;
  if (bytes === undefined || bytes.length !== half) return false;
  return bytes.every((byte, index) => {
    const mask = subtree[half + index] ?? 0;
    return (byte & mask) === ((subtree[index] ?? 0) & mask);
  });
}
