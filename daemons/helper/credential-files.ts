import { closeSync, constants, fstatSync, writeSync } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { reasonOf, XosError } from '@xtreemos/base';
import type {
  CredentialFile,
  ListCredentialFilesReply,
  OpenCredentialFileReply,
} from '@xtreemos/helper-client';
import { memfd, openBeneath, sealDescriptor } from '@xtreemos/native-sys';
import {
  entryNames,
  type HeldDirectory,
  holdBeneath,
  holdDirectoryIfThere,
  lstatEntry,
} from './held-directory.ts';

export interface CredentialFileOptions {
  /** `/media` and others: roots that the administrator names. */
  readonly directories: readonly string[];
  readonly sizeLimitBytes: number;
  /** For one request; a stick that no longer answers must not hold a login up. */
  readonly timeoutMs: number;
}

/** Credential files of this host's media and directories. Hanging media hold at most two threads. */
export interface CredentialFiles {
  list(): Promise<ListCredentialFilesReply>;
  /** The caller closes `descriptor`. */
  open(name: string): Promise<OpenCredentialFileReply & { readonly descriptor: number }>;
}

const extensions: ReadonlySet<string> = new Set(['.p12', '.pfx', '.pem']);
/** `/media/<user>/<stick>/file` is three components below `/media`. */
const maximumDepth = 3;
const maximumFiles = 128;
const maximumDirectories = 1000;
const maximumAtOnce = 2;

export function createCredentialFiles(options: CredentialFileOptions): CredentialFiles {
  const waiting: (() => void)[] = [];
  let running = 0;

  /** A place passes from who leaves to who waits longest; who gave up waiting is skipped. */
  async function takePlace(signal: AbortSignal): Promise<void> {
    if (running < maximumAtOnce) {
      running++;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      waiting.push(resolve);
      signal.addEventListener('abort', () => {
        const at = waiting.indexOf(resolve);
        if (at >= 0) waiting.splice(at, 1);
        reject(signal.reason);
      });
    });
  }

  function leavePlace(): void {
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  }

  /** The file system may never answer: the caller goes on after the time-out, the place is freed when it does. */
  async function bounded<Value>(
    attempt: string,
    task: (signal: AbortSignal) => Promise<Value>,
    discard: (value: Value) => void,
  ): Promise<Value> {
    const { timeoutMs } = options;
    const timeout = new XosError('XOS_TIMEOUT', { what: 'A credential directory', timeoutMs, attempt });
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(timeout), timeoutMs);
    const { signal } = controller;
    try {
      await takePlace(signal);
      const result = task(signal).finally(leavePlace);
      const late = new Promise<never>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(timeout));
      });
      result.then(
        (value) => {
          if (signal.aborted) discard(value);
        },
        () => undefined,
      );
      return await Promise.race([result, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    list: () =>
      bounded(
        'list credential files',
        (signal) => listFiles(options, signal),
        () => undefined,
      ),
    open: (name) =>
      bounded(
        'open a credential file',
        (signal) => openFile(name, options, signal),
        ({ descriptor }) => closeSync(descriptor),
      ),
  };
}

async function listFiles(
  options: CredentialFileOptions,
  signal: AbortSignal,
): Promise<ListCredentialFilesReply> {
  const files: CredentialFile[] = [];
  const search = { files, directoriesLeft: maximumDirectories, truncated: false, signal };
  for (const directory of options.directories) {
    await using top = await holdDirectoryIfThere(directory);
    if (top !== undefined) await searchDirectory(search, top, directory, '', 1);
  }
  return { files, truncated: search.truncated };
}

interface Search {
  readonly files: CredentialFile[];
  directoriesLeft: number;
  truncated: boolean;
  readonly signal: AbortSignal;
}

async function searchDirectory(
  search: Search,
  directory: HeldDirectory,
  top: string,
  prefix: string,
  depth: number,
): Promise<void> {
  for await (const name of entryNames(directory)) {
    if (search.files.length >= maximumFiles || search.directoriesLeft === 0 || search.signal.aborted) {
      search.truncated = true;
      return;
    }
    const text = name.toString('utf8');
    // What cannot be named in a request cannot be opened.
    if (!Buffer.from(text).equals(name) || hasControls(text)) continue;
    // A file system of somebody who shuts root out, a medium with errors: nothing to list there.
    const stats = await lstatEntry(directory, name).catch(() => undefined);
    if (stats?.isFile() && extensions.has(extname(text).toLowerCase())) {
      search.files.push({
        name: prefix + text,
        directory: top,
        sizeBytes: stats.size,
        modifiedMs: Math.trunc(stats.mtimeMs),
      });
    } else if (stats?.isDirectory() && depth < maximumDepth) {
      search.directoriesLeft--;
      try {
        await using below = await holdBeneath(directory, name);
        await searchDirectory(search, below, top, `${prefix}${text}/`, depth + 1);
      } catch {
        // A stick that was pulled out meanwhile.
      }
    }
  }
}

async function openFile(
  name: string,
  options: CredentialFileOptions,
  signal: AbortSignal,
): Promise<OpenCredentialFileReply & { readonly descriptor: number }> {
  const { directory, relative } = await resolve(name, options, signal);
  const path = `${directory}/${relative}`;
  if (!extensions.has(extname(relative).toLowerCase()))
    throw refused(path, 'it does not end in .p12, .pfx or .pem');
  // openat2 runs on this thread: it must not be the first to ask a medium that hangs.
  await lstat(path).catch(() => undefined);
  signal.throwIfAborted();
  let source: number;
  try {
    source = openBeneath(directory, relative, { flags: constants.O_RDONLY | constants.O_NOFOLLOW });
  } catch (error) {
    throw openError(error, name, path);
  }
  try {
    const stats = fstatSync(source);
    if (!stats.isFile()) throw refused(path, 'it is no regular file');
    if (stats.size > options.sizeLimitBytes)
      throw refused(path, `it has more than ${options.sizeLimitBytes} bytes`);
    return { path, ...(await copyToMemory(source, path, options.sizeLimitBytes)) };
  } finally {
    closeSync(source);
  }
}

/**
 * The reader gets a sealed copy: the stick may be pulled out, the file grow or change under its reader, and the
 * descriptor leads to no other property of the medium (docs/decisions/helper-credential-copy.md).
 */
async function copyToMemory(
  source: number,
  path: string,
  limitBytes: number,
): Promise<{ descriptor: number; sizeBytes: number }> {
  // By /proc, because a FileHandle of its own closes its own descriptor and no other.
  await using reader = await open(`/proc/self/fd/${source}`, constants.O_RDONLY | constants.O_NONBLOCK);
  const buffer = Buffer.alloc(limitBytes + 1);
  let sizeBytes = 0;
  while (sizeBytes <= limitBytes) {
    const { bytesRead } = await reader.read(buffer, sizeBytes, buffer.length - sizeBytes, sizeBytes);
    if (bytesRead === 0) break;
    sizeBytes += bytesRead;
  }
  if (sizeBytes > limitBytes) throw refused(path, `it has more than ${limitBytes} bytes`);
  const descriptor = memfd('xos-credential');
  try {
    for (let written = 0; written < sizeBytes; ) {
      written += writeSync(descriptor, buffer, written, sizeBytes - written, written);
    }
    sealDescriptor(descriptor);
  } catch (error) {
    closeSync(descriptor);
    throw error;
  } finally {
    buffer.fill(0);
  }
  return { descriptor, sizeBytes };
}

async function resolve(
  name: string,
  options: CredentialFileOptions,
  signal: AbortSignal,
): Promise<{ directory: string; relative: string }> {
  if (name.startsWith('/')) {
    const directory = options.directories.find((candidate) => name.startsWith(`${candidate}/`));
    if (directory === undefined) throw refused(name, `it is not beneath ${options.directories.join(', ')}`);
    return withinDepth({ directory, relative: name.slice(directory.length + 1) });
  }
  const found: { directory: string; relative: string }[] = [];
  for (const directory of options.directories) {
    const stats = await lstat(`${directory}/${name}`).catch(() => undefined);
    if (stats !== undefined && !stats.isDirectory()) found.push({ directory, relative: name });
  }
  if (found.length === 0 && !name.includes('/')) {
    for (const file of (await listFiles(options, signal)).files) {
      const last = basename(file.name);
      if (last === name || basename(last, extname(last)) === name) {
        found.push({ directory: file.directory, relative: file.name });
      }
    }
  }
  const [first, ...others] = found;
  if (first === undefined) throw missing(name, options.directories.join(', '));
  if (others.length > 0) {
    const choices = found.slice(0, 64).map(({ directory, relative }) => `${directory}/${relative}`);
    throw new XosError('XOS_CREDENTIAL_AMBIGUOUS', { who: name, choices });
  }
  return withinDepth(first);
}

function withinDepth(file: { directory: string; relative: string }): { directory: string; relative: string } {
  if (file.relative.split('/').length > maximumDepth) {
    throw refused(`${file.directory}/${file.relative}`, `it lies deeper than ${maximumDepth} levels`);
  }
  return file;
}

function openError(error: unknown, name: string, path: string): XosError {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR') return missing(name, path);
  if (code === 'ELOOP' || code === 'EXDEV') return refused(path, 'a symbolic link is on the way', error);
  return new XosError('XOS_CREDENTIAL_UNREADABLE', { name: path, reason: reasonOf(error) }, { cause: error });
}

function missing(name: string, where: string): XosError {
  return new XosError('XOS_CREDENTIAL_MISSING', { who: name, where });
}

function refused(path: string, reason: string, cause?: unknown): XosError {
  return new XosError('XOS_PATH_REFUSED', { attempt: 'open', path, reason }, { cause });
}

function hasControls(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return /[\u0000-\u001f\u007f]/.test(text);
}
