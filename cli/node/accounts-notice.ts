import type { AccountsClient } from '@xtreemos/accounts-client';

import { reasonOf } from '@xtreemos/base';
import { connectToAccounts } from '../accounts-connection.ts';

export interface AccountsNotice {
  readonly told: boolean;
  /** A line for the person, empty where there is nothing to do. */
  readonly text: string;
}

/** Has xos-accounts take up what changed under vo.d. It need not run yet: it reads everything when it starts. */
export async function tellAccounts(vo: string): Promise<AccountsNotice> {
  let client: AccountsClient | undefined;
  try {
    client = await connectToAccounts();
    await client.refresh(vo);
    return { told: true, text: '' };
  } catch (error) {
    return {
      told: false,
      text: `xos-accounts was not told (${reasonOf(error)}); it takes this up when it starts: systemctl restart xos-accounts\n`,
    };
  } finally {
    await client?.close();
  }
}
