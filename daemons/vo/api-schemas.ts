import { namePatterns } from './names.ts';

/** JSON Schema as OpenAPI 3.0 uses it. */
export type Schema = Readonly<Record<string, unknown>>;

/** Without NUL: PostgreSQL's text cannot hold it. */
export const text = (maximumLength: number): Schema => ({
  type: 'string',
  maxLength: maximumLength,
  pattern: '^[^\\u0000]*$',
});
export const pattern = (expression: string): Schema => ({ type: 'string', pattern: expression });
export const list = (items: Schema, maximumItems: number): Schema => ({
  type: 'array',
  items,
  maxItems: maximumItems,
});
export const oneOf = (...values: readonly string[]): Schema => ({ type: 'string', enum: values });

/** Milliseconds since the epoch, within what a Date can hold. */
const time: Schema = { type: 'integer', minimum: 0, maximum: 8_640_000_000_000_000 };
const timeOrNull: Schema = { ...time, nullable: true };
const flag: Schema = { type: 'boolean' };
const count: Schema = { type: 'integer', minimum: 0 };
const hexHash = pattern('^[0-9a-f]{64}$');

/** An object; properties whose name ends in `?` may be left out, all others may not be there. */
export function object(properties: Readonly<Record<string, Schema>>): Schema {
  const names = Object.keys(properties);
  return {
    type: 'object',
    additionalProperties: false,
    required: names.filter((name) => !name.endsWith('?')),
    properties: Object.fromEntries(
      Object.entries(properties).map(([name, schema]) => [name.replace(/\?$/, ''), schema]),
    ),
  };
}

const user = pattern(namePatterns.user);
const group = pattern(namePatterns.group);
const voId = pattern(namePatterns.vo);
const hostname = pattern(namePatterns.hostname);
const password: Schema = { type: 'string', minLength: 8, maxLength: 256 };
const secret = pattern('^[A-Za-z0-9_-]{16,128}$');
const pem = text(16_384);
const seconds = (maximum: number): Schema => ({ type: 'integer', minimum: 1, maximum });
const hostRole = oneOf('accounts', 'dir', 'mrc', 'osd', 'srds', 'exec');
const revocationReason = oneOf(
  'unspecified',
  'keyCompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'privilegeWithdrawn',
);
const csrs: Schema = {
  type: 'object',
  additionalProperties: false,
  minProperties: 1,
  properties: Object.fromEntries(
    ['accounts', 'dir', 'mrc', 'osd', 'srds', 'exec'].map((role) => [role, pem]),
  ),
};
const rootKey = object({ pem, passphrase: text(1024) });
const groups = list(group, 100);
const fqan = text(512);
const day = 86_400;

/** What requests bring. */
export const requestSchemas = {
  VoCreation: object({
    id: voId,
    'description?': text(1024),
    'ownRoot?': flag,
    'domain?': voId,
    'rootKey?': rootKey,
  }),
  DomainCreation: object({ name: voId }),
  RootExport: object({ passphrase: { type: 'string', minLength: 12, maxLength: 1024 } }),
  RootKey: rootKey,
  RootCrl: object({ 'rootKey?': rootKey }),
  InvitationRequest: object({
    user,
    'fullName?': text(256),
    'email?': text(256),
    'expiresAtMs?': timeOrNull,
    'groups?': groups,
    'tokenLifetimeSeconds?': seconds(30 * day),
  }),
  InvitationAcceptance: object({ user, token: secret, 'password?': password }),
  JoinRequest: object({
    user,
    'fullName?': text(256),
    'email?': text(256),
    'message?': text(2048),
    'password?': password,
  }),
  MemberApproval: object({ 'expiresAtMs?': timeOrNull, 'groups?': groups }),
  MemberChange: object({
    'fullName?': text(256),
    'email?': text(256),
    'expiresAtMs?': timeOrNull,
    'status?': oneOf('active', 'suspended'),
  }),
  PasswordChange: object({ password }),
  RevocationRequest: object({ 'reason?': revocationReason }),
  GroupCreation: object({ 'description?': text(1024) }),
  Empty: object({}),
  CertificateRequest: object({
    csr: pem,
    'user?': user,
    'password?': text(256),
    'token?': text(128),
    'lifetimeSeconds?': seconds(366 * day),
    'fqans?': list(fqan, 1000),
  }),
  SshCertificateRequest: object({
    publicKey: text(16_384),
    'user?': user,
    'password?': text(256),
    'token?': text(128),
    'lifetimeSeconds?': seconds(366 * day),
  }),
  SessionCertificateRequest: object({
    csr: pem,
    'user?': user,
    'password?': text(256),
    'sshCertificate?': text(32_768),
    'lifetimeSeconds?': seconds(366 * day),
  }),
  NodeTokenRequest: object({
    'hostname?': hostname,
    'roles?': { ...list(hostRole, 6), minItems: 1, uniqueItems: true },
    'lifetimeSeconds?': seconds(7 * day),
  }),
  NodeJoinRequest: object({ secret, hostname, csrs }),
  HostRenewalRequest: object({ csrs }),
} as const satisfies Record<string, Schema>;

const memberStatus = oneOf('invited', 'asked', 'active', 'suspended', 'expired', 'revoked');
const member = object({
  vo: voId,
  user,
  guid: text(36),
  status: memberStatus,
  fullName: text(256),
  email: text(256),
  message: text(2048),
  expiresAtMs: timeOrNull,
  groups,
  fqans: list(fqan, 10_000),
  hasPassword: flag,
  createdAtMs: time,
});
const node = object({
  vo: voId,
  hostname,
  guid: text(36),
  roles: list(hostRole, 6),
  status: oneOf('active', 'left', 'revoked'),
  joinedAtMs: time,
  lastSeenAtMs: timeOrNull,
});
const oneTimeToken = { token: text(2048), expiresAtMs: time };
const hostCertificates: Schema = { type: 'object', additionalProperties: pem };
const domain = object({
  name: voId,
  rootFingerprint: hexHash,
  rootOffline: flag,
  rootNotAfterMs: time,
  vos: list(voId, 100_000),
});
const vo = object({
  id: voId,
  description: text(1024),
  domain: voId,
  rootFingerprint: hexHash,
  membershipVersion: count,
  crlVersion: count,
  activeMembers: count,
  activeNodes: count,
  createdAtMs: time,
});
const groupRecord = object({ path: group, description: text(1024), members: count });
const anchorKind = oneOf('root', 'services', 'cda', 'rca');
const trustBundle = object({
  domain: voId,
  vo: { ...voId, nullable: true },
  anchors: list(
    object({
      kind: anchorKind,
      certificate: pem,
      signingPolicy: text(65_536),
      namespaces: text(65_536),
      fingerprint: hexHash,
    }),
    100,
  ),
  sshUserCas: list(text(1024), 16),
  rootFingerprint: hexHash,
});
const auditEntry = object({
  sequence: count,
  atMs: time,
  vo: { ...voId, nullable: true },
  actor: text(512),
  action: text(64),
  subject: text(512),
  details: { type: 'object', additionalProperties: true },
  previousHash: hexHash,
  hash: hexHash,
});

/** What answers hold: for the OpenAPI page. */
export const answerSchemas = {
  ServiceStatus: object({ service: oneOf('xos-vo'), version: text(32), timeMs: time, defaultDomain: voId }),
  TrustBundle: trustBundle,
  CrlBundle: object({
    vo: voId,
    version: count,
    crls: list(
      object({ issuer: anchorKind, pem: { type: 'string' }, thisUpdateMs: time, nextUpdateMs: time }),
      100,
    ),
  }),
  TrustDomain: domain,
  TrustDomains: list(domain, 100_000),
  RootKeyExport: object({ pem }),
  Vo: vo,
  Vos: list(vo, 100_000),
  Member: member,
  Members: list(member, 1000),
  Invitation: object({ member, ...oneTimeToken }),
  JoinRequestReceipt: object({ user, status: oneOf('asked'), ...oneTimeToken }),
  OneTimeToken: object(oneTimeToken),
  Group: groupRecord,
  Groups: list(groupRecord, 1000),
  IssuedCertificate: object({
    user,
    guid: text(36),
    certificate: pem,
    chain: pem,
    serial: pattern('^[0-9a-f]+$'),
    fqans: list(fqan, 10_000),
    notBeforeMs: time,
    notAfterMs: time,
  }),
  IssuedSshCertificate: object({
    user,
    certificate: text(32_768),
    serial: pattern('^[0-9]+$'),
    principals: list(text(128), 1),
    notBeforeMs: time,
    notAfterMs: time,
  }),
  IssuedCertificateRecords: list(
    object({
      vo: voId,
      kind: oneOf('user', 'session', 'host', 'ssh'),
      serial: text(64),
      subject: text(256),
      notBeforeMs: time,
      notAfterMs: time,
      revokedAtMs: timeOrNull,
      revocationReason: { ...revocationReason, nullable: true },
    }),
    1000,
  ),
  NodeRecord: node,
  NodeRecords: list(node, 100_000),
  NodeJoinResult: object({ node, certificates: hostCertificates, trust: trustBundle }),
  HostCertificates: hostCertificates,
  AuditEntries: list(auditEntry, 1000),
  AuditVerification: object({ entries: count, brokenAt: { ...count, nullable: true }, head: hexHash }),
  MembershipDocument: { type: 'string', format: 'binary' },
  NodeEvents: { type: 'string', description: 'newline-delimited JSON' },
  OpenApi: { type: 'object', additionalProperties: true },
  Error: object({
    error: object({
      code: text(64),
      message: text(4096),
      details: { type: 'object', additionalProperties: true },
    }),
  }),
} as const satisfies Record<string, Schema>;

export type RequestSchemaName = keyof typeof requestSchemas;
export type AnswerSchemaName = keyof typeof answerSchemas;

/** Path parameters by name, wherever they stand. */
export const parameterSchemas: Readonly<Record<string, Schema>> = {
  vo: voId,
  user,
  group,
  role: pattern(namePatterns.role),
  hostname,
  domain: voId,
  name: voId,
  serial: pattern('^[0-9a-f]{1,40}$'),
};

/** Query parameters by name; numbers are their decimal digits. */
export const querySchemas: Readonly<Record<string, Schema>> = {
  status: memberStatus,
  user,
  after: text(64),
  limit: pattern('^[1-9][0-9]{0,3}$'),
  group: pattern(`^$|${namePatterns.group}`),
};
