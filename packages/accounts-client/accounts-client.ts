import { connectBus, type DbusConnection, type DbusValue } from '@xtreemos/dbus';
import {
  ACCOUNTS_BUS_NAME,
  ACCOUNTS_INTERFACE,
  ACCOUNTS_OBJECT_PATH,
  type Account,
  type AccountCounts,
  type AccountFilter,
  type AccountSession,
  type VoState,
} from './accounts-interface.ts';
import { fromDictionary, toDictionary } from './dictionary.ts';

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
  close(): Promise<void>;
}

export interface AccountsClientOptions {
  /** Address of the bus; default the system bus. */
  readonly address?: string;
  /** A connection that is shared and stays open at `close`. */
  readonly connection?: DbusConnection;
}

const address = { destination: ACCOUNTS_BUS_NAME, path: ACCOUNTS_OBJECT_PATH, interface: ACCOUNTS_INTERFACE };
/** Cleaning an account up and fetching a long list take longer than a question. */
const LONG_MS = 150_000;

/** @throws XosError XOS_UNREACHABLE when there is no bus */
export async function connectAccounts(options: AccountsClientOptions = {}): Promise<AccountsClient> {
  const connection =
    options.connection ??
    (await connectBus(options.address === undefined ? {} : { address: options.address }));

  const call = (member: string, signature = '', body: readonly DbusValue[] = [], timeoutMs?: number) =>
    connection.call({
      ...address,
      member,
      ...(signature === '' ? {} : { signature, body }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
  const one = async (member: string, signature: string, argument: DbusValue): Promise<Account> =>
    fromDictionary<Account>((await call(member, signature, [argument]))[0]);
  const listen = async (
    member: string,
    handler: (body: readonly DbusValue[]) => void,
  ): Promise<() => void> => {
    const end = await connection.subscribe(
      { sender: ACCOUNTS_BUS_NAME, path: ACCOUNTS_OBJECT_PATH, interface: ACCOUNTS_INTERFACE, member },
      ({ body }) => handler(body),
    );
    return () => void end();
  };
  const property = (name: string) => connection.getProperty({ ...address, name });
  const records = <T>(value: DbusValue | undefined): readonly T[] =>
    (value as readonly DbusValue[]).map((dictionary) => fromDictionary<T>(dictionary));

  return {
    version: async () => String(await property('Version')),
    vos: async () => records<VoState>(await property('Vos')),
    counts: async () => fromDictionary<AccountCounts>(await property('Counts')),
    listAccounts: async (filter = {}) =>
      records<Account>((await call('ListAccounts', 'a{sv}', [toDictionary(filter)]))[0]),
    getAccount: (name) => one('GetAccount', 's', name),
    getAccountByUid: (uid) => one('GetAccountByUid', 'u', uid),
    mapIdentity: (globalUserId) => one('MapIdentity', 's', globalUserId),
    listSessions: async (login = '') =>
      records<AccountSession>((await call('ListSessions', 's', [login]))[0]),
    expireLease: async (login) => {
      await call('ExpireLease', 's', [login], LONG_MS);
    },
    refresh: async (vo = '') => {
      await call('Refresh', 's', [vo], LONG_MS);
    },
    onAccountLeased: (listener) =>
      listen('AccountLeased', ([login, uid]) => listener(String(login), Number(uid))),
    onAccountEnded: (listener) =>
      listen('AccountEnded', ([login, uid, reason]) => listener(String(login), Number(uid), String(reason))),
    onSessionOpened: (listener) =>
      listen('SessionOpened', ([sessionId, login, uid]) =>
        listener(String(sessionId), String(login), Number(uid)),
      ),
    onSessionClosed: (listener) =>
      listen('SessionClosed', ([sessionId, login, uid]) =>
        listener(String(sessionId), String(login), Number(uid)),
      ),
    close: async () => {
      if (options.connection === undefined) await connection.close();
    },
  };
}
