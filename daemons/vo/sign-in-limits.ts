import { type Clock, clientNetwork, createRateLimit, type RateLimit, XosError } from '@xtreemos/base';
import type { Configuration } from './configuration.ts';

/** Rate limits on what needs no sign-in, and on sign-in itself; memory bounded by createRateLimit. */
export class SignInLimits {
  readonly #anonymous: RateLimit;
  readonly #byAddress: RateLimit;
  readonly #byName: RateLimit;

  constructor(limits: Configuration['Limits'], clock: Clock) {
    this.#anonymous = createRateLimit({
      burst: limits.AnonymousBurst,
      perSecond: limits.AnonymousPerSecond,
      clock,
    });
    const signIn = { burst: limits.SignInBurst, perSecond: limits.SignInPerMinute / 60, clock };
    this.#byAddress = createRateLimit(signIn);
    this.#byName = createRateLimit(signIn);
  }

  /** A request without sign-in. Throws XOS_RATE_LIMITED. */
  countAnonymous(address: string): void {
    refuse(this.#anonymous.take(clientNetwork(address)), 'use this service without signing in', address);
  }

  /**
   * A password or token is about to be checked. Throws XOS_RATE_LIMITED. `address` is undefined where a node of the VO
   * relays for many people.
   */
  countSignIn(name: string, address: string | undefined): void {
    if (address !== undefined) refuse(this.#byAddress.take(clientNetwork(address)), 'sign in', address);
    refuse(this.#byName.take(name), 'sign in', name);
  }

  /**
   * It was right: earlier slips of this person no longer count, and the address gets its attempt back (not all of them:
   * somebody with an account could else guess at others' for ever).
   */
  signedIn(name: string, address: string | undefined): void {
    this.#byName.reset(name);
    if (address !== undefined) this.#byAddress.take(clientNetwork(address), -1);
  }
}

function refuse(waitMs: number, attempt: string, who: string): void {
  if (waitMs > 0) {
    throw new XosError('XOS_RATE_LIMITED', { attempt, who, retryAfterSeconds: Math.ceil(waitMs / 1000) });
  }
}
