import { constants, type Dir, readFileSync, type Stats } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, opendir, rename, rmdir, unlink } from 'node:fs/promises';

const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * A directory held by descriptor. Whatever others rename or replace, names are looked up in this very directory and one
 * component at a time: `/proc/self/fd/N/name` is what openat(2), unlinkat(2) and their kin would take.
 * Names are bytes: people's file names need not be UTF-8.
 */
export interface HeldDirectory extends AsyncDisposable {
  readonly handle: FileHandle;
  /** The path of an entry for node:fs; never of a symbolic link's target unless the call follows. */
  entry(name: string | Buffer): Buffer;
}

function hold(handle: FileHandle): HeldDirectory {
  const prefix = Buffer.from(`/proc/self/fd/${handle.fd}/`);
  return {
    handle,
    entry: (name) => {
      const bytes = typeof name === 'string' ? Buffer.from(name) : name;
      if (
        bytes.length === 0 ||
        bytes.includes(0x2f) ||
        bytes.includes(0) ||
        bytes.equals(dot) ||
        bytes.equals(dots)
      ) {
        throw new RangeError('an entry name is one component of a path');
      }
      return Buffer.concat([prefix, bytes]);
    },
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

const dot = Buffer.from('.');
const dots = Buffer.from('..');

/** Holds a directory that the configuration names; links on the way to it are the administrator's own. */
export async function holdDirectory(path: string): Promise<HeldDirectory> {
  return hold(await open(path, constants.O_RDONLY | constants.O_DIRECTORY));
}

/** Holds a subdirectory. @throws ELOOP or ENOTDIR for a symbolic link or anything that is no directory. */
export async function holdBeneath(parent: HeldDirectory, name: string | Buffer): Promise<HeldDirectory> {
  return hold(await open(parent.entry(name), directoryFlags));
}

/** As `holdBeneath`, undefined when there is none. */
export async function holdBeneathIfThere(
  parent: HeldDirectory,
  name: string | Buffer,
): Promise<HeldDirectory | undefined> {
  return await unlessAbsent(holdBeneath(parent, name));
}

/** As `holdDirectory`, undefined when there is none. */
export async function holdDirectoryIfThere(path: string): Promise<HeldDirectory | undefined> {
  return await unlessAbsent(holdDirectory(path));
}

/**
 * Makes a subdirectory, or takes the one there, and holds it. A new one gets mode, owner root.
 */
export async function makeBeneath(
  parent: HeldDirectory,
  name: string | Buffer,
  mode: number,
): Promise<HeldDirectory> {
  let isNew = true;
  try {
    await mkdir(parent.entry(name), mode);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    isNew = false;
  }
  const directory = await holdBeneath(parent, name);
  // The umask took bits away; by descriptor, because by name it could be another directory's by now.
  if (isNew) await directory.handle.chmod(mode);
  return directory;
}

export async function lstatEntry(
  directory: HeldDirectory,
  name: string | Buffer,
): Promise<Stats | undefined> {
  return await unlessAbsent(lstat(directory.entry(name)));
}

/** Entries in the order of the file system, names as bytes; `.` and `..` left out. */
export async function* entryNames(directory: HeldDirectory): AsyncGenerator<Buffer> {
  const listing = (await opendir(`/proc/self/fd/${directory.handle.fd}`, {
    // The type definitions know only text encodings; Node gives Buffers for this one.
    encoding: 'buffer' as BufferEncoding,
    bufferSize: 256,
  })) as Dir;
  for await (const entry of listing) yield entry.name as unknown as Buffer;
}

/** Moves an entry between held directories. */
export async function moveEntry(
  from: HeldDirectory,
  name: string | Buffer,
  to: HeldDirectory,
  newName: string | Buffer,
): Promise<void> {
  await rename(from.entry(name), to.entry(newName));
}

/** True when removed, false when it was gone. */
export async function unlinkEntry(directory: HeldDirectory, name: string | Buffer): Promise<boolean> {
  return (await unlessAbsent(unlink(directory.entry(name)).then(() => true))) ?? false;
}

/** True when removed, false when it was gone. @throws ENOTEMPTY, EBUSY */
export async function rmdirEntry(directory: HeldDirectory, name: string | Buffer): Promise<boolean> {
  return (await unlessAbsent(rmdir(directory.entry(name)).then(() => true))) ?? false;
}

/** Which mount a held directory lies on: differs across bind mounts, whose device number is the same. */
export function mountOf(directory: HeldDirectory): string {
  // The kernel answers from memory: a thread's round trip would cost more than the call.
  const information = readFileSync(`/proc/self/fdinfo/${directory.handle.fd}`, 'utf8');
  return /^mnt_id:\s*(\d+)$/m.exec(information)?.[1] ?? '';
}

async function unlessAbsent<Value>(result: Promise<Value>): Promise<Value | undefined> {
  try {
    return await result;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
