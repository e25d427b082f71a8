import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { reasonOf, XosError } from '@xtreemos/base';

export interface FileOwnership {
  /** Permission bits whatever the umask is. */
  readonly mode: number;
  /** Ids, the current ones when left out. */
  readonly uid?: number;
  readonly gid?: number;
}

interface Change {
  readonly path: string;
  /** Where the new content waits; undefined for a removal. */
  readonly staged: string | undefined;
  /** Where the former file went, once applied. */
  kept?: string;
  isApplied?: boolean;
}

/**
 * A set of files that changes together: everything new is written and synced beside its target first, so that a full disk
 * or missing rights show before anything changed; then each is renamed into place, in the order given. Where one fails,
 * those before it go back to what they were. A power cut in between leaves whole files, old and new; the same transaction
 * run again completes it.
 */
export class FileTransaction {
  readonly #changes: Change[] = [];
  readonly #madeDirectories: string[] = [];
  readonly #mark = randomBytes(4).toString('hex');

  /** Makes a directory and its parents where missing. One that exists keeps its mode. */
  makeDirectory(path: string, ownership: FileOwnership): void {
    this.#guard('make the directory', path, () => this.#makeDirectory(path, ownership));
  }

  put(path: string, content: string | Uint8Array, ownership: FileOwnership): void {
    this.#guard('write', path, () => {
      const staged = this.#stagingName(path);
      const fileDescriptor = openSync(staged, 'wx', 0o600);
      this.#changes.push({ path, staged });
      try {
        writeSync(fileDescriptor, typeof content === 'string' ? Buffer.from(content) : content);
        if (ownership.uid !== undefined || ownership.gid !== undefined) {
          fchownSync(
            fileDescriptor,
            ownership.uid ?? process.getuid?.() ?? -1,
            ownership.gid ?? process.getgid?.() ?? -1,
          );
        }
        fchmodSync(fileDescriptor, ownership.mode);
        fsyncSync(fileDescriptor);
      } finally {
        closeSync(fileDescriptor);
      }
    });
  }

  link(path: string, target: string): void {
    this.#guard('link', path, () => {
      const staged = this.#stagingName(path);
      symlinkSync(target, staged);
      this.#changes.push({ path, staged });
    });
  }

  /** Removes a file; one that is not there is fine. */
  remove(path: string): void {
    this.#changes.push({ path, staged: undefined });
  }

  /** @throws XosError XOS_STORAGE_FAILED; everything is then as before. */
  commit(): void {
    for (const change of this.#changes) {
      this.#guard(change.staged === undefined ? 'remove' : 'replace', change.path, () => this.#apply(change));
    }
    for (const change of this.#changes) {
      if (change.kept !== undefined) unlinkSync(change.kept);
    }
    for (const directory of new Set(this.#changes.map((change) => dirname(change.path))))
      syncDirectory(directory);
    this.#changes.length = 0;
    this.#madeDirectories.length = 0;
  }

  /** Undoes whatever was staged or applied. */
  rollBack(): void {
    for (const change of this.#changes.reverse()) {
      if (change.isApplied === true) {
        if (change.kept !== undefined) renameSync(change.kept, change.path);
        else if (change.staged !== undefined) unlinkSync(change.path);
      } else {
        if (change.staged !== undefined) unlinkSync(change.staged);
        if (change.kept !== undefined) unlinkSync(change.kept);
      }
    }
    for (const directory of this.#madeDirectories.reverse()) {
      try {
        rmdirSync(directory);
      } catch (error) {
        // Somebody else put something there meanwhile: it stays.
        if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error;
      }
    }
    this.#changes.length = 0;
    this.#madeDirectories.length = 0;
  }

  #apply(change: Change): void {
    if (exists(change.path)) {
      const kept = this.#stagingName(change.path, 'old');
      if (change.staged === undefined) renameSync(change.path, kept);
      else keepCopy(change.path, kept);
      change.kept = kept;
    }
    if (change.staged !== undefined) renameSync(change.staged, change.path);
    change.isApplied = true;
  }

  #makeDirectory(path: string, ownership: FileOwnership): void {
    const present = statSync(path, { throwIfNoEntry: false });
    if (present?.isDirectory() === true) return;
    if (present !== undefined) throw new Error('something that is no directory is in its place');
    const parent = dirname(path);
    if (parent !== path) this.#makeDirectory(parent, { mode: 0o755 });
    mkdirSync(path, { mode: 0o700 });
    this.#madeDirectories.push(path);
    const fileDescriptor = openSync(path, 'r');
    try {
      if (ownership.uid !== undefined || ownership.gid !== undefined) {
        fchownSync(
          fileDescriptor,
          ownership.uid ?? process.getuid?.() ?? -1,
          ownership.gid ?? process.getgid?.() ?? -1,
        );
      }
      fchmodSync(fileDescriptor, ownership.mode);
    } finally {
      closeSync(fileDescriptor);
    }
  }

  #stagingName(path: string, kind = 'new'): string {
    return join(dirname(path), `.${basename(path)}.${this.#mark}.${kind}`);
  }

  #guard(attempt: string, path: string, act: () => void): void {
    try {
      act();
    } catch (error) {
      this.rollBack();
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOSPC' || code === 'EDQUOT') {
        throw new XosError('XOS_STORAGE_FULL', { attempt, path }, { cause: error });
      }
      if (code === 'EACCES' || code === 'EPERM') {
        throw new XosError(
          'XOS_PERMISSION',
          { who: 'This user', attempt: `${attempt} ${path}`, reason: 'run the command as root' },
          { cause: error },
        );
      }
      throw new XosError(
        'XOS_STORAGE_FAILED',
        { attempt, path, reason: `${reasonOf(error)}. Nothing was changed` },
        { cause: error },
      );
    }
  }
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** The same file under a second name, so that the first never vanishes while it is replaced. */
function keepCopy(path: string, kept: string): void {
  const status = lstatSync(path);
  if (status.isDirectory()) throw new Error('a directory is in its place');
  if (status.isSymbolicLink()) symlinkSync(readlinkSync(path), kept);
  else linkSync(path, kept);
}

function syncDirectory(directory: string): void {
  const fileDescriptor = openSync(directory, 'r');
  try {
    fsyncSync(fileDescriptor);
  } finally {
    closeSync(fileDescriptor);
  }
}
