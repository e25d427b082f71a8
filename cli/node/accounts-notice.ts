import type { AccountsClient } from '@xtreemos/accounts-client';
import { reasonOf } from '@xtreemos/base';
import { connectToAccounts } from '../accounts-connection.ts';

export interface AccountsNotice {
  /** xos-accounts has taken it up. */
  readonly told: boolean;
  /** A line for the person, empty where there is nothing to do. */
  readonly text: string;
}

/** Applying a large membership list takes a few seconds; a daemon that waits for another may take minutes. */
const patienceMs = 20_000;

/** Has xos-accounts take up what changed under vo.d. It need not run yet: it reads everything when it starts. */
export async function tellAccounts(vo: string): Promise<AccountsNotice> {
  let client: AccountsClient | undefined;
  let timer: NodeJS.Timeout | undefined;
  try {
    client = await connectToAccounts();
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), patienceMs);
    });
    if ((await Promise.race([client.refresh(vo), late])) === 'late') {
      return { told: false, text: 'xos-accounts is still at work on it; xos status shows how it fares\n' };
    }
    return { told: true, text: '' };
  } catch (error) {
    return {
      told: false,
      text: `xos-accounts was not told (${reasonOf(error)}); it takes this up when it starts: systemctl restart xos-accounts\n`,
    };
  } finally {
    clearTimeout(timer);
    await client?.close();
  }
}
