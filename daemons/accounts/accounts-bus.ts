import {
  ACCOUNTS_BUS_NAME,
  ACCOUNTS_INTERFACE,
  ACCOUNTS_OBJECT_PATH,
  type AccountFilter,
  type AccountState,
  toDictionary,
} from '@xtreemos/accounts-client';
import { type Logger, reasonOf } from '@xtreemos/base';
import { connectBus, type DbusConnection, type DbusValue } from '@xtreemos/dbus';
import { events } from './account-events.ts';
import type { AccountsService } from './accounts-service.ts';

/** polkit actions; without polkit only root may. */
const EXPIRE_ACTION = 'org.xtreemos.accounts.expire-lease';
const REFRESH_ACTION = 'org.xtreemos.accounts.refresh';

export interface AccountsBus {
  close(): Promise<void>;
}

/**
 * Offers org.xtreemos.Accounts1. A host without a bus is a warning: logging in does not need one. While there is none it
 * is looked for again.
 */
export function offerOnBus(
  service: AccountsService,
  version: string,
  logger: Logger,
  address?: string,
): AccountsBus {
  let closed = false;
  let connection: DbusConnection | undefined;
  let retry: NodeJS.Timeout | undefined;
  let warned = false;
  const attempt = async (): Promise<void> => {
    try {
      const opened = await connectBus(address === undefined ? {} : { address });
      connection = opened;
      await offer(service, version, opened);
      if (closed) await opened.close();
    } catch (error) {
      await connection?.close();
      connection = undefined;
      if (!warned) logger.warning(events.busUnavailable, `going on without D-Bus: ${reasonOf(error)}`);
      warned = true;
      if (!closed) retry = setTimeout(() => void attempt(), 10_000).unref();
    }
  };
  const first = attempt();
  return {
    async close() {
      closed = true;
      clearTimeout(retry);
      await first;
      await connection?.close();
    },
  };
}

async function offer(service: AccountsService, version: string, connection: DbusConnection): Promise<void> {
  const account = { account: 'a{sv}' };
  const exported = connection.exportInterface(ACCOUNTS_OBJECT_PATH, {
    name: ACCOUNTS_INTERFACE,
    methods: {
      ListAccounts: {
        input: { filter: 'a{sv}' },
        output: { accounts: 'aa{sv}' },
        handle: ([filter]) => [service.map.listAccounts(filterOf(filter)).map(toDictionary)],
      },
      GetAccount: {
        input: { name: 's' },
        output: account,
        handle: ([name]) => [toDictionary(service.map.account(String(name)))],
      },
      GetAccountByUid: {
        input: { uid: 'u' },
        output: account,
        handle: ([uid]) => [toDictionary(service.map.accountByUid(Number(uid)))],
      },
      MapIdentity: {
        input: { globalUserId: 's' },
        output: account,
        handle: ([globalUserId]) => [toDictionary(service.map.mapIdentity(String(globalUserId)))],
      },
      ListSessions: {
        input: { login: 's' },
        output: { sessions: 'aa{sv}' },
        handle: ([login]) => [service.map.sessions(String(login)).map(toDictionary)],
      },
      ExpireLease: {
        input: { login: 's' },
        polkitAction: EXPIRE_ACTION,
        handle: async ([login]) => {
          await service.expireLease(String(login));
          return [];
        },
      },
      Refresh: {
        input: { vo: 's' },
        polkitAction: REFRESH_ACTION,
        handle: async ([vo]) => {
          await service.refresh(vo === '' ? undefined : String(vo));
          return [];
        },
      },
    },
    properties: {
      Version: { signature: 's', get: () => version, emitsChange: 'const' },
      Vos: { signature: 'aa{sv}', get: () => service.vos().map(toDictionary), emitsChange: 'invalidates' },
      Counts: { signature: 'a{sv}', get: () => toDictionary(service.counts()), emitsChange: 'invalidates' },
    },
    signals: {
      AccountLeased: { login: 's', uid: 'u' },
      AccountEnded: { login: 's', uid: 'u', reason: 's' },
      SessionOpened: { sessionId: 's', login: 's', uid: 'u' },
      SessionClosed: { sessionId: 's', login: 's', uid: 'u' },
    },
  });
  service.observe({
    accountLeased: (login, uid) => exported.emit('AccountLeased', [login, uid]),
    accountEnded: (login, uid, reason) => exported.emit('AccountEnded', [login, uid, reason]),
    sessionOpened: (sessionId, login, uid) => exported.emit('SessionOpened', [sessionId, login, uid]),
    sessionClosed: (sessionId, login, uid) => exported.emit('SessionClosed', [sessionId, login, uid]),
    stateChanged: () => exported.propertiesChanged(['Vos', 'Counts']),
  });
  await connection.ownName(ACCOUNTS_BUS_NAME);
}

const states: ReadonlySet<string> = new Set<AccountState>(['assigned', 'leased', 'ending', 'quarantined']);

function filterOf(value: DbusValue | undefined): AccountFilter {
  const filter = value as Readonly<Record<string, { readonly value: DbusValue }>> | undefined;
  const vo = filter?.['vo']?.value;
  const state = filter?.['state']?.value;
  return {
    ...(typeof vo === 'string' ? { vo } : {}),
    ...(typeof state === 'string' && states.has(state) ? { state: state as AccountState } : {}),
  };
}
