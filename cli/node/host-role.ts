import type { HostRole } from '@xtreemos/vo-client';

/** The group that may read the key of a role: that of the daemon which uses it. */
export const groupOfRole: Readonly<Record<HostRole, string>> = {
  accounts: 'xos-accounts',
  dir: 'xos-fs',
  mrc: 'xos-fs',
  osd: 'xos-fs',
  srds: 'xos-srds',
  exec: 'xos-exec',
};
