import { createHash, randomBytes } from 'node:crypto';
import { XosError } from '@xtreemos/base';
import type { OneTimeToken } from '@xtreemos/vo-client';
import type { OneTimeTokenRow } from './database-schema.ts';
import type { Change } from './registry-change.ts';

/** 192 random bits: a plain hash at rest is enough, there is nothing to guess. */
export async function makeToken(
  change: Change,
  token: Pick<OneTimeTokenRow, 'kind' | 'vo'> &
    Partial<Pick<OneTimeTokenRow, 'user' | 'hostname'>> & {
      readonly roles?: readonly string[];
      readonly lifetimeSeconds: number;
    },
): Promise<OneTimeToken> {
  const secret = randomBytes(24).toString('base64url');
  const expiresAtMs = change.nowMs + token.lifetimeSeconds * 1000;
  const row: OneTimeTokenRow = {
    hash: hashOf(secret),
    kind: token.kind,
    vo: token.vo,
    user: token.user ?? null,
    hostname: token.hostname ?? null,
    roles: JSON.stringify(token.roles ?? []),
    created_at: change.nowMs,
    expires_at: expiresAtMs,
    used_at: null,
  };
  await change.write.insertInto('one_time_token').values(row).execute();
  return { token: secret, expiresAtMs };
}

/**
 * Uses a token up: of two who bring it at the same time one gets it. One sentence for unknown, used, expired and
 * somebody else's, so that guessing teaches nothing. Throws XOS_TOKEN_INVALID.
 */
export async function useToken(
  change: Change,
  wanted: {
    readonly kind: OneTimeTokenRow['kind'];
    readonly vo: string;
    readonly secret: string;
    readonly user?: string;
  },
): Promise<OneTimeTokenRow> {
  const { user } = wanted;
  const row = await change.write
    .updateTable('one_time_token')
    .set({ used_at: change.nowMs })
    .where('hash', '=', hashOf(wanted.secret))
    .where('kind', '=', wanted.kind)
    .where('vo', '=', wanted.vo)
    .where('used_at', 'is', null)
    .where('expires_at', '>', change.nowMs)
    .$if(user !== undefined, (update) => update.where('user', '=', user ?? ''))
    .returningAll()
    .executeTakeFirst();
  if (row === undefined) {
    const what = wanted.kind === 'node' ? 'node' : 'one-time';
    const reason = 'it is unknown, expired or was used before; ask the VO administrator for a new one';
    throw new XosError('XOS_TOKEN_INVALID', { what, reason });
  }
  return row;
}

/** Those of a member are void from now on. */
export async function voidTokens(change: Change, vo: string, user: string): Promise<void> {
  await change.write
    .deleteFrom('one_time_token')
    .where('vo', '=', vo)
    .where('user', '=', user)
    .where('kind', '=', 'enrolment')
    .execute();
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
