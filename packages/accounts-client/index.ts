export { type AccountsClient, type AccountsClientOptions, connectAccounts } from './accounts-client.ts';
export {
  ACCOUNTS_BUS_NAME,
  ACCOUNTS_INTERFACE,
  ACCOUNTS_MEMBERS,
  ACCOUNTS_OBJECT_PATH,
  type Account,
  type AccountCounts,
  type AccountFilter,
  type AccountKind,
  type AccountSession,
  type AccountState,
  type VoState,
} from './accounts-interface.ts';
export { fromDictionary, toDictionary } from './dictionary.ts';
