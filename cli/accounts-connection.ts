import type { AccountsClient } from '@xtreemos/accounts-client';
import { reasonOf, XosError } from '@xtreemos/base';
import type { Invocation } from './invocation.ts';

/** Calls xos-accounts over the system bus. XOS_UNREACHABLE where bus or daemon is not there. */
export async function withAccounts<T>(
  invocation: Invocation,
  use: (client: AccountsClient) => Promise<T>,
): Promise<T> {
  return invocation.slowly('Waiting for xos-accounts', async () => {
    const client = await connectToAccounts();
    try {
      return await use(client);
    } finally {
      await client.close();
    }
  });
}

/** The bus client is loaded where it is used: most verbs never need it. */
export async function connectToAccounts(): Promise<AccountsClient> {
  try {
    const { connectAccounts } = await import('@xtreemos/accounts-client');
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
