/**
 * The kernel's key retention service (keyrings(7)) by its system calls.
 *
 * Calls are synchronous and take microseconds. They act for the calling thread: a session keyring joined on the main
 * thread is not that of threads that run already, but that of those started afterwards.
 * Errors are Error with `code` the name of errno: ENOKEY, EKEYEXPIRED, EKEYREVOKED, EKEYREJECTED, EDQUOT, EACCES,
 * EPERM, EINVAL. Wrong types throw TypeError, numbers out of range RangeError.
 */
import { createRequire } from 'node:module';
import { endianness as hostEndianness } from 'node:os';

/** A key or keyring: a positive serial number, or one of {@link keyrings}. */
export type KeySerial = number;

/** Special serials, resolved by the kernel for the calling thread. */
export const keyrings = {
  thread: -1,
  process: -2,
  session: -3,
  user: -4,
  userSession: -5,
  group: -6,
  requestKeyAuthority: -7,
  requestor: -8,
} as const satisfies Record<string, KeySerial>;

/** Permission bits of one class; shift by {@link permissionShift} and combine for {@link setPermissions}. */
export const permission = {
  view: 0x01,
  read: 0x02,
  write: 0x04,
  search: 0x08,
  link: 0x10,
  setattr: 0x20,
} as const;

export const permissionShift = { possessor: 24, user: 16, group: 8, other: 0 } as const;

export interface KeyDescription {
  readonly type: string;
  readonly uid: number;
  readonly gid: number;
  /** As {@link setPermissions} takes it. */
  readonly permissions: number;
  readonly description: string;
}

interface KeyringAddon {
  addKey(type: string, description: string, payload: Uint8Array, keyring: KeySerial): KeySerial;
  updateKey(key: KeySerial, payload: Uint8Array): void;
  readKey(key: KeySerial): Buffer;
  searchKeyring(keyring: KeySerial, type: string, description: string, destination: KeySerial): KeySerial;
  describeKey(key: KeySerial): string;
  linkKey(key: KeySerial, keyring: KeySerial): void;
  unlinkKey(key: KeySerial, keyring: KeySerial): void;
  joinSession(name: string | null): KeySerial;
  setPermissions(key: KeySerial, permissions: number): void;
  setOwner(key: KeySerial, uid: number, gid: number): void;
  setTimeout(key: KeySerial, seconds: number): void;
  revokeKey(key: KeySerial): void;
  invalidateKey(key: KeySerial): void;
  clearKeyring(keyring: KeySerial): void;
  getKeyringId(keyring: KeySerial, create: boolean): KeySerial;
  requestKey(type: string, description: string, destination: KeySerial): KeySerial;
  requestKeyByUpcall(
    type: string,
    description: string,
    calloutInfo: string,
    destination: KeySerial,
  ): Promise<KeySerial>;
}

/** A bundle takes the addon from where the packages install it (packaging/bundle.ts), a checkout from its build. */
declare const XOS_ADDONS: string | undefined;

function load(): KeyringAddon {
  const file = `${typeof XOS_ADDONS === 'string' ? XOS_ADDONS : './build'}/keyring.node`;
  try {
    return createRequire(import.meta.url)(file) as KeyringAddon;
  } catch (cause) {
    throw new Error(`cannot load ${file}: install xtreemos-native, or in a checkout \`make -C native\``, {
      cause,
    });
  }
}

const addon: KeyringAddon = load();
const endianness = hostEndianness();

/**
 * Adds a key to a keyring, or updates the one there of that type and description.
 * @param type 'user', 'logon', 'keyring' (empty payload), 'big_key' …, at most 31 bytes
 * @param description at most 4,095 bytes
 * @param payload 1 to 32,767 bytes for 'user'; less than 1 MiB in any case
 * @throws EDQUOT when the user's quota is used up (/proc/sys/kernel/keys/maxbytes, 20,000 by default)
 */
export function addKey(
  type: string,
  description: string,
  payload: Uint8Array,
  keyring: KeySerial,
): KeySerial {
  return addon.addKey(type, description, payload, keyring);
}

export function updateKey(key: KeySerial, payload: Uint8Array): void {
  addon.updateKey(key, payload);
}

/** The payload. */
export function readKey(key: KeySerial): Buffer {
  return addon.readKey(key);
}

/** The serials that a keyring links to. */
export function readKeyring(keyring: KeySerial): readonly KeySerial[] {
  const bytes = addon.readKey(keyring);
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, index) =>
    endianness === 'LE' ? bytes.readInt32LE(index * 4) : bytes.readInt32BE(index * 4),
  );
}

/**
 * Searches a tree of keyrings for a key.
 * @param destination when given, the found key is linked there as well
 * @throws ENOKEY when there is none; EKEYEXPIRED, EKEYREVOKED when there was one
 */
export function searchKeyring(
  keyring: KeySerial,
  type: string,
  description: string,
  destination: KeySerial = 0,
): KeySerial {
  return addon.searchKeyring(keyring, type, description, destination);
}

export function describeKey(key: KeySerial): KeyDescription {
  // type;uid;gid;permissions;description, where only the last may hold a semicolon (keyctl_describe(3)).
  const text = addon.describeKey(key);
  const [type, uid, gid, permissions] = text.split(';', 4);
  if (type === undefined || uid === undefined || gid === undefined || permissions === undefined)
    throw new Error(`the kernel described key ${key} in an unknown form`);
  return {
    type,
    uid: Number(uid),
    gid: Number(gid),
    permissions: Number.parseInt(permissions, 16),
    description: text.slice(type.length + uid.length + gid.length + permissions.length + 4),
  };
}

export function linkKey(key: KeySerial, keyring: KeySerial): void {
  addon.linkKey(key, keyring);
}

/** A key that nothing links to any more is destroyed, and its quota given back, a moment later. */
export function unlinkKey(key: KeySerial, keyring: KeySerial): void {
  addon.unlinkKey(key, keyring);
}

/**
 * Gives the calling thread another session keyring.
 * @param name joins or makes the one of that name; null makes an anonymous one
 */
export function joinSession(name: string | null = null): KeySerial {
  return addon.joinSession(name);
}

/** @param permissions see {@link permission}; the holder of CAP_SYS_ADMIN or the key's owner may, with setattr */
export function setPermissions(key: KeySerial, permissions: number): void {
  addon.setPermissions(key, permissions);
}

/**
 * Changes owner and group; the quota moves along. undefined leaves one as it is.
 * @throws EACCES without CAP_SYS_ADMIN, EDQUOT when the new owner has no room
 */
export function setOwner(key: KeySerial, owner: { readonly uid?: number; readonly gid?: number }): void {
  addon.setOwner(key, owner.uid ?? -1, owner.gid ?? -1);
}

/** @param seconds until the key expires, 0 for never; 0 to 4,294,967,295 */
export function setKeyTimeout(key: KeySerial, seconds: number): void {
  addon.setTimeout(key, seconds);
}

/** From now on the key answers EKEYREVOKED. */
export function revokeKey(key: KeySerial): void {
  addon.revokeKey(key);
}

/** The key is gone at once, from every keyring; needs search permission. */
export function invalidateKey(key: KeySerial): void {
  addon.invalidateKey(key);
}

export function clearKeyring(keyring: KeySerial): void {
  addon.clearKeyring(keyring);
}

/**
 * The serial behind a special one.
 * @param create makes the keyring when there is none yet
 */
export function getKeyringId(keyring: KeySerial, create = false): KeySerial {
  return addon.getKeyringId(keyring, create);
}

/**
 * Searches the thread's, process's and session's keyrings; never asks user space.
 * @param destination when given, the found key is linked there as well
 */
export function requestKey(type: string, description: string, destination: KeySerial = 0): KeySerial {
  return addon.requestKey(type, description, destination);
}

/**
 * As {@link requestKey}, and when there is no such key the kernel has /sbin/request-key make one
 * (request-key.conf(5)). That may take seconds, so it runs on a thread, which has the caller's keyrings.
 * @param calloutInfo passed to the program, at most 4,095 bytes
 * @throws ENOKEY when no program answers, EKEYREJECTED …
 */
export async function requestKeyByUpcall(
  type: string,
  description: string,
  calloutInfo: string,
  destination: KeySerial = 0,
): Promise<KeySerial> {
  return addon.requestKeyByUpcall(type, description, calloutInfo, destination);
}
