import type { Check } from './check.ts';
import { accounts } from './checks/accounts.ts';
import { apparmor } from './checks/apparmor.ts';
import { certificates } from './checks/certificates.ts';
import { clock } from './checks/clock.ts';
import { configuration } from './checks/configuration.ts';
import { conflicts } from './checks/conflicts.ts';
import { crl } from './checks/crl.ts';
import { databases } from './checks/databases.ts';
import { disk } from './checks/disk.ts';
import { dns } from './checks/dns.ts';
import { filesystem } from './checks/filesystem.ts';
import { hostname } from './checks/hostname.ts';
import { ids } from './checks/ids.ts';
import { kernel } from './checks/kernel.ts';
import { keyring } from './checks/keyring.ts';
import { map } from './checks/map.ts';
import { nss } from './checks/nss.ts';
import { pam } from './checks/pam.ts';
import { permissions } from './checks/permissions.ts';
import { service } from './checks/service.ts';
import { ssh } from './checks/ssh.ts';
import { trust } from './checks/trust.ts';
import { units } from './checks/units.ts';
import { versions } from './checks/versions.ts';

/** In the order in which they are shown: what others rest upon comes first. */
export const allChecks: readonly Check[] = [
  versions,
  kernel,
  disk,
  clock,
  hostname,
  dns,
  service,
  trust,
  crl,
  certificates,
  filesystem,
  configuration,
  permissions,
  units,
  accounts,
  databases,
  map,
  nss,
  pam,
  ssh,
  keyring,
  ids,
  conflicts,
  apparmor,
];
