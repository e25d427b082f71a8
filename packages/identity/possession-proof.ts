import type { KeyObject } from 'node:crypto';
import { unbuilt } from './unbuilt.ts';

/** What a challenge says. */
export interface Challenge {
  /** What the answer will be used for: `[a-z0-9.-]{1,64}`, such as `login` or `certificate.renew`. */
  readonly purpose: string;
  /** Who asks: host GUID, service URL... one line, at most 255 characters. */
  readonly audience: string;
  /** 32 random bytes, base64url. */
  readonly nonce: string;
  readonly issuedAt: Date;
}

/** A fresh challenge as text. Signatures are over this text behind a prefix no other protocol uses. */
export function makeChallenge(request: {
  readonly purpose: string;
  readonly audience: string;
  readonly now?: Date;
}): string {
  return unbuilt(`makeChallenge ${request.purpose}`);
}

/** Reads a challenge's text (<= 1 KiB). Errors: XOS_IDENTITY_CHALLENGE_REFUSED. */
export function parseChallenge(text: string): Challenge {
  return unbuilt(`parseChallenge ${text.length}`);
}

/**
 * Signs a challenge after parsing it: a signer never signs arbitrary bytes. `expected` refuses a challenge made for
 * another purpose or audience than the signer meant to answer.
 */
export function signChallenge(
  challenge: string,
  key: KeyObject,
  expected: { readonly purpose: string; readonly audience?: string },
): Buffer {
  return unbuilt(`signChallenge ${challenge.length} ${key.type} ${expected.purpose}`);
}

/**
 * Verifies purpose, audience, age (default 120 s, 5 s into the future) and signature.
 * Single use is the caller's: `ChallengeStore` or a transaction. Errors: XOS_IDENTITY_CHALLENGE_REFUSED saying which.
 */
export function verifyChallenge(
  challenge: string,
  signature: Buffer,
  publicKey: KeyObject,
  expected: {
    readonly purpose: string;
    readonly audience: string;
    readonly now?: Date;
    readonly maximumAgeSeconds?: number;
  },
): Challenge {
  return unbuilt(
    `verifyChallenge ${challenge.length} ${signature.length} ${publicKey.type} ${expected.purpose}`,
  );
}

/** Challenges handed out and not yet answered; bounded, the oldest go first. */
export interface ChallengeStore {
  /** Makes a challenge and remembers it. */
  issue(request: { readonly purpose: string; readonly audience: string }): string;
  /** True once for each challenge issued and still fresh; false ever after. Call it before verifying. */
  consume(challenge: string): boolean;
  readonly size: number;
}

export function makeChallengeStore(
  options: {
    readonly capacity?: number;
    readonly maximumAgeSeconds?: number;
    readonly now?: () => Date;
  } = {},
): ChallengeStore {
  return unbuilt(`makeChallengeStore ${options.capacity}`);
}
