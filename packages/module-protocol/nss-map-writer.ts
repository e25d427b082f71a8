/** One account of the map. Its private group (gid = uid, the same name, no members) needs no entry in `groups`. */
export interface NssMapPasswd {
  /** login name, at most 32 bytes */
  readonly name: string;
  /** UID_MIN..UID_MAX */
  readonly uid: number;
  /** the uid (private group) or GID_MIN..GID_MAX */
  readonly gid: number;
  /** no colon or newline */
  readonly gecos: string;
  /** absolute path, no colon or newline */
  readonly home: string;
  readonly shell: string;
  /** supplementary gids for initgroups; the primary one may be left out */
  readonly groups: readonly number[];
}

export interface NssMapGroup {
  readonly name: string;
  /** GID_MIN..GID_MAX */
  readonly gid: number;
  /** login names shown by getgrnam; initgroups takes `groups` of the account instead, so a long list may be left empty */
  readonly members: readonly string[];
}

export interface NssMapContent {
  readonly passwd: readonly NssMapPasswd[];
  readonly groups: readonly NssMapGroup[];
  /** grows with every publication; shown by tools, not judged */
  readonly generation?: number;
  /** whether getpwent and getgrent list the map; default false */
  readonly enumerate?: boolean;
}

/**
 * The bytes of the NSS map file (docs/module-protocol.md). Throws RangeError, naming the account, on an id outside the managed
 * ranges, a name that no login or group name can be, and on a name or id given twice.
 */
export function writeNssMap(_content: NssMapContent): Buffer {
  throw new Error('writeNssMap is not written yet');
}
