import type { Account, AccountCounts, AccountFilter, AccountSession, VoState } from './accounts-interface.ts';

/**
 * Typed client of `org.xtreemos.Accounts1`. Every method rejects with the registry's error of the daemon
 * (XOS_NOT_FOUND, permission), or with the bus's when xos-accounts is not there.
 */
export interface AccountsClient {
  version(): Promise<string>;
  vos(): Promise<readonly VoState[]>;
  counts(): Promise<AccountCounts>;
  listAccounts(filter?: AccountFilter): Promise<readonly Account[]>;
  /** By login name (`user@alias`) or global user id. */
  getAccount(name: string): Promise<Account>;
  /** Inverse map. */
  getAccountByUid(uid: number): Promise<Account>;
  /** Forward map, by global user id (`user@<VO id>`). */
  mapIdentity(globalUserId: string): Promise<Account>;
  /** All sessions, or those of one login name. */
  listSessions(login?: string): Promise<readonly AccountSession[]>;
  /** Ends the lease of a login name; root only. Resolves when the account is cleaned. */
  expireLease(login: string): Promise<void>;
  /** Fetches one VO's lists and CRLs (id or alias), or all; root only. Resolves when they are applied. */
  refresh(vo?: string): Promise<void>;
  /** Calls back on signals until the returned function is called. */
  onAccountLeased(listener: (login: string, uid: number) => void): Promise<() => void>;
  onAccountEnded(listener: (login: string, uid: number, reason: string) => void): Promise<() => void>;
  onSessionOpened(listener: (sessionId: string, login: string, uid: number) => void): Promise<() => void>;
  onSessionClosed(listener: (sessionId: string, login: string, uid: number) => void): Promise<() => void>;
  close(): void;
}
