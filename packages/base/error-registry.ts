/**
 * Every error that crosses a process border: code, sentence, exit code of `xos` (docs/architecture.md, "Errors")
 * and HTTP status. The D-Bus name follows from the code: XOS_VO_WRONG is org.xtreemos.Error.VoWrong.
 *
 * A sentence says what was attempted, on what, why it failed and what to do; `{name}` is filled from the
 * error's details, and the compiler demands each of them at the place where the error is made.
 */
export interface ErrorRow<Sentence extends string = string> {
  readonly sentence: Sentence;
  readonly exitCode: ExitCode;
  readonly httpStatus: number;
}

/** 1 failed, 2 usage, 3 not found, 4 refused, 5 credential, 6 unreachable, 7 conflict. */
export type ExitCode = 1 | 2 | 3 | 4 | 5 | 6 | 7;

function row<const Sentence extends string>(exitCode: ExitCode, httpStatus: number, sentence: Sentence) {
  return { sentence, exitCode, httpStatus } satisfies ErrorRow<Sentence>;
}

// biome-ignore format: one row per line keeps the table readable and merges free of conflicts
export const errorRegistry = {
  // anything
  XOS_INTERNAL: row(1, 500, 'Internal error while {attempt}: {reason}. This is a defect; the journal of the service has the details'),
  XOS_NOT_SUPPORTED: row(1, 501, '{what} is not supported here: {reason}'),
  XOS_CANCELLED: row(1, 503, '{attempt} was cancelled: {reason}'),
  XOS_RESOURCE_EXHAUSTED: row(1, 503, 'Could not {attempt}: {resource} is exhausted ({limit})'),
  XOS_STORAGE_FULL: row(1, 507, 'Could not {attempt}: no space left on {path}. Nothing was changed; free space and try again'),
  XOS_STORAGE_FAILED: row(1, 500, 'Could not {attempt} on {path}: {reason}'),
  XOS_DATA_CORRUPT: row(1, 500, '{what} is damaged: {reason}. It was left as it is'),
  XOS_INPUT_BAD: row(2, 400, '{what} is not valid at {where}: {reason}'),
  XOS_INPUT_TOO_LARGE: row(2, 413, '{what} has {size} bytes, more than the {limit} allowed'),
  XOS_USAGE: row(2, 400, '{reason}. See {help}'),
  XOS_CONFIGURATION_BAD: row(2, 500, 'Configuration refused: {reason}'),
  XOS_NOT_FOUND: row(3, 404, 'There is no {what} {name}'),
  XOS_EXISTS: row(7, 409, '{what} {name} exists already'),
  XOS_STATE_WRONG: row(7, 409, 'Cannot {attempt}: {what} is {state}, it has to be {wanted}'),
  XOS_CONFLICT: row(7, 409, 'Could not {attempt}: {what} was changed meanwhile. Read it again and retry'),
  XOS_PERMISSION: row(4, 403, '{who} may not {attempt}: {reason}'),
  XOS_RATE_LIMITED: row(4, 429, 'Too many attempts to {attempt} by {who}. Try again in {retryAfterSeconds} s'),
  XOS_UNREACHABLE: row(6, 503, 'Could not reach {what} at {address}: {reason}'),
  XOS_TIMEOUT: row(6, 504, '{what} did not answer within {timeoutMs} ms while asked to {attempt}'),
  XOS_PROTOCOL: row(6, 502, '{peer} answered something unexpected to {attempt}: {reason}'),
  XOS_VERSION_MISMATCH: row(6, 426, '{peer} speaks version {theirs} of {protocol}, this side speaks {ours}'),
  XOS_REMOTE: row(1, 502, '{peer} failed to {attempt}: {reason}'),

  // signing in and credentials
  XOS_AUTHENTICATION_REQUIRED: row(4, 401, 'To {attempt} you have to sign in'),
  XOS_AUTHENTICATION_FAILED: row(4, 401, 'Sign-in as {who} failed'),
  XOS_TOKEN_INVALID: row(4, 401, 'The {what} token is not valid: {reason}'),
  XOS_CHALLENGE_INVALID: row(4, 401, 'The challenge is not valid: {reason}. Ask for a new one'),
  XOS_CREDENTIAL_MISSING: row(5, 401, 'No credential found for {who} in {where}. Ask for one with `xos cert request`'),
  XOS_CREDENTIAL_AMBIGUOUS: row(5, 400, 'Several credentials fit {who}: {choices}. Name one of them'),
  XOS_CREDENTIAL_UNREADABLE: row(5, 400, 'The credential {name} could not be read: {reason}'),
  XOS_CREDENTIAL_EXPIRED: row(5, 401, 'The certificate of {subject} expired at {notAfter}. Renew it with `xos cert renew`'),
  XOS_CREDENTIAL_NOT_YET_VALID: row(5, 401, 'The certificate of {subject} is valid only from {notBefore}. Check the clock of this host'),
  XOS_CREDENTIAL_REVOKED: row(5, 401, 'The certificate of {subject} (serial {serial}) was revoked at {revokedAt}: {reason}'),
  XOS_CREDENTIAL_PASSPHRASE: row(5, 401, 'The passphrase does not open the key of {name}'),
  XOS_CREDENTIAL_PASSPHRASE_NEEDED: row(5, 401, 'The key of {name} is encrypted; give its passphrase'),
  XOS_CREDENTIAL_NO_KEY: row(5, 401, 'The credential {name} has no private key'),
  XOS_CREDENTIAL_KEY_MISMATCH: row(5, 401, 'The private key in {name} belongs to none of its certificates'),
  XOS_CREDENTIAL_NO_CERTIFICATE: row(5, 401, 'The credential {name} holds a private key but no certificate'),
  XOS_CREDENTIAL_PROOF_FAILED: row(5, 401, '{subject} did not prove possession of the private key: {reason}'),
  XOS_CREDENTIAL_IDENTITY: row(5, 403, 'The certificate belongs to {actual}, but {wanted} wants to log in'),
  XOS_CREDENTIAL_KIND: row(5, 403, 'A {actual} certificate was presented where a {wanted} certificate is needed'),
  XOS_CHAIN_INVALID: row(5, 401, 'The certificate chain of {subject} is not trusted: {reason}'),
  XOS_CHAIN_UNTRUSTED: row(5, 401, 'The certificate chain of {subject} ends at {issuer}, which is no trust anchor of this host'),
  XOS_CHAIN_SIGNING_POLICY: row(5, 401, '{issuer} may not sign {subject}: its signing policy forbids it'),
  XOS_CRL_UNUSABLE: row(5, 401, 'Revocation of certificates by {issuer} cannot be checked: {reason}'),
  XOS_PROXY_REFUSED: row(5, 400, 'No proxy can be made from the credential of {subject}: {reason}'),
  XOS_SSH_CERTIFICATE_REFUSED: row(5, 401, 'The SSH certificate {keyId} (serial {serial}) is refused: {reason}'),
  XOS_CSR_BAD: row(2, 400, 'The certificate request is refused: {reason}'),
  XOS_KEY_WEAK: row(5, 400, 'The key {actual} is too weak; use {wanted}'),

  // virtual organizations, members, nodes
  XOS_VO_WRONG: row(4, 403, 'The certificate belongs to VO {actual}, not to {wanted}'),
  XOS_VO_UNKNOWN: row(3, 404, 'This host has not joined a VO {vo}. Join it with `xos node join`'),
  XOS_MEMBER_UNKNOWN: row(4, 403, '{user} is not a member of VO {vo}'),
  XOS_MEMBER_SUSPENDED: row(4, 403, 'The membership of {user} in VO {vo} is suspended'),
  XOS_MEMBER_EXPIRED: row(4, 403, 'The membership of {user} in VO {vo} expired at {expiredAt}'),
  XOS_MEMBERSHIP_STALE: row(4, 503, 'The membership list of VO {vo} expired at {expiredAt} and its service does not answer'),
  XOS_DOCUMENT_INVALID: row(4, 400, 'The signed {what} of VO {vo} is refused: {reason}'),
  XOS_DOCUMENT_ROLLBACK: row(4, 409, 'The signed {what} of VO {vo} has version {version}, older than {known} which is known here'),
  XOS_NODE_UNKNOWN: row(4, 403, 'The node {node} has not joined VO {vo}'),
  XOS_TRUST_DOMAIN_OFFLINE: row(7, 409, 'Could not {attempt}: the root key of trust domain {domain} is offline'),

  // accounts
  XOS_ACCOUNT_REFUSED: row(4, 403, '{user} may not {attempt} on this host: {reason}'),
  XOS_ACCOUNT_LOCAL: row(7, 409, 'The login name {name} belongs to a local user; local users always win'),
  XOS_ACCOUNT_QUARANTINED: row(4, 403, 'The account of {user} is closed and its uid {uid} quarantined'),
  XOS_LEASE_CONFLICT: row(7, 409, 'The account {account} is leased to {holder}, not to {user}'),
  XOS_UID_SPACE_FULL: row(7, 507, 'No free id is left in {range} for {user}. Widen the range in accounts.conf or forget old tombstones'),
  XOS_UID_OUT_OF_RANGE: row(4, 403, 'Refused to {attempt} for uid {uid}: outside the managed range {range}'),
  XOS_SESSION_UNKNOWN: row(3, 404, 'There is no session {session}, or it has ended'),
  XOS_HANDLE_INVALID: row(4, 403, 'The login handle of {name} is not valid: {reason}. Log in again'),
  XOS_PATH_REFUSED: row(4, 403, 'Refused to {attempt} {path}: {reason}'),
  XOS_LAUNCH_FAILED: row(1, 500, 'Could not start {what} as uid {uid}: {reason}'),
} as const satisfies Record<`XOS_${string}`, ErrorRow>;

export type ErrorCode = keyof typeof errorRegistry;

/** The `{names}` of a sentence. */
type Placeholder<Sentence extends string> = Sentence extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Placeholder<Rest>
  : never;

/** What details hold: plain JSON, so that they travel over HTTP and D-Bus unchanged. Never a secret. */
export type ErrorDetail =
  | string
  | number
  | boolean
  | null
  | readonly ErrorDetail[]
  | { readonly [name: string]: ErrorDetail };
export type ErrorDetails = { readonly [name: string]: ErrorDetail };

/** The details that the sentence of a code needs; more may be given. */
export type DetailsOf<Code extends ErrorCode> = {
  readonly [Name in Placeholder<(typeof errorRegistry)[Code]['sentence']>]: ErrorDetail;
} & ErrorDetails;

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(errorRegistry, code);
}

/** The row of a code: sentence, exit code of `xos`, HTTP status. */
export function errorRow(code: ErrorCode): ErrorRow {
  return errorRegistry[code];
}

const dbusPrefix = 'org.xtreemos.Error.';

/** XOS_VO_WRONG becomes org.xtreemos.Error.VoWrong. */
export function dbusErrorName(code: ErrorCode): string {
  const words = code.slice('XOS_'.length).toLowerCase().split('_');
  return dbusPrefix + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}

const codeOfDbusName: ReadonlyMap<string, ErrorCode> = new Map(
  (Object.keys(errorRegistry) as ErrorCode[]).map((code) => [dbusErrorName(code), code]),
);

/** The code whose D-Bus name this is, or undefined when it is none of ours. */
export function errorCodeOfDbusName(name: string): ErrorCode | undefined {
  return codeOfDbusName.get(name);
}
