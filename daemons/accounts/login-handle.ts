import { randomBytes } from 'node:crypto';
import { type Clock, XosError } from '@xtreemos/base';

/** What a session needs of a login that succeeded. */
export interface SessionCredential {
  /** Certificate, its private key, the chain above it; a secret. */
  readonly pem: string;
  readonly expiresAtMs: number;
  /** PEM of the chain to be judged again when CRLs arrive. */
  readonly chain: string;
  /** FQANs that the certificate asserts, the primary one first. */
  readonly fqans: readonly string[];
}

/** What a session was opened on. */
export interface SessionProof {
  readonly credential?: SessionCredential;
  /** Of the SSH certificate, when one logged in. */
  readonly sshSerial?: string;
}

export interface LoginProof {
  readonly login: string;
  readonly guid: string;
  readonly credential: SessionCredential;
}

const LIFETIME_MS = 120_000;
/** More logins than this within two minutes are not people; the oldest handles go first. */
const CAPACITY = 1024;

/**
 * Hands a login's proof from authentication to the session, which may be another process (sshd): single use, 120 s, bound
 * to the login name, in memory only.
 */
export class LoginHandles {
  readonly #clock: Clock;
  readonly #proofs = new Map<string, { readonly proof: LoginProof; readonly untilMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  issue(proof: LoginProof): string {
    this.#forgetOld();
    const handle = randomBytes(32).toString('base64url');
    this.#proofs.set(handle, { proof, untilMs: this.#clock.monotonicMs() + LIFETIME_MS });
    return handle;
  }

  /**
   * Uses a handle up, whatever the outcome.
   * @throws XosError XOS_HANDLE_INVALID when it is unknown, used, older than 120 s or another person's
   */
  redeem(handle: string, login: string): LoginProof {
    const held = this.#proofs.get(handle);
    this.#proofs.delete(handle);
    if (held === undefined) {
      throw new XosError('XOS_HANDLE_INVALID', { name: login, reason: 'it was used already or never given' });
    }
    if (held.untilMs <= this.#clock.monotonicMs()) {
      throw new XosError('XOS_HANDLE_INVALID', { name: login, reason: 'it is older than 120 s' });
    }
    if (held.proof.login !== login) {
      throw new XosError('XOS_HANDLE_INVALID', { name: login, reason: 'it was given to another login name' });
    }
    return held.proof;
  }

  get size(): number {
    return this.#proofs.size;
  }

  /** In order of age, so that the first one that is young ends the search. */
  #forgetOld(): void {
    for (const [handle, { untilMs }] of this.#proofs) {
      if (untilMs > this.#clock.monotonicMs() && this.#proofs.size < CAPACITY) break;
      this.#proofs.delete(handle);
    }
  }
}
