/**
 * `org.xtreemos.Accounts1` at `/org/xtreemos/Accounts1`. Structures travel as `a{sv}` with the property names below;
 * an optional property that is absent is left out of the dictionary. Times are milliseconds since the epoch (`x`).
 */
export const ACCOUNTS_BUS_NAME = 'org.xtreemos.Accounts1';
export const ACCOUNTS_OBJECT_PATH = '/org/xtreemos/Accounts1';
export const ACCOUNTS_INTERFACE = 'org.xtreemos.Accounts1';

/** How a mapping rule gave the account: made on the spot, one local account by name, or one of a set of local accounts. */
export type AccountKind = 'dynamic' | 'static' | 'pool';

/**
 * `assigned`: a member's name that resolves, without a lease; `leased`: in use; `ending`: no new logins, being cleaned;
 * `quarantined`: the member is gone, the uid rests until its tombstone ends.
 */
export type AccountState = 'assigned' | 'leased' | 'ending' | 'quarantined';

export interface Account {
  /** `user@alias` */
  readonly login: string;
  /** `user@<VO id>` */
  readonly globalUserId: string;
  readonly vo: string;
  readonly user: string;
  readonly guid: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
  readonly kind: AccountKind;
  /** The local account of a static or pool mapping; empty for dynamic. */
  readonly localName: string;
  readonly state: AccountState;
  readonly fqans: readonly string[];
  readonly leaseId?: string;
  readonly leasedAtMs?: number;
  readonly expiresAtMs?: number;
}

export interface AccountSession {
  readonly sessionId: string;
  readonly login: string;
  readonly globalUserId: string;
  readonly uid: number;
  /** PAM service that opened it. */
  readonly service: string;
  readonly tty: string;
  readonly remoteHost: string;
  readonly leaderPid: number;
  readonly openedAtMs: number;
  /** End of the session credential; absent when the session has none. */
  readonly credentialExpiresAtMs?: number;
}

/** One joined VO as this host sees it. */
export interface VoState {
  readonly vo: string;
  readonly alias: string;
  readonly serviceUrl: string;
  /** The event connection stands. */
  readonly connected: boolean;
  /** When the connection was lost, or first not made; absent while it stands. */
  readonly unreachableSinceMs?: number;
  /** Version of the membership list in force; 0 when there is none yet. */
  readonly membershipVersion: number;
  readonly members: number;
  /** When a list was last fetched or confirmed; absent when never. */
  readonly lastListAtMs?: number;
  /** The list is used, offline too, until then. */
  readonly listExpiresAtMs?: number;
  /** Age of the oldest CRL of the VO's authorities; absent when none is held. */
  readonly crlAgeMs?: number;
  /** The latest failure, one sentence; absent while all is well. */
  readonly problem?: string;
}

export interface AccountFilter {
  /** VO id or alias; all when absent. */
  readonly vo?: string;
  /** All states when absent. */
  readonly state?: AccountState;
}

export interface AccountCounts {
  readonly vos: number;
  readonly members: number;
  readonly leases: number;
  readonly sessions: number;
  readonly quarantined: number;
}

/** Members of the interface: methods, then properties, then signals; both sides of the bus are built from this list. */
export const ACCOUNTS_MEMBERS = {
  methods: {
    /** Filter `a{sv}` with `vo` and `state`; accounts ordered by login. Anyone may call. */
    ListAccounts: { in: 'a{sv}', out: 'aa{sv}' },
    /** By login name or global user id; XOS_NOT_FOUND otherwise. Anyone may call. */
    GetAccount: { in: 's', out: 'a{sv}' },
    /** Inverse map; XOS_NOT_FOUND for ids of nobody. Anyone may call. */
    GetAccountByUid: { in: 'u', out: 'a{sv}' },
    /** Forward map: global user id to account. Never makes a lease. */
    MapIdentity: { in: 's', out: 'a{sv}' },
    /** Sessions of all accounts, or of one login when the argument is not empty. */
    ListSessions: { in: 's', out: 'aa{sv}' },
    /** Ends a lease by login name: sessions are killed, leftovers swept. Root only. */
    ExpireLease: { in: 's', out: '' },
    /** Fetches lists and CRLs of one VO (id or alias), or of all when empty, and applies them. Root only. */
    Refresh: { in: 's', out: '' },
  },
  properties: {
    Version: 's',
    /** VoState dictionaries. */
    Vos: 'aa{sv}',
    /** AccountCounts as a dictionary. */
    Counts: 'a{sv}',
  },
  signals: {
    /** login, uid */
    AccountLeased: 'su',
    /** login, uid, reason */
    AccountEnded: 'sus',
    /** session id, login, uid */
    SessionOpened: 'ssu',
    /** session id, login, uid */
    SessionClosed: 'ssu',
  },
} as const;
