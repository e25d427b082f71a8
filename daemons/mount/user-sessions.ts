/** Has connections speak for users, by the session proxies that their logins left on this host. */
import { createPrivateKey } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { bindSession, type CallUser, RpcError } from '@xtreemos/rpc';
import type { Connected } from '@xtreemos/xtreemfs';

export interface UserSessionsOptions {
  /** `/run/xtreemos/session` */
  readonly directory: string;
  /** The local uid of a global user id; undefined: nobody on this host. */
  readonly uidOf: (user: string) => number | undefined;
  readonly nowMs: () => number;
}

interface Bound {
  readonly endsMs: number;
}

/** A user without a session is looked for again after so long. */
const absenceMs = 2000;
/** A session that ends so soon is replaced by a newer one, if there is one. */
const marginMs = 5000;

export type BindUser = (connection: Connected, user: CallUser) => Promise<void>;

/** A user without a usable session is not bound: the server refuses his calls, and says why. */
export function createUserSessions({ directory, uidOf, nowMs }: UserSessionsOptions): BindUser {
  const connections = new WeakMap<Connected, Map<string, Promise<Bound>>>();

  async function bound(connection: Connected, user: string): Promise<Bound> {
    const { tls } = connection;
    const uid = uidOf(user);
    if (tls === undefined || uid === undefined) return { endsMs: nowMs() + absenceMs };
    for (const file of await newestFirst(join(directory, String(uid)))) {
      try {
        const pem = await readFile(file, 'latin1');
        const session = { chainPem: certificatesOf(pem), key: createPrivateKey(keyOf(pem)) };
        const { endsMs, user: proved } = await bindSession(connection.rpc, tls, session);
        if (proved === user) return { endsMs: endsMs - marginMs };
      } catch (error) {
        if (error instanceof RpcError && error.kind !== 'user') throw error;
      }
    }
    return { endsMs: nowMs() + absenceMs };
  }

  return async (connection, { name }) => {
    if (connection.tls === undefined || !name.includes('@')) return;
    const users = connections.get(connection) ?? new Map<string, Promise<Bound>>();
    connections.set(connection, users);
    const known = users.get(name);
    if (known !== undefined && (await known).endsMs > nowMs()) return;
    // Another who waited may have begun meanwhile.
    const current = users.get(name);
    const binding = current === undefined || current === known ? bound(connection, name) : current;
    users.set(name, binding);
    try {
      await binding;
    } catch (error) {
      users.delete(name);
      throw error;
    }
  };
}

async function newestFirst(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory).catch(() => []);
  const files = await Promise.all(
    names.map(async (name) => {
      const file = join(directory, name, 'proxy.pem');
      return { file, mtimeMs: (await stat(file).catch(() => undefined))?.mtimeMs ?? -1 };
    }),
  );
  return files
    .filter(({ mtimeMs }) => mtimeMs >= 0)
    .toSorted((one, other) => other.mtimeMs - one.mtimeMs)
    .map(({ file }) => file);
}

const certificatePattern = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;
const keyPattern = /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----[^-]*-----END (?:[A-Z]+ )?PRIVATE KEY-----/;

function certificatesOf(pem: string): string {
  return `${(pem.match(certificatePattern) ?? []).join('\n')}\n`;
}

function keyOf(pem: string): string {
  return keyPattern.exec(pem)?.[0] ?? '';
}
