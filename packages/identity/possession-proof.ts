import { createPublicKey, type KeyObject, randomBytes } from 'node:crypto';
import { XosError } from '@xtreemos/base';
import { describeKey, judgeKey } from './public-key.ts';
import { signBytes, verifyBytes } from './signature-algorithm.ts';

/** What a challenge says. */
export interface Challenge {
  /** What the answer will be used for: `[a-z0-9.-]{1,64}`, such as `login` or `certificate.renew`. */
  readonly purpose: string;
  /** Who asks: host GUID, service URL... one line of printable ASCII, at most 255 characters. */
  readonly audience: string;
  /** 32 random bytes, base64url. */
  readonly nonce: string;
  readonly issuedAt: Date;
}

/**
 * Stands before every signed challenge. A certificate, request or CRL begins with 0x30, an SSH signature with a length: no
 * byte string of another protocol begins so, and no answer to a challenge can pass for one of them.
 */
const domain = Buffer.from('XtreemOS proof of possession v1\0', 'latin1');
const form =
  /^XtreemOS challenge v1\npurpose: ([a-z0-9.-]{1,64})\naudience: ([\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?)\nnonce: ([A-Za-z0-9_-]{43})\nissued: (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)\n$/;

function refuse(reason: string): never {
  throw new XosError('XOS_CHALLENGE_INVALID', { reason });
}

/** A fresh challenge as text. Signatures are over this text behind a prefix no other protocol uses. */
export function makeChallenge(request: {
  readonly purpose: string;
  readonly audience: string;
  readonly now?: Date;
}): string {
  const nonce = randomBytes(32).toString('base64url');
  const issued = (request.now ?? new Date()).toISOString();
  const text = `XtreemOS challenge v1\npurpose: ${request.purpose}\naudience: ${request.audience}\nnonce: ${nonce}\nissued: ${issued}\n`;
  parseChallenge(text);
  return text;
}

/** Reads a challenge's text (<= 1 KiB). Errors: XOS_CHALLENGE_INVALID. */
export function parseChallenge(text: string): Challenge {
  const [, purpose, audience, nonce, issued] = (text.length <= 1024 ? form.exec(text) : null) ?? [];
  if (purpose === undefined || audience === undefined || nonce === undefined || issued === undefined) {
    return refuse('its text has not the form of a challenge');
  }
  const issuedAt = new Date(issued);
  if (Number.isNaN(issuedAt.getTime())) refuse('its time names no moment');
  return { purpose, audience, nonce, issuedAt };
}

/**
 * Signs a challenge after parsing it: a signer never signs arbitrary bytes. `expected` refuses a challenge made for
 * another purpose or audience than the signer meant to answer. Errors: XOS_CHALLENGE_INVALID, XOS_KEY_WEAK.
 */
export function signChallenge(
  challenge: string,
  key: KeyObject,
  expected: { readonly purpose: string; readonly audience?: string },
): Buffer {
  const { purpose, audience } = parseChallenge(challenge);
  if (purpose !== expected.purpose) refuse(`it is for ${purpose}, this side is about to ${expected.purpose}`);
  if (expected.audience !== undefined && audience !== expected.audience) {
    refuse(`it comes from ${audience}, this side answers ${expected.audience}`);
  }
  judgeKey(describeKey(key));
  return signBytes(Buffer.concat([domain, Buffer.from(challenge, 'latin1')]), key);
}

/** How far ahead of ours the clock that issued a challenge may be; both are usually the same. */
const futureMs = 5000;

/**
 * Verifies purpose, audience, age (default 120 s, 5 s into the future) and signature.
 * Single use is the caller's: `ChallengeStore` or a transaction.
 * Errors: XOS_CHALLENGE_INVALID saying which; XOS_CREDENTIAL_PROOF_FAILED when the signature is not by the key.
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
  const parsed = parseChallenge(challenge);
  if (parsed.purpose !== expected.purpose) refuse(`it is for ${parsed.purpose}, not for ${expected.purpose}`);
  if (parsed.audience !== expected.audience)
    refuse(`it is of ${parsed.audience}, not of ${expected.audience}`);
  const ageMs = (expected.now ?? new Date()).getTime() - parsed.issuedAt.getTime();
  if (ageMs > (expected.maximumAgeSeconds ?? 120) * 1000) refuse(`it is ${Math.round(ageMs / 1000)} s old`);
  if (ageMs < -futureMs) refuse('it is dated in the future');
  const half = publicKey.type === 'private' ? createPublicKey(publicKey) : publicKey;
  if (!verifyBytes(Buffer.concat([domain, Buffer.from(challenge, 'latin1')]), signature, half)) {
    const reason = 'the signature over the challenge is not by the key of the certificate';
    throw new XosError('XOS_CREDENTIAL_PROOF_FAILED', { subject: 'The peer', reason });
  }
  return parsed;
}

/** Challenges handed out and not yet answered; bounded, the oldest go first. */
export interface ChallengeStore {
  /** Makes a challenge and remembers it. */
  issue(request: { readonly purpose: string; readonly audience: string }): string;
  /** True once for each challenge issued and still fresh; false ever after. Call it before verifying. */
  consume(challenge: string): boolean;
  readonly size: number;
}

/** Defaults: 10,000 challenges, 120 s. About 400 bytes each. */
export function makeChallengeStore(
  options: {
    readonly capacity?: number;
    readonly maximumAgeSeconds?: number;
    readonly now?: () => Date;
  } = {},
): ChallengeStore {
  const { capacity = 10_000, maximumAgeSeconds = 120, now = () => new Date() } = options;
  const pending = new Map<string, number>();
  const dropOldest = (): void => {
    const limit = now().getTime() - maximumAgeSeconds * 1000;
    for (const [text, issuedMs] of pending) {
      if (issuedMs >= limit && pending.size < capacity) return;
      pending.delete(text);
    }
  };
  return {
    issue: (request) => {
      dropOldest();
      const moment = now();
      const text = makeChallenge({ ...request, now: moment });
      pending.set(text, moment.getTime());
      return text;
    },
    consume: (challenge) => {
      const issuedMs = pending.get(challenge);
      pending.delete(challenge);
      return issuedMs !== undefined && now().getTime() - issuedMs <= maximumAgeSeconds * 1000;
    },
    get size() {
      return pending.size;
    },
  };
}
