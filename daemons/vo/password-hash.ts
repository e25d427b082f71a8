import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { XosError } from '@xtreemos/base';

/** Runs at a time: each needs 128 * N * r bytes and a thread of the pool, of which the rest of the process needs some. */
const concurrentDerivations = 2;
/** Waiting beyond these are refused: a flood of sign-ins must not become a queue of minutes. */
const defaultMaximumWaiting = 64;
const blockSize = 8;
const parallelization = 3;
const keyBytes = 32;

const derive = promisify<
  string | Buffer,
  Buffer,
  number,
  { N: number; r: number; p: number; maxmem: number },
  Buffer
>(scrypt);

/**
 * Passwords at rest: scrypt (RFC 7914) with its parameters beside it, `$scrypt$ln=15,r=8,p=3$SALT$HASH`, so that the
 * cost can grow and old hashes still verify. Why not argon2id: docs/decisions/vo-passwords.md.
 */
export class PasswordHasher {
  readonly #costExponent: number;
  readonly #maximumWaiting: number;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(options: { readonly costExponent: number; readonly maximumWaiting?: number }) {
    this.#costExponent = options.costExponent;
    this.#maximumWaiting = options.maximumWaiting ?? defaultMaximumWaiting;
  }

  async hash(password: string): Promise<string> {
    const salt = randomBytes(16);
    const key = await this.#derive(password, salt, this.#costExponent, blockSize, parallelization);
    return `$scrypt$ln=${this.#costExponent},r=${blockSize},p=${parallelization}$${base64(salt)}$${base64(key)}`;
  }

  /** False for null too, after the same work: who has no password cannot be told from who has another. */
  async verify(password: string, stored: string | null): Promise<boolean> {
    const parts = /^\$scrypt\$ln=(\d\d?),r=(\d\d?),p=(\d\d?)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(
      stored ?? '',
    );
    if (parts === null) {
      await this.#derive(password, Buffer.alloc(16), this.#costExponent, blockSize, parallelization);
      return false;
    }
    const [, exponent, r, p, salt = '', expected = ''] = parts;
    const key = await this.#derive(
      password,
      Buffer.from(salt, 'base64'),
      Number(exponent),
      Number(r),
      Number(p),
    );
    const wanted = Buffer.from(expected, 'base64');
    return wanted.length === key.length && timingSafeEqual(wanted, key);
  }

  async #derive(password: string, salt: Buffer, exponent: number, r: number, p: number): Promise<Buffer> {
    await this.#enter();
    try {
      const cost = 2 ** exponent;
      return await derive(password.normalize('NFC'), salt, keyBytes, {
        N: cost,
        r,
        p,
        maxmem: 128 * cost * r + 128 * r * p + 1_048_576,
      });
    } finally {
      this.#leave();
    }
  }

  async #enter(): Promise<void> {
    if (this.#running < concurrentDerivations) {
      this.#running += 1;
      return;
    }
    if (this.#waiting.length >= this.#maximumWaiting) {
      throw new XosError('XOS_RESOURCE_EXHAUSTED', {
        attempt: 'check a password',
        resource: 'the queue of sign-ins',
        limit: this.#maximumWaiting,
      });
    }
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  /** The place goes to who waits longest. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}
