import { DerReader } from './der-reader.ts';
import * as der from './der-writer.ts';
import { xosOid } from './object-identifiers.ts';

/** Kinds of intermediate authority: extension .1.8. `CDA` may issue users, `RCA` host roles, `SERVICE` only role `vo`. */
export const authorityKinds = ['CDA', 'RCA', 'SERVICE'] as const;
export type AuthorityKind = (typeof authorityKinds)[number];

/** Roles a host certificate may carry (extension .1.5). */
export const hostRoles = ['accounts', 'dir', 'mrc', 'osd', 'srds', 'exec', 'vops', 'vo'] as const;
export type HostRole = (typeof hostRoles)[number];

/** What a certificate says of one VO. FQANs start with `/<VO id>`; the primary one is among them. */
export interface VoMembership {
  readonly vo: string;
  readonly fqans: readonly string[];
  readonly primaryFqan: string;
}

/** The host a session certificate or proxy is limited to (extension .1.7). */
export interface HostBinding {
  readonly hostGuid: string;
  readonly hostname: string;
}

/** The XtreemOS extensions of a certificate (docs/certificate-profile.md), as far as present. */
export interface XosExtensions {
  readonly guid?: string;
  /** Users: the VOs asserted; intermediates: the only VOs anything below may name; hosts: the VO they serve. */
  readonly vos?: readonly string[];
  readonly fqans?: readonly string[];
  readonly primaryFqans?: readonly string[];
  readonly hostRole?: HostRole;
  readonly hostGuid?: string;
  readonly session?: HostBinding;
  readonly authority?: AuthorityKind;
}

export const xosExtensionOids: ReadonlySet<string> = new Set(Object.values(xosOid));

export const guidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
export const voPattern = /^[a-z0-9][a-z0-9.-]{0,62}$/;
export const userPattern = /^[a-z][a-z0-9._-]*$/;
export const hostnamePattern =
  /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;
/** `/<VO>/group/subgroup[/Role=role]`: components without slash, equals sign or control characters. */
export const fqanPattern =
  /^\/[a-z0-9][a-z0-9.-]{0,62}(?:\/[A-Za-z0-9][A-Za-z0-9._-]{0,63}){0,16}(?:\/Role=[A-Za-z0-9][A-Za-z0-9._-]{0,63})?$/;

const maximumVos = 64;
const maximumFqans = 1024;

/** The VO id an FQAN belongs to. */
export function voOfFqan(fqan: string): string {
  return fqan.split('/', 2)[1] ?? '';
}

/** Reads the value of the XtreemOS extension `oid` into the record's field. `what` names the certificate for refusals. */
export function decodeXosExtension(oid: string, value: Buffer, what: string): XosExtensions {
  const reader = new DerReader(value, what);
  const decoded = decodeField(oid, reader);
  reader.finish(`XtreemOS extension ${oid}`);
  return decoded;
}

function decodeField(oid: string, reader: DerReader): XosExtensions {
  switch (oid) {
    case xosOid.guid:
      return { guid: matching(reader, 'GUID', guidPattern) };
    case xosOid.vos:
      return { vos: texts(reader, 'VO ids', voPattern, maximumVos) };
    case xosOid.fqans:
      return { fqans: texts(reader, 'FQANs', fqanPattern, maximumFqans) };
    case xosOid.primaryFqans:
      return { primaryFqans: texts(reader, 'primary FQANs', fqanPattern, maximumVos) };
    case xosOid.hostRole:
      return { hostRole: oneOf(reader, 'host role', hostRoles) };
    case xosOid.hostGuid:
      return { hostGuid: matching(reader, 'host GUID', guidPattern) };
    case xosOid.session: {
      const binding = reader.sequence('session');
      const hostGuid = matching(binding, 'session host GUID', guidPattern);
      const hostname = matching(binding, 'session host name', hostnamePattern);
      binding.finish('session');
      return { session: { hostGuid, hostname } };
    }
    case xosOid.authority:
      return { authority: oneOf(reader, 'authority kind', authorityKinds) };
    default:
      return reader.refuse(`extension ${oid} is none of XtreemOS's`);
  }
}

function matching(reader: DerReader, field: string, pattern: RegExp): string {
  const text = reader.utf8String(field, 2048);
  if (!pattern.test(text))
    reader.refuse(`${field} ${JSON.stringify(text.slice(0, 80))} has not the form it must have`);
  return text;
}

function oneOf<const Choice extends string>(
  reader: DerReader,
  field: string,
  choices: readonly Choice[],
): Choice {
  const text = reader.utf8String(field, 64);
  const choice = choices.find((candidate) => candidate === text);
  return choice ?? reader.refuse(`${field} ${JSON.stringify(text)} is none of ${choices.join(', ')}`);
}

function texts(reader: DerReader, field: string, pattern: RegExp, maximum: number): readonly string[] {
  const list = reader.sequence(field);
  const found: string[] = [];
  while (!list.done) {
    if (found.length >= maximum) list.refuse(`there are more than ${maximum} ${field}`);
    found.push(matching(list, field, pattern));
  }
  if (found.length === 0) list.refuse(`${field} is empty`);
  if (new Set(found).size !== found.length) list.refuse(`${field} names something twice`);
  return found;
}

const textList = (list: readonly string[]): Buffer =>
  der.sequence(...list.map((text) => der.utf8String(text)));

/** The extensions present, as `[oid, DER value]` in the order of their OIDs. */
export function encodeXosExtensions(xos: XosExtensions): readonly (readonly [oid: string, value: Buffer])[] {
  const list: (readonly [string, Buffer])[] = [];
  if (xos.guid !== undefined) list.push([xosOid.guid, der.utf8String(xos.guid)]);
  if (xos.vos !== undefined) list.push([xosOid.vos, textList(xos.vos)]);
  if (xos.fqans !== undefined) list.push([xosOid.fqans, textList(xos.fqans)]);
  if (xos.primaryFqans !== undefined) list.push([xosOid.primaryFqans, textList(xos.primaryFqans)]);
  if (xos.hostRole !== undefined) list.push([xosOid.hostRole, der.utf8String(xos.hostRole)]);
  if (xos.hostGuid !== undefined) list.push([xosOid.hostGuid, der.utf8String(xos.hostGuid)]);
  if (xos.session !== undefined) {
    const { hostGuid, hostname } = xos.session;
    list.push([xosOid.session, der.sequence(der.utf8String(hostGuid), der.utf8String(hostname))]);
  }
  if (xos.authority !== undefined) list.push([xosOid.authority, der.utf8String(xos.authority)]);
  return list;
}

/** The memberships of a user certificate, in the order of its VOs; the primary FQAN of each VO is required. */
export function membershipsOf(xos: XosExtensions): readonly VoMembership[] | undefined {
  const memberships = (xos.vos ?? []).map((vo) => ({
    vo,
    fqans: (xos.fqans ?? []).filter((fqan) => voOfFqan(fqan) === vo),
    primaryFqan: (xos.primaryFqans ?? []).find((fqan) => voOfFqan(fqan) === vo) ?? '',
  }));
  const complete = memberships.every(({ fqans, primaryFqan }) => fqans.includes(primaryFqan));
  const counted = memberships.reduce((sum, { fqans }) => sum + fqans.length, 0);
  const noStrangers =
    counted === (xos.fqans?.length ?? 0) && memberships.length === (xos.primaryFqans?.length ?? 0);
  return memberships.length > 0 && complete && noStrangers ? memberships : undefined;
}
