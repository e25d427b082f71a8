import { XosError } from '@xtreemos/base';
import type { RevokeKeysReply } from '@xtreemos/helper-client';
import type { KeyDescription } from '@xtreemos/native-keyring';

/** The calls on kernel keys that revoking needs. */
export interface KeyCalls {
  describeKey(serial: number): KeyDescription;
  revokeKey(serial: number): void;
}

const goneCodes: ReadonlySet<unknown> = new Set(['ENOKEY', 'EKEYREVOKED', 'EKEYEXPIRED']);

/** Revokes session credentials in the kernel, and no key that is anything else. */
export function revokeKeys(serials: readonly number[], keys: KeyCalls): RevokeKeysReply {
  const reply = { revoked: [] as number[], absent: [] as number[], refused: [] as number[] };
  for (const serial of serials) reply[revokeOne(serial, keys)].push(serial);
  return reply;
}

function revokeOne(serial: number, keys: KeyCalls): keyof RevokeKeysReply {
  try {
    const { type, uid, description } = keys.describeKey(serial);
    if (type !== 'user' || uid !== 0 || description !== 'xos:credential') return 'refused';
    // pam_xos left the owner, root, view and setattr: as much as looking and revoking need.
    keys.revokeKey(serial);
    return 'revoked';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (goneCodes.has(code)) return 'absent';
    // A key that root may not even look at was not made by pam_xos.
    if (code === 'EACCES') return 'refused';
    throw new XosError(
      'XOS_INTERNAL',
      { attempt: `revoking key ${serial}`, reason: String(error) },
      { cause: error },
    );
  }
}
