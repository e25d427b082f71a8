import type { Metrics } from '@xtreemos/base';
import type { AccountStore } from './account-store.ts';

export interface AccountMetrics {
  pamAnswered(request: string, pamCode: number, seconds: number): void;
  nssAnswered(request: string, found: boolean, seconds: number): void;
  leaseMade(): void;
  leaseEnded(): void;
}

/** OpenMetrics of xos-accounts; counts of the store are asked at each scrape. */
export function createAccountMetrics(
  metrics: Metrics,
  store: AccountStore,
  connectedVos: () => number,
): AccountMetrics {
  const pam = metrics.counter({
    name: 'xos_accounts_pam_requests',
    help: 'PAM requests by kind and return code',
    labels: ['request', 'code'],
  });
  const pamSeconds = metrics.histogram({
    name: 'xos_accounts_pam_request_seconds',
    help: 'Time to answer a PAM request, people thinking included',
    labels: ['request'],
  });
  const nss = metrics.counter({
    name: 'xos_accounts_nss_requests',
    help: 'Look-ups that came to the socket',
    labels: ['request', 'found'],
  });
  const nssSeconds = metrics.histogram({
    name: 'xos_accounts_nss_request_seconds',
    help: 'Time to answer a look-up on the socket',
    labels: ['request'],
  });
  const made = metrics.counter({ name: 'xos_accounts_leases_made', help: 'Leases made' });
  const ended = metrics.counter({ name: 'xos_accounts_leases_ended', help: 'Leases ended and cleaned up' });
  metrics.gauge({
    name: 'xos_accounts_members',
    help: 'Members on the lists in force',
    collect: () => store.counts().members,
  });
  metrics.gauge({ name: 'xos_accounts_leases', help: 'Leases held', collect: () => store.counts().leases });
  metrics.gauge({
    name: 'xos_accounts_sessions',
    help: 'Live sessions',
    collect: () => store.counts().sessions,
  });
  metrics.gauge({
    name: 'xos_accounts_quarantined_ids',
    help: 'Uids that rest after their member left',
    collect: () => store.counts().quarantined,
  });
  metrics.gauge({ name: 'xos_accounts_connected_vos', help: 'VO services connected', collect: connectedVos });
  return {
    pamAnswered(request, pamCode, seconds) {
      pam.increment({ request, code: String(pamCode) });
      pamSeconds.observe({ request }, seconds);
    },
    nssAnswered(request, found, seconds) {
      nss.increment({ request, found: String(found) });
      nssSeconds.observe({ request }, seconds);
    },
    leaseMade: () => made.increment({}),
    leaseEnded: () => ended.increment({}),
  };
}
