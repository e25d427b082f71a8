import { readFileSync } from 'node:fs';
import { XosError } from '@xtreemos/base';
import type { HelperRequestType } from '@xtreemos/helper-client';
import type { PeerCredentials } from '@xtreemos/native-sys';

/** Who may ask what, by SO_PEERCRED. */
export interface CallerRights {
  /** True for anyone who may ask something. */
  isKnown(caller: PeerCredentials): boolean;
  /** @throws XosError XOS_PERMISSION */
  require(caller: PeerCredentials, type: HelperRequestType): void;
}

const ofAccounts: readonly HelperRequestType[] = [
  'list-credential-files',
  'open-credential-file',
  'make-home',
  'write-session',
  'remove-session',
  'list-sessions',
  'revoke-keys',
  'publish-map',
  'place-process',
  'end-account',
  'sweep',
  'install-host-certificate',
  'start-home',
  'stop-home',
];
const ofExec: readonly HelperRequestType[] = ['start-service', 'stop-service', 'start-home', 'stop-home'];
/** Root needs no helper; this is for seeing whether it answers. */
const ofRoot: readonly HelperRequestType[] = ['list-credential-files'];

/** @param execUid undefined where xos-exec is not installed */
export function createCallerRights(accountsUid: number, execUid: number | undefined): CallerRights {
  const rights = new Map<number, Set<HelperRequestType>>();
  const grant = (uid: number, types: readonly HelperRequestType[]) => {
    rights.set(uid, new Set([...(rights.get(uid) ?? []), ...types]));
  };
  grant(0, ofRoot);
  grant(accountsUid, ofAccounts);
  if (execUid !== undefined) grant(execUid, ofExec);
  return {
    isKnown: ({ uid }) => rights.has(uid),
    require({ uid }, type) {
      if (rights.get(uid)?.has(type) !== true) throw refusal(uid, type);
    },
  };
}

export function refusal(uid: number, type: string): XosError {
  return new XosError('XOS_PERMISSION', {
    who: `uid ${uid}`,
    attempt: `ask xos-helper for ${type}`,
    reason: 'only xos-accounts and xos-exec may, each its own requests',
  });
}

export interface LocalUser {
  readonly uid: number;
  readonly gid: number;
}

/**
 * A user of /etc/passwd by name or uid, undefined when there is none. Read directly: our daemons do not ask NSS, which
 * would ask us.
 */
export function findLocalUser(user: string, passwd = '/etc/passwd'): LocalUser | undefined {
  for (const line of readFileSync(passwd, 'utf8').split('\n')) {
    const [name, , uid, gid] = line.split(':');
    if ((name === user || uid === user) && uid !== undefined && gid !== undefined) {
      return { uid: Number(uid), gid: Number(gid) };
    }
  }
  return /^\d{1,9}$/.test(user) ? { uid: Number(user), gid: Number(user) } : undefined;
}
