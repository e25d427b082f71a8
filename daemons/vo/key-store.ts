import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { reasonOf, writeFileAtomically, XosError } from '@xtreemos/base';
import { plainPrivateKeyPem, readPrivateKey } from '@xtreemos/identity';

/** Which key: names are made of VO ids and domain names, whose grammar allows no slash. */
export type KeyName = `domain/${string}/${'root' | 'services'}` | `vo/${string}/${'cda' | 'rca' | 'ssh-ca'}`;

/** Private keys as files `NAME.key` (0600) beneath a directory (0700), each read once. */
export class KeyStore {
  readonly #directory: string;
  readonly #loaded = new Map<KeyName, KeyObject>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Throws XOS_STORAGE_FAILED when the file is missing or unreadable. */
  async load(name: KeyName): Promise<KeyObject> {
    const known = this.#loaded.get(name);
    if (known !== undefined) return known;
    const path = this.#path(name);
    try {
      const key = await readPrivateKey(await readFile(path));
      this.#loaded.set(name, key);
      return key;
    } catch (error) {
      throw new XosError(
        'XOS_STORAGE_FAILED',
        { attempt: 'read an authority key', path, reason: reasonOf(error) },
        { cause: error },
      );
    }
  }

  /** Durable when it resolves. */
  async save(name: KeyName, key: KeyObject): Promise<void> {
    const path = this.#path(name);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFileAtomically(path, plainPrivateKeyPem(key), { mode: 0o600 });
    this.#loaded.set(name, key);
  }

  async remove(name: KeyName): Promise<void> {
    this.#loaded.delete(name);
    await rm(this.#path(name), { force: true });
  }

  #path(name: KeyName): string {
    return join(this.#directory, `${name}.key`);
  }
}

/** Authorities sign with ECDSA P-256. */
export function makeAuthorityKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

/** The SSH user CA's key: Ed25519, which every OpenSSH since 6.5 verifies. */
export function makeSshAuthorityKey(): KeyObject {
  return generateKeyPairSync('ed25519').privateKey;
}
