import * as fs from 'node:fs';
import { type FileHandle, mkdir, open, readdir, statfs, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { allocatedExtents, fallocate, readCached } from '@xtreemos/native-sys';
import { createAdjoiningWrites } from './adjoining-writes.ts';
import type { Storage, StorageFile } from './storage.ts';

const readAt = promisify(fs.read) as (
  descriptor: number,
  buffer: Uint8Array,
  offset: number,
  length: number,
  position: number,
) => Promise<{ bytesRead: number }>;
const writeAt = promisify(fs.writev) as (
  descriptor: number,
  buffers: readonly Uint8Array[],
  position: number,
) => Promise<{ bytesWritten: number }>;
const syncData = promisify(fs.fdatasync);
const truncateAt = promisify(fs.ftruncate);
const statOf = promisify(fs.fstat);

/** Whoever reads more, as recovery does the segments of the log, may wait for a thread; readCached takes 16 MiB at most. */
const mostCachedBytes = 4 * 1024 * 1024;
/** Buffers of one writev(2): IOV_MAX is 1024. */
const mostBuffers = 1024;

/** The unit tells it (`%b`), for with ProcSubset=pid there is no /proc/sys. */
function bootId(): string {
  const text = process.env['XOS_BOOT_ID'] ?? fs.readFileSync('/proc/sys/kernel/random/boot_id', 'latin1');
  return text.trim().replaceAll('-', '');
}

/** The real thing, beneath a directory. */
export function createDiskStorage(root: string): Storage {
  const pathOf = (name: string) => join(root, name);
  return {
    boot: bootId(),
    async open(name, create) {
      try {
        // No O_EXCL: a file that a crash left half made is taken over.
        const flags = fs.constants.O_RDWR | fs.constants.O_NOFOLLOW | (create ? fs.constants.O_CREAT : 0);
        const handle = await open(pathOf(name), flags, 0o600);
        return diskFile(handle);
      } catch (error) {
        if (!create && codeOf(error) === 'ENOENT') return undefined;
        throw error;
      }
    },
    async unlink(name) {
      try {
        await unlink(pathOf(name));
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') throw error;
      }
    },
    async makeDirectory(name) {
      await mkdir(pathOf(name), { recursive: true, mode: 0o700 });
    },
    list: (directory) => readdir(pathOf(directory)),
    async syncDirectory(name) {
      const handle = await open(pathOf(name), fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    },
    async space() {
      const { bavail, blocks, bsize } = await statfs(root);
      return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
    },
  };
}

/** With callbacks on the descriptor: FileHandle's promises cost some microseconds more with each call. */
function diskFile(handle: FileHandle): StorageFile {
  const descriptor = handle.fd;
  let users = 0;
  let idle: (() => void) | undefined;
  const using = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    users += 1;
    try {
      return await work();
    } finally {
      users -= 1;
      if (users === 0) idle?.();
    }
  };
  const write = createAdjoiningWrites(async (buffers, position) => {
    let at = position;
    for (let first = 0; first < buffers.length; first += mostBuffers) {
      const part = buffers.slice(first, first + mostBuffers);
      await writeAll(descriptor, part, at);
      for (const buffer of part) at += buffer.length;
    }
  });
  return {
    read: (buffer, position) =>
      using(async () => {
        // What is not in memory is waited for by a thread: a slow disk holds up who asks for it alone.
        const isSmall = buffer.length <= mostCachedBytes;
        const known = isSmall ? readCached(descriptor, buffer, position) : -1;
        // The end of the file.
        if (known === 0) return 0;
        let filled = Math.max(known, 0);
        while (filled < buffer.length) {
          const { bytesRead } = await readAt(
            descriptor,
            buffer,
            filled,
            buffer.length - filled,
            position + filled,
          );
          if (bytesRead === 0) break;
          filled += bytesRead;
        }
        return filled;
      }),
    write: (buffers, position) => using(() => write(buffers, position)),
    truncate: (bytes) => using(() => truncateAt(descriptor, bytes)),
    punch: (position, length) => using(() => fallocate(descriptor, 'punch', position, length)),
    reserve: (position, length) => using(() => fallocate(descriptor, 'reserve', position, length)),
    size: () => using(async () => (await statOf(descriptor)).size),
    extents: (from) => using(() => allocatedExtents(descriptor, from)),
    sync: () => using(() => syncData(descriptor)),
    async close() {
      if (users > 0) {
        await new Promise<void>((resolve) => {
          idle = resolve;
        });
      }
      await handle.close();
    },
  };
}

async function writeAll(descriptor: number, buffers: readonly Uint8Array[], position: number): Promise<void> {
  let left = buffers;
  let at = position;
  while (left.length > 0) {
    const { bytesWritten } = await writeAt(descriptor, left, at);
    at += bytesWritten;
    left = withoutFirst(left, bytesWritten);
    // A disk that runs full takes a part and says so at the next call.
  }
}

function withoutFirst(buffers: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let skip = bytes;
  let index = 0;
  while (index < buffers.length && skip >= (buffers[index]?.length ?? 0)) {
    skip -= buffers[index]?.length ?? 0;
    index += 1;
  }
  const rest = buffers.slice(index);
  const [first] = rest;
  if (first !== undefined && skip > 0) rest[0] = first.subarray(skip);
  return rest;
}

function codeOf(error: unknown): unknown {
  return (error as NodeJS.ErrnoException).code;
}
