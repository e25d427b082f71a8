import type { LocalAccount, LocalAccounts } from './local-accounts.ts';

const sortedPools = new WeakMap<LocalAccounts, Map<string, readonly LocalAccount[]>>();

/**
 * Local accounts named prefix and a number, in the order of the number. Sorted once per reading of the local files: a
 * list of 10,000 members asks 10,000 times.
 */
export function poolAccounts(local: LocalAccounts, prefix: string): readonly LocalAccount[] {
  const pools = sortedPools.get(local) ?? new Map<string, readonly LocalAccount[]>();
  sortedPools.set(local, pools);
  let pool = pools.get(prefix);
  if (pool === undefined) {
    pool = [...local.byName.values()]
      .filter(({ name }) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
      .sort((a, b) => Number(a.name.slice(prefix.length)) - Number(b.name.slice(prefix.length)));
    pools.set(prefix, pool);
  }
  return pool;
}
