import { XosError } from '@xtreemos/base';
import type { Caller } from './caller.ts';
import { activateInvited } from './member-registry.ts';
import { useToken } from './one-time-token.ts';
import type { Change } from './registry-change.ts';
import type { VoContext } from './vo-context.ts';

/** What a request for a certificate says of who asks. */
export interface Claim {
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
}

/** Who asks, shown by TLS certificate or password; or claimed with a token that `redeem` has yet to use up. */
export interface Proof {
  readonly user: string;
  readonly method: 'certificate' | 'password' | 'token';
  /** Within the transaction that issues: a token is used up exactly when its certificate becomes durable. */
  redeem(change: Change): Promise<void>;
}

/**
 * A TLS user certificate of this VO, a password or a one-time token, in this order of what the request names.
 * Throws XOS_AUTHENTICATION_REQUIRED, XOS_AUTHENTICATION_FAILED, XOS_RATE_LIMITED, XOS_VO_WRONG.
 */
export async function proveIdentity(
  context: VoContext,
  vo: string,
  caller: Caller,
  claim: Claim,
  attempt: string,
): Promise<Proof> {
  if (claim.password !== undefined && claim.token !== undefined) {
    throw new XosError('XOS_INPUT_BAD', {
      what: 'sign-in',
      where: 'the request',
      reason: 'give a password or a token, not both',
    });
  }
  if (claim.password !== undefined || claim.token !== undefined) {
    if (claim.user === undefined) {
      throw new XosError('XOS_INPUT_BAD', { what: 'sign-in', where: 'user', reason: 'it is missing' });
    }
    // A node relays for many people: it is limited by their names alone.
    const address = 'address' in caller ? caller.address : undefined;
    context.limits.countSignIn(`${claim.user}@${vo}`, address);
    return claim.password === undefined
      ? byToken(context, vo, { user: claim.user, secret: claim.token ?? '' }, address)
      : byPassword(context, vo, { user: claim.user, password: claim.password }, address);
  }
  if (caller.kind !== 'user') throw new XosError('XOS_AUTHENTICATION_REQUIRED', { attempt });
  if (caller.vo !== vo) throw new XosError('XOS_VO_WRONG', { actual: caller.vo, wanted: vo });
  if (claim.user !== undefined && claim.user !== caller.user) {
    throw new XosError('XOS_CREDENTIAL_IDENTITY', { actual: caller.user, wanted: claim.user });
  }
  return { user: caller.user, method: 'certificate', redeem: async () => undefined };
}

/** The VO password. The answer and the time it takes are the same for a wrong password and an unknown user. */
export async function byPassword(
  context: VoContext,
  vo: string,
  { user, password }: { readonly user: string; readonly password: string },
  address: string | undefined,
): Promise<Proof> {
  const row = await context.database.read
    .selectFrom('member')
    .innerJoin('vo', 'vo.id', 'member.vo')
    .select('member.password')
    .where('member.vo', '=', vo)
    .where('member.user', '=', user)
    .where('vo.destroyed_at', 'is', null)
    .executeTakeFirst();
  if (!(await context.passwords.verify(password, row?.password ?? null))) {
    throw new XosError('XOS_AUTHENTICATION_FAILED', { who: `${user}@${vo}` });
  }
  context.limits.signedIn(`${user}@${vo}`, address);
  return { user, method: 'password', redeem: async () => undefined };
}

/** An invited person who brings the token has accepted. */
function byToken(
  context: VoContext,
  vo: string,
  { user, secret }: { readonly user: string; readonly secret: string },
  address: string | undefined,
): Proof {
  return {
    user,
    method: 'token',
    async redeem(change) {
      await useToken(change, { kind: 'enrolment', vo, secret, user });
      change.afterCommit(() => context.limits.signedIn(`${user}@${vo}`, address));
      const { status } = await change.write
        .selectFrom('member')
        .select('status')
        .where('vo', '=', vo)
        .where('user', '=', user)
        .executeTakeFirstOrThrow();
      if (status === 'invited') await activateInvited(change, vo, user);
    },
  };
}
