import { XosError } from '@xtreemos/base';

/** `type` of the signed document that `GET /v1/vos/:vo/membership` answers. */
export const membershipDocumentType = 'xtreemos-membership';

export interface MembershipEntry {
  readonly user: string;
  readonly guid: string;
  /** The primary FQAN first. */
  readonly fqans: readonly string[];
  /** The membership's end in milliseconds since the epoch, null when open. */
  readonly expiresAtMs: number | null;
}

/** The verified payload: active members only. A serial in `revokedSshSerials` refuses that SSH certificate. */
export interface MembershipList {
  readonly vo: string;
  /** Only grows; a node refuses a list older than the one it holds. */
  readonly version: number;
  readonly members: readonly MembershipEntry[];
  /** Decimal serials of SSH certificates revoked and not yet expired. */
  readonly revokedSshSerials: readonly string[];
}

const userPattern = /^[a-z][a-z0-9._-]{0,29}$/;
const guidPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The payload of a document whose signature was verified, as a typed value. Throws XosError XOS_DOCUMENT_INVALID
 * naming the member and the field: a service with a defect must not put a broken name into NSS.
 */
export function parseMembershipList(payload: unknown): MembershipList {
  const vo = field(payload, 'vo');
  if (typeof vo !== 'string') throw refused('unknown', 'vo is not text');
  const version = field(payload, 'version');
  if (!isCount(version)) throw refused(vo, 'version is not a whole number');
  const members = field(payload, 'members');
  if (!Array.isArray(members)) throw refused(vo, 'members is not a list');
  const revokedSshSerials = field(payload, 'revokedSshSerials');
  if (!isTextList(revokedSshSerials) || !revokedSshSerials.every((serial) => /^\d{1,20}$/.test(serial))) {
    throw refused(vo, 'revokedSshSerials is not a list of decimal numbers');
  }
  const entries = members.map((member: unknown, index) => parseEntry(vo, member, index));
  if (new Set(entries.map((entry) => entry.user)).size !== entries.length)
    throw refused(vo, 'a user is listed twice');
  return { vo, version, members: entries, revokedSshSerials };
}

function parseEntry(vo: string, value: unknown, index: number): MembershipEntry {
  const user = field(value, 'user');
  if (typeof user !== 'string' || !userPattern.test(user))
    throw refused(vo, `members[${index}].user is malformed`);
  const guid = field(value, 'guid');
  if (typeof guid !== 'string' || !guidPattern.test(guid))
    throw refused(vo, `the guid of ${user} is malformed`);
  const fqans = field(value, 'fqans');
  if (!isTextList(fqans) || fqans[0] === undefined || !fqans.every((fqan) => isFqanOf(vo, fqan))) {
    throw refused(vo, `the FQANs of ${user} are malformed or of another VO`);
  }
  const expiresAtMs = field(value, 'expiresAtMs');
  if (expiresAtMs !== null && !isCount(expiresAtMs)) throw refused(vo, `the expiry of ${user} is malformed`);
  return { user, guid, fqans, expiresAtMs };
}

function isFqanOf(vo: string, fqan: string): boolean {
  return fqan === `/${vo}` || fqan.startsWith(`/${vo}/`);
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}

function refused(vo: string, reason: string): XosError {
  return new XosError('XOS_DOCUMENT_INVALID', { what: 'membership list', vo, reason });
}
