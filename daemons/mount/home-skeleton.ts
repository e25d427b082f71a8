/** What a new home begins with: the files of /etc/skel, each of which appears whole or not at all, and takes no place that is taken. */
import { constants } from 'node:fs';
import { lstat, open, readdir, readlink } from 'node:fs/promises';
import type { EntryReply, FuseOperations, FuseRequest, Reply } from '@xtreemos/fuse';
import { errnoName, homeWantsSkeleton } from '@xtreemos/xtreemfs';
import { Failure, isErrno } from './call-failure.ts';

type Operations = Required<
  Pick<
    FuseOperations,
    | 'forget'
    | 'getxattr'
    | 'removexattr'
    | 'lookup'
    | 'mkdir'
    | 'symlink'
    | 'tmpfile'
    | 'write'
    | 'fsync'
    | 'release'
    | 'link'
    | 'setattr'
  >
>;

export interface NewHome {
  readonly operations: Operations;
  /** The directory's node. */
  readonly node: number;
  readonly owner: { readonly uid: number; readonly gid: number };
  /** `/etc/skel`: regular files, directories and links are taken; what else is in it is left out, and so are setuid bits. */
  readonly skeleton: string;
  /** Ends the copying; the next mount goes on with it. */
  readonly signal: AbortSignal;
}

/** As xos-helper has them for local homes. */
const maximumEntries = 4096;
const maximumBytes = 64 * 1024 * 1024;
const maximumDepth = 16;

const permissions = 0o777;
const ownerMay = 0o700;
const regularType = 0o100000;
const directoryType = 0o040000;
const typeMask = 0o170000;
const writeOnly = 1;
const marker = Buffer.from(homeWantsSkeleton);

/**
 * Copies the skeleton into a home that the MRC made and marked. Several hosts may do so at once: a name that is there already is left as it is. The mark goes
 * last, so that what was cut short is taken up again.
 * @returns entries made; undefined where the home wants none
 * @throws RpcError, Failure, system errors of the skeleton's files
 */
export async function fillNewHome(home: NewHome): Promise<number | undefined> {
  const { operations, node } = home;
  const request = requestOf(home);
  const wanted = await unless('ENODATA', operations.getxattr(request, node, marker));
  if (wanted === undefined) return undefined;
  const copy = new SkeletonCopy(home, request);
  await copy.directory(Buffer.from(home.skeleton), node, 0);
  await unless('ENODATA', operations.removexattr(request, node, marker));
  return copy.made;
}

class SkeletonCopy {
  made = 0;
  #entries = 0;
  #bytes = 0;
  readonly #home: NewHome;
  readonly #request: FuseRequest;

  constructor(home: NewHome, request: FuseRequest) {
    this.#home = home;
    this.#request = request;
  }

  async directory(from: Buffer, to: number, depth: number): Promise<void> {
    const { skeleton, operations } = this.#home;
    const request = this.#request;
    if (depth > maximumDepth) throw new Error(`${skeleton} is deeper than ${maximumDepth}`);
    for (const name of await namesIn(from)) {
      if (++this.#entries > maximumEntries)
        throw new Error(`${skeleton} has more than ${maximumEntries} entries`);
      const path = Buffer.concat([from, Buffer.from('/'), name]);
      const stats = await lstat(path);
      if (stats.isDirectory()) await this.#subdirectory(path, stats.mode & permissions, to, name, depth);
      else if (stats.isFile()) await this.#file(path, to, name);
      else if (stats.isSymbolicLink())
        this.#count(
          await unless(
            'EEXIST',
            operations.symlink(request, to, name, await readlink(path, { encoding: 'buffer' })),
          ),
        );
    }
  }

  async #subdirectory(path: Buffer, mode: number, to: number, name: Buffer, depth: number): Promise<void> {
    const { operations } = this.#home;
    const request = this.#request;
    const made = await unless(
      'EEXIST',
      operations.mkdir(request, to, name, { mode: mode | ownerMay, umask: 0 }),
    );
    this.#count(made);
    const entry = made ?? (await answerOf(operations.lookup(request, to, name)));
    if (!('attributes' in entry)) return;
    if (made === undefined) operations.forget(entry.node, 1);
    // The person has made something else of it since another host began; or it is complete, and therefore closed.
    const { mode: present } = entry.attributes;
    if ((present & typeMask) !== directoryType || (present & ownerMay) !== ownerMay) return;
    await this.directory(path, entry.node, depth + 1);
    if (made !== undefined && (mode & ownerMay) !== ownerMay)
      await answerOf(operations.setattr(request, entry.node, { mode, killSetIds: false }));
  }

  /** Has no name before it is whole, and on disk. */
  async #file(path: Buffer, to: number, name: Buffer): Promise<void> {
    const { operations, skeleton } = this.#home;
    const request = this.#request;
    await using source = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stats = await source.stat();
    if (!stats.isFile() || this.#bytes + stats.size > maximumBytes)
      throw new Error(`${skeleton} has more than ${maximumBytes} bytes, or changes while it is copied`);
    this.#bytes += stats.size;
    const content = await source.readFile();
    const mode = regularType | (stats.mode & permissions);
    const file = await answerOf(
      operations.tmpfile(request, to, { mode, umask: 0, flags: writeOnly, killSetIds: false }),
    );
    const { node } = file.entry;
    const { handle } = file.open;
    try {
      const how = { flags: writeOnly, writeBack: false, killSetIds: false };
      for (let at = 0; at < content.length; at += 2 ** 17)
        await operations.write(request, node, handle, at, content.subarray(at, at + 2 ** 17), how);
      await answerOf(operations.fsync(request, node, handle, false));
      this.#count(await unless('EEXIST', operations.link(request, node, to, name)));
    } finally {
      operations.forget(node, 1);
      await operations.release(request, node, {
        handle,
        flags: writeOnly,
        flockUnlock: false,
        lockOwner: 0n,
      });
    }
  }

  /** The kernel knows nothing of these nodes: it is not mounted yet. */
  #count(entry: EntryReply | undefined): void {
    if (entry === undefined) return;
    this.made++;
    this.#home.operations.forget(entry.node, 1);
  }
}

/** What is not there has no entries: hosts may be without a skeleton. */
async function namesIn(directory: Buffer): Promise<readonly Buffer[]> {
  try {
    return await readdir(directory, { encoding: 'buffer' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** As if the person asked, who has no process here yet. */
function requestOf({ owner, signal }: NewHome): FuseRequest {
  return {
    unique: 0,
    ...owner,
    pid: 0,
    signal,
    get interrupted() {
      return signal.aborted;
    },
  };
}

async function answerOf<Answer>(reply: Reply<Answer>): Promise<Answer> {
  const answer = await reply;
  if (typeof answer === 'number') throw new Failure(errnoName(-answer) ?? 'EIO', 'refused');
  return answer;
}

/** @returns undefined for that error */
async function unless<Answer>(
  error: 'EEXIST' | 'ENODATA',
  reply: Reply<Answer>,
): Promise<Answer | undefined> {
  try {
    return await answerOf(reply);
  } catch (failure) {
    if (isErrno(failure, error)) return undefined;
    throw failure;
  }
}
