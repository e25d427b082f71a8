import { createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import type { Store } from '@xtreemos/store';
import { rootNode } from './inode.ts';
import { counterKey } from './store-keys.ts';

/** Of the 53 bits that a number has exactly, 33 count the files of a volume, and these make the number hard to guess. */
const tagBits = 2 ** 20;

/**
 * Numbers of files. Whoever knows one can ask for the file without walking the path to it, so nobody is to find them by counting:
 * a part of each follows from a secret of this server.
 */
export class NodeNumbers {
  readonly #secret: KeyObject;

  constructor(secret: Buffer) {
    // Bytes would be made a key anew for each file.
    this.#secret = createSecretKey(secret);
  }

  /** @param sequence from 2 on; a volume has room for eight thousand million files, ever */
  numberOf(volume: number, sequence: number): number {
    const number = sequence * tagBits + this.#tag(volume, sequence);
    if (!Number.isSafeInteger(number)) throw new RangeError(`volume ${volume} has no numbers left for files`);
    return number;
  }

  /** Whether this server gave the number to a file, be it there or not any more. */
  isGenuine(volume: number, node: number): boolean {
    if (node === rootNode) return true;
    const sequence = Math.floor(node / tagBits);
    return node % tagBits === this.#tag(volume, sequence);
  }

  /** What the number was made from. @returns undefined for one that this server never gives */
  sequenceOf(volume: number, node: number): number | undefined {
    return node !== rootNode && this.isGenuine(volume, node) ? Math.floor(node / tagBits) : undefined;
  }

  #tag(volume: number, sequence: number): number {
    const digest = createHmac('sha256', this.#secret).update(`${volume} ${sequence}`).digest();
    return digest.readUInt32BE() % tagBits;
  }
}

/** The numbers of the server whose store it is; the secret is made with the store. */
export async function openNodeNumbers(store: Store): Promise<NodeNumbers> {
  const key = counterKey('node-secret');
  const known = store.get(key);
  if (known !== undefined) return new NodeNumbers(known);
  const secret = randomBytes(32);
  await store.write((writer) => writer.put(key, secret));
  return new NodeNumbers(secret);
}
