import { type AccountsClient, connectAccounts } from '@xtreemos/accounts-client';
import { reasonOf, XosError } from '@xtreemos/base';
import type { Invocation } from './invocation.ts';

/** Calls xos-accounts over the system bus. XOS_UNREACHABLE where bus or daemon is not there. */
export async function withAccounts<T>(
  invocation: Invocation,
  use: (client: AccountsClient) => Promise<T>,
): Promise<T> {
  const client = await invocation.slowly('Waiting for xos-accounts', connectToAccounts);
  try {
    return await invocation.slowly('Waiting for xos-accounts', () => use(client));
  } finally {
    client.close();
  }
}

async function connectToAccounts(): Promise<AccountsClient> {
  try {
    return await connectAccounts();
  } catch (error) {
    if (error instanceof XosError) throw error;
    throw new XosError(
      'XOS_UNREACHABLE',
      { what: 'xos-accounts', address: 'the system bus', reason: reasonOf(error) },
      { cause: error },
    );
  }
}
