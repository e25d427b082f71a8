import type {
  Certificate,
  Extension,
  GeneralName,
  KeyUsage,
  NameConstraints,
  NameSubtree,
  ProxyCertInfo,
} from './certificate.ts';
import { contextTag, DerReader, tag } from './der-reader.ts';
import { parseName } from './distinguished-name.ts';
import { formatIpAddress } from './ip-address.ts';
import { extensionOid } from './object-identifiers.ts';
import { decodeXosExtension, type XosExtensions, xosExtensionOids } from './xos-extension.ts';

/** RFC 5280 section 4.2.1.3, by bit number. */
export const keyUsageBits: readonly KeyUsage[] = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
];

type Decoded = Pick<
  Certificate,
  | 'basicConstraints'
  | 'keyUsage'
  | 'extendedKeyUsage'
  | 'subjectKeyIdentifier'
  | 'authorityKeyIdentifier'
  | 'subjectAltName'
  | 'nameConstraints'
  | 'crlDistributionPoints'
  | 'proxyCertInfo'
  | 'xos'
>;

type Mutable<T> = { -readonly [Field in keyof T]: T[Field] };

/** Decodes the extensions this package acts on; each must be well-formed to its last byte. */
export function decodeExtensions(extensions: readonly Extension[], what: string): Decoded {
  const decoded: Mutable<Decoded> = {
    basicConstraints: undefined,
    keyUsage: undefined,
    extendedKeyUsage: undefined,
    subjectKeyIdentifier: undefined,
    authorityKeyIdentifier: undefined,
    subjectAltName: [],
    nameConstraints: undefined,
    crlDistributionPoints: [],
    proxyCertInfo: undefined,
    xos: {},
  };
  let xos: XosExtensions = {};
  for (const { oid, value } of extensions) {
    if (xosExtensionOids.has(oid)) xos = { ...xos, ...decodeXosExtension(oid, value, what) };
    else decodeStandard(oid, new DerReader(value, `${what} extension ${oid}`), decoded);
  }
  decoded.xos = xos;
  return decoded;
}

function decodeStandard(oid: string, reader: DerReader, decoded: Mutable<Decoded>): void {
  switch (oid) {
    case extensionOid.basicConstraints:
      decoded.basicConstraints = basicConstraints(reader);
      break;
    case extensionOid.keyUsage:
      decoded.keyUsage = keyUsage(reader);
      break;
    case extensionOid.extendedKeyUsage:
      decoded.extendedKeyUsage = extendedKeyUsage(reader);
      break;
    case extensionOid.subjectKeyIdentifier:
      decoded.subjectKeyIdentifier = reader.octetString('subjectKeyIdentifier').toString('hex');
      break;
    case extensionOid.authorityKeyIdentifier:
      decoded.authorityKeyIdentifier = authorityKeyIdentifier(reader);
      break;
    case extensionOid.subjectAltName:
      decoded.subjectAltName = generalNames(reader.sequence('subjectAltName'));
      break;
    case extensionOid.nameConstraints:
      decoded.nameConstraints = nameConstraints(reader);
      break;
    case extensionOid.crlDistributionPoints:
      decoded.crlDistributionPoints = distributionPoints(reader);
      break;
    case extensionOid.proxyCertInfo:
      decoded.proxyCertInfo = proxyCertInfo(reader);
      break;
    default:
      return;
  }
  reader.finish('the extension');
}

function basicConstraints(reader: DerReader): NonNullable<Certificate['basicConstraints']> {
  const constraints = reader.sequence('basicConstraints');
  const ca = constraints.peek() === tag.boolean ? constraints.boolean('cA') : false;
  const pathLength = constraints.done ? undefined : constraints.smallInteger('pathLenConstraint');
  constraints.finish('basicConstraints');
  if (pathLength !== undefined && !ca) reader.refuse('pathLenConstraint without cA');
  return { ca, pathLength };
}

function keyUsage(reader: DerReader): ReadonlySet<KeyUsage> {
  const { bits } = reader.namedBits('keyUsage');
  const usages = keyUsageBits.filter((_usage, bit) => ((bits[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0);
  if (usages.length === 0) reader.refuse('keyUsage allows nothing');
  return new Set(usages);
}

function extendedKeyUsage(reader: DerReader): readonly string[] {
  const list = reader.sequence('extendedKeyUsage');
  const purposes: string[] = [];
  while (!list.done) purposes.push(list.oid('purpose'));
  if (purposes.length === 0) reader.refuse('extendedKeyUsage is empty');
  return purposes;
}

/** keyIdentifier in hex; the form by issuer and serial number is passed over: it only helps to find the issuer. */
export function authorityKeyIdentifier(reader: DerReader): string | undefined {
  const identifier = reader.sequence('authorityKeyIdentifier');
  let key: string | undefined;
  if (identifier.peek() === contextTag(0, false))
    key = identifier.any('keyIdentifier').content.toString('hex');
  if (identifier.peek() === contextTag(1, true)) identifier.any('authorityCertIssuer');
  if (identifier.peek() === contextTag(2, false)) identifier.any('authorityCertSerialNumber');
  identifier.finish('authorityKeyIdentifier');
  return key;
}

const maximumNames = 256;

function generalNames(list: DerReader): readonly GeneralName[] {
  const names: GeneralName[] = [];
  while (!list.done) {
    names.push(generalName(list));
    if (names.length > maximumNames) list.refuse(`there are more than ${maximumNames} names`);
  }
  if (names.length === 0) list.refuse('the list of names is empty');
  return names;
}

const textKinds: ReadonlyMap<number, 'email' | 'dns' | 'uri'> = new Map([
  [contextTag(1, false), 'email'],
  [contextTag(2, false), 'dns'],
  [contextTag(6, false), 'uri'],
]);
const directoryTag = contextTag(4, true);
const ipTag = contextTag(7, false);

function generalName(list: DerReader): GeneralName {
  const element = list.any('GeneralName');
  const kind = textKinds.get(element.tag);
  if (kind !== undefined) return { kind, value: ia5Text(list, element.content) };
  if (element.tag === directoryTag)
    return { kind: 'directory', value: parseName(element.content, 'directory name') };
  if (element.tag === ipTag) {
    const value = formatIpAddress(element.content);
    return value === undefined
      ? list.refuse('an IP address is neither 4 nor 16 bytes')
      : { kind: 'ip', value };
  }
  return { kind: 'other', tag: element.tag, value: element.content };
}

function ia5Text(reader: DerReader, content: Buffer): string {
  // Control characters and NUL in host names have fooled clients that compare C strings.
  if (content.some((byte) => byte < 0x20 || byte > 0x7e))
    reader.refuse('a name holds bytes outside printable ASCII');
  return content.toString('latin1');
}

function nameConstraints(reader: DerReader): NameConstraints {
  const constraints = reader.sequence('nameConstraints');
  const subtrees = (number: number): readonly NameSubtree[] => {
    if (constraints.peek() !== contextTag(number, true)) return [];
    const list = constraints.enter(contextTag(number, true), 'subtrees');
    const found: NameSubtree[] = [];
    while (!list.done) {
      const subtree = list.sequence('subtree');
      found.push(nameSubtree(subtree));
      // RFC 5280 section 4.2.1.10: minimum is zero (so absent in DER), maximum absent.
      subtree.finish('subtree');
      if (found.length > maximumNames) list.refuse(`there are more than ${maximumNames} subtrees`);
    }
    if (found.length === 0) list.refuse('the list of subtrees is empty');
    return found;
  };
  const permitted = subtrees(0);
  const excluded = subtrees(1);
  constraints.finish('nameConstraints');
  if (permitted.length + excluded.length === 0) reader.refuse('nameConstraints is empty');
  return { permitted, excluded };
}

function nameSubtree(subtree: DerReader): NameSubtree {
  if (subtree.peek() !== ipTag) {
    const name = generalName(subtree);
    return name.kind === 'ip' ? subtree.refuse('an IP subtree of the wrong form') : name;
  }
  const value = subtree.any('IP subtree').content;
  if (value.length !== 8 && value.length !== 32) subtree.refuse('an IP subtree is neither 8 nor 32 bytes');
  return { kind: 'ip', value };
}

/** The URIs among the distribution points; other forms are passed over, since CRLs are found by issuer. */
function distributionPoints(reader: DerReader): readonly string[] {
  const list = reader.sequence('cRLDistributionPoints');
  const uris: string[] = [];
  while (!list.done) {
    const point = list.sequence('DistributionPoint');
    if (point.peek() === contextTag(0, true)) {
      const name = point.enter(contextTag(0, true), 'distributionPoint');
      if (name.peek() === contextTag(0, true)) {
        const names = generalNames(name.enter(contextTag(0, true), 'fullName'));
        for (const entry of names) if (entry.kind === 'uri') uris.push(entry.value);
      }
    }
    while (!point.done) point.any('DistributionPoint field');
    if (uris.length > maximumNames) list.refuse(`there are more than ${maximumNames} distribution points`);
  }
  return uris;
}

/** RFC 3820 section 3.8. */
function proxyCertInfo(reader: DerReader): ProxyCertInfo {
  const info = reader.sequence('ProxyCertInfo');
  const pathLength = info.peek() === tag.integer ? info.smallInteger('pCPathLenConstraint') : undefined;
  const policy = info.sequence('proxyPolicy');
  const policyLanguage = policy.oid('policyLanguage');
  const policyText = policy.done ? undefined : policy.octetString('policy');
  policy.finish('proxyPolicy');
  info.finish('ProxyCertInfo');
  return { pathLength, policyLanguage, policy: policyText };
}
