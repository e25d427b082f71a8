/**
 * The name service switch as every program sees it, off the event loop. Daemons use it to see the host's own accounts;
 * grid names come from xos-accounts (libnss_xos is disabled inside the daemons: it would ask itself).
 *
 * Look-ups run on threads of their own (64 at once, more wait), with buffers that grow to 1 MiB.
 * They resolve to null when there is no such entry and reject, with `code` set to the name of errno, when a module of
 * the switch failed (EIO, EMFILE, ENOMEM, ERANGE for an entry over 1 MiB).
 */
import { createRequire } from 'node:module';

/** passwd(5) */
export interface PasswdEntry {
  readonly name: string;
  readonly password: string;
  readonly uid: number;
  readonly gid: number;
  readonly gecos: string;
  readonly home: string;
  readonly shell: string;
}

/** group(5) */
export interface GroupEntry {
  readonly name: string;
  readonly password: string;
  readonly gid: number;
  readonly members: readonly string[];
}

interface NssAddon {
  getpwnam(name: string): Promise<PasswdEntry | null>;
  getpwuid(uid: number): Promise<PasswdEntry | null>;
  getgrnam(name: string): Promise<GroupEntry | null>;
  getgrgid(gid: number): Promise<GroupEntry | null>;
  getgrouplist(user: string, gid: number): Promise<number[]>;
}

/** A bundle takes the addon from where the packages install it (packaging/bundle.ts), a checkout from its build. */
declare const XOS_ADDONS: string | undefined;

function load(): NssAddon {
  const file = `${typeof XOS_ADDONS === 'string' ? XOS_ADDONS : './build'}/nss.node`;
  try {
    return createRequire(import.meta.url)(file) as NssAddon;
  } catch (cause) {
    throw new Error(`cannot load ${file}: install xtreemos-native, or in a checkout \`make -C native\``, {
      cause,
    });
  }
}

const addon: NssAddon = load();

/** @param name at most 4,096 bytes, no NUL */
export async function getpwnam(name: string): Promise<PasswdEntry | null> {
  return addon.getpwnam(name);
}

/** @param uid 0 to 4,294,967,295 */
export async function getpwuid(uid: number): Promise<PasswdEntry | null> {
  return addon.getpwuid(uid);
}

/** @param name at most 4,096 bytes, no NUL */
export async function getgrnam(name: string): Promise<GroupEntry | null> {
  return addon.getgrnam(name);
}

/** @param gid 0 to 4,294,967,295 */
export async function getgrgid(gid: number): Promise<GroupEntry | null> {
  return addon.getgrgid(gid);
}

/**
 * The groups a login of `user` gets: `gid` and every group that lists the user (getgrouplist(3)). An unknown user has
 * `gid` alone; the call has no way to tell that a module failed.
 * @throws SystemError ERANGE at more than 65,536 groups, the kernel's own limit
 */
export async function getgrouplist(user: string, gid: number): Promise<readonly number[]> {
  return addon.getgrouplist(user, gid);
}
