import { randomBytes } from 'node:crypto';
import { readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { reasonOf, XosError } from '@xtreemos/base';
import type { PublishMapReply } from '@xtreemos/helper-client';
import { checkNssMapHeader, nssMapHeaderBytes } from '@xtreemos/module-protocol';
import { entryNames, type HeldDirectory, holdDirectory, moveEntry, unlinkEntry } from './held-directory.ts';
import { sealedSize } from './sealed-content.ts';
import { storageError } from './storage-error.ts';

export interface NssMapOptions {
  /** `/run/xtreemos/nss/accounts.map` */
  readonly path: string;
  readonly sizeLimitBytes: number;
}

/**
 * Replaces the NSS map by rename: who has the old one mapped keeps it, nobody sees it shrink (which would be SIGBUS).
 * No fsync: it lies on tmpfs, and xos-accounts publishes it again after each boot.
 * @throws XosError XOS_INPUT_BAD (no map, not sealed), XOS_INPUT_TOO_LARGE, XOS_STORAGE_FULL, XOS_STORAGE_FAILED
 */
export async function publishMap(map: number, options: NssMapOptions): Promise<PublishMapReply> {
  const sizeBytes = sealedSize(map, 'The NSS map', options.sizeLimitBytes);
  const header = Buffer.alloc(nssMapHeaderBytes);
  const length = readSync(map, header, 0, header.length, 0);
  try {
    checkNssMapHeader(header.subarray(0, length), sizeBytes);
  } catch (cause) {
    throw new XosError(
      'XOS_INPUT_BAD',
      { what: 'The NSS map', where: 'its header', reason: reasonOf(cause) },
      { cause },
    );
  }
  try {
    await using directory = await holdDirectory(dirname(options.path));
    await replace(directory, basename(options.path), map, sizeBytes);
  } catch (error) {
    throw storageError(error, 'publish the NSS map', options.path);
  }
  return { path: options.path, sizeBytes };
}

async function replace(
  directory: HeldDirectory,
  name: string,
  map: number,
  sizeBytes: number,
): Promise<void> {
  const prefix = `.${name}.`;
  for await (const entry of entryNames(directory)) {
    // What a killed publication left; publications never overlap.
    if (entry.toString('latin1').startsWith(prefix)) await unlinkEntry(directory, entry);
  }
  const temporary = `${prefix}${randomBytes(6).toString('hex')}`;
  try {
    await using file = await open(directory.entry(temporary), 'wx', 0o600);
    await copy(map, file, sizeBytes);
    await file.chmod(0o644);
    await moveEntry(directory, temporary, directory, name);
  } catch (error) {
    await unlinkEntry(directory, temporary);
    throw error;
  }
}

async function copy(map: number, file: FileHandle, sizeBytes: number): Promise<void> {
  const buffer = Buffer.allocUnsafe(Math.min(sizeBytes, 1024 * 1024));
  for (let at = 0; at < sizeBytes; ) {
    const read = readSync(map, buffer, 0, Math.min(buffer.length, sizeBytes - at), at);
    if (read === 0) throw new Error(`the map ended at ${at} of ${sizeBytes} bytes`);
    await file.writeFile(buffer.subarray(0, read));
    at += read;
  }
}
