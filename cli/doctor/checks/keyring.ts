import { existsSync, readFileSync } from 'node:fs';
import { UID_MAX, UID_MIN } from '@xtreemos/module-protocol';
import type { Check } from '../check.ts';
import type { ExaminedHost } from '../examined-host.ts';
import { type Finding, failure, notInstalled, ok, problemsOr, warning } from '../finding.ts';

/** A session's credential, with the kernel's own bytes beside it. */
const credentialBytes = 10_000;

/** Room in the kernel's keyrings: session credentials are charged to root, session keyrings to their users. */
export const keyring: Check = {
  name: 'keyring',
  about: "room in the kernel's keyrings for session credentials: /proc/key-users, /proc/sys/kernel/keys",
  examine: async (host) => {
    if (!host.parts.accounts) return [notInstalled('xtreemos-accounts')];
    const file = host.at('/proc/key-users');
    if (!existsSync(file)) {
      return [
        failure(
          'this kernel has no keyrings: sessions get no credential',
          'boot a kernel with CONFIG_KEYS=y; in a container, allow the system calls add_key, keyctl, request_key',
        ),
      ];
    }
    const users = readFileSync(file, 'utf8').split('\n').flatMap(parseKeyUser);
    const root = users.find(({ uid }) => uid === 0);
    const rootBytes = limit(host, 'root_maxbytes') ?? root?.bytes.most ?? 0;
    const crowded = users
      .filter(({ uid }) => uid === 0 || (uid >= UID_MIN && uid <= UID_MAX))
      .flatMap((user) => judge(user));
    const used = root?.bytes.used ?? 0;
    const room = Math.max(0, Math.floor((rootBytes - used) / credentialBytes));
    if (room < 100 && crowded.length === 0) {
      crowded.push(
        warning(
          `root's keys may hold ${rootBytes} bytes, ${used} are used: room for ${room} more sessions`,
          'sysctl kernel.keys.root_maxbytes=25000000 (and in /etc/sysctl.d to keep it)',
        ),
      );
    }
    return problemsOr(crowded, () =>
      ok(`root's keys take ${used} of ${rootBytes} bytes: room for ${room} sessions`),
    );
  },
};

interface KeyUser {
  readonly uid: number;
  readonly keys: { readonly used: number; readonly most: number };
  readonly bytes: { readonly used: number; readonly most: number };
}

/** `uid: usage nkeys/nikeys qnkeys/maxkeys qnbytes/maxbytes` (proc_key-users(5)). */
function parseKeyUser(line: string): readonly KeyUser[] {
  const fields = /^\s*(\d+):\s+\d+\s+\d+\/\d+\s+(\d+)\/(\d+)\s+(\d+)\/(\d+)/.exec(line);
  if (fields === null) return [];
  const [uid = 0, keys = 0, mostKeys = 0, bytes = 0, mostBytes = 0] = fields.slice(1).map(Number);
  return [{ uid, keys: { used: keys, most: mostKeys }, bytes: { used: bytes, most: mostBytes } }];
}

function judge({ uid, keys, bytes }: KeyUser): Finding[] {
  const share = Math.max(keys.used / keys.most, bytes.used / bytes.most);
  if (!(share >= 0.8)) return [];
  const prefix = uid === 0 ? 'root_' : '';
  const text = `uid ${uid} uses ${keys.used} of ${keys.most} keys, ${bytes.used} of ${bytes.most} bytes of its key quota`;
  const action = `sysctl kernel.keys.${prefix}maxkeys kernel.keys.${prefix}maxbytes, and raise them in /etc/sysctl.d`;
  return [share >= 1 ? failure(`${text}: new sessions get no credential`, action) : warning(text, action)];
}

function limit(host: ExaminedHost, name: string): number | undefined {
  const file = host.at(`/proc/sys/kernel/keys/${name}`);
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) : undefined;
}
