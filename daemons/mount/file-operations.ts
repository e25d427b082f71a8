/** Requests of the kernel about open files: content, durability, locks. */
import type { CreateArguments, FuseOperations, FuseRequest, OpenArguments, OpenReply } from '@xtreemos/fuse';
import {
  AllocateMode,
  type Attributes,
  type CreateResponse,
  type FileCredentials,
  nodeCalls,
  SeekTarget,
} from '@xtreemos/rpc';
import { Failure } from './call-failure.ts';
import { knownSizeOf, present } from './kernel-attributes.ts';
import { madeBefore } from './repeated-call.ts';
import { StrictFiles } from './strict-files.ts';
import type { Asker, VolumeView } from './volume-view.ts';

const accessMode = 0o3;
const exclusiveFlag = 0o200;
const truncateFlag = 0o1000;
const appendFlag = 0o2000;
const pageBytes = 4096;
const directFlag = 0o40000;
const regularType = 0o100000;
const allocation = { keepSize: 1, punchHole: 2, zeroRange: 16 } as const;
const seekData = 3;
const seekHole = 4;

export type FileOperations = Required<
  Pick<
    FuseOperations,
    | 'open'
    | 'create'
    | 'tmpfile'
    | 'read'
    | 'readDone'
    | 'write'
    | 'flush'
    | 'fsync'
    | 'release'
    | 'fallocate'
    | 'lseek'
    | 'syncfs'
    | 'getlk'
    | 'setlk'
  >
>;

/** Sizes and times by which the kernel's copies of a file's content were made. */
type Versions = Map<number, string>;
const mostVersions = 100_000;

export interface FileEffects {
  /** To nothing, as truncate(2) does. */
  readonly truncate: (request: FuseRequest, node: number) => Promise<unknown>;
  /** Has the kernel forget content and size of a file, soon. */
  readonly dropCache: (node: number) => void;
}

export function fileOperations(view: VolumeView, { truncate, dropCache }: FileEffects): FileOperations {
  const { metadata, watch, directories, known: nodes, open, locks } = view.parts;
  const versions: Versions = new Map();
  const strict = new StrictFiles(metadata);

  function versionOf(node: number, attributes: Attributes): string {
    const size = open.data(node)?.size;
    return `${size?.size ?? attributes.size} ${size?.mtimeNs ?? attributes.mtimeNs} ${attributes.truncateEpoch}`;
  }

  async function opened(
    asker: Asker,
    answer: {
      readonly handle: bigint;
      readonly attributes?: Attributes | undefined;
      readonly fileCredentials?: FileCredentials | undefined;
      readonly appendTurn: bigint;
    },
    flags: number,
    isNew: boolean,
  ): Promise<OpenReply> {
    const attributes = present(answer.attributes);
    const node = Number(attributes.node);
    const known = knownSizeOf(attributes);
    const version = versionOf(node, attributes);
    const handle = open.add({
      handle: answer.handle,
      node,
      user: asker.user,
      canWrite: (flags & accessMode) !== 0,
      known,
      credentials: answer.fileCredentials,
      isNew,
      appendTurn: answer.appendTurn,
      notesAccess: view.notesAccess(flags),
    });
    const truncates = (flags & truncateFlag) !== 0 && !isNew;
    if (truncates && answer.fileCredentials !== undefined && handle.data !== undefined) {
      const cut = await handle.data.truncate(answer.fileCredentials, 0);
      await metadata.objectsCut(answer.fileCredentials, cut);
      handle.data.size.truncated(known);
    }
    const isDirect = view.isStrict || (flags & directFlag) !== 0;
    const keepCache = !view.isStrict && !truncates && versions.get(node) === version && watch.isWatching;
    remember(node, version);
    return { handle: Number(answer.handle), keepCache, directIo: isDirect, parallelDirectWrites: isDirect };
  }

  function remember(node: number, version: string): void {
    versions.delete(node);
    versions.set(node, version);
    if (versions.size > mostVersions) for (const [oldest] of versions) if (versions.delete(oldest)) break;
  }

  async function created(
    request: FuseRequest,
    parent: number,
    name: Buffer,
    { mode, umask, flags }: CreateArguments & OpenArguments,
  ): Promise<CreateResponse> {
    const asker = view.askerOf(request);
    const exclusive = (flags & exclusiveFlag) !== 0;
    const madeThen = madeBefore(metadata, { parent, name }, asker, regularType);
    return metadata.call(
      nodeCalls.create,
      { volumeId: view.volumeId, parent: BigInt(parent), name, mode, umask, flags, exclusive },
      {
        ...asker,
        async whenRepeated(error) {
          const node = (await madeThen(error))?.attributes?.node;
          if (node === undefined) return undefined;
          const answer = await metadata.call(nodeCalls.open, { volumeId: view.volumeId, node, flags }, asker);
          return { ...answer, $typeName: 'xtreemos.fs.CreateResponse' as const, created: true };
        },
      },
    );
  }

  return {
    async open(request, node, { flags }) {
      const asker = view.askerOf(request);
      const truncates = (flags & truncateFlag) !== 0;
      // What was written before is not to come after the truncation.
      if (truncates) await open.settle(node, asker.signal);
      // A capability for reading cuts nothing at the OSDs.
      const truncatesAfter = truncates && (flags & accessMode) === 0;
      const asked = truncatesAfter ? flags & ~truncateFlag : flags;
      const answer = await metadata.call(
        nodeCalls.open,
        { volumeId: view.volumeId, node: BigInt(node), flags: asked },
        asker,
      );
      const reply = await opened(asker, answer, asked, false);
      if (!truncatesAfter) return reply;
      try {
        await truncate(request, node);
      } catch (error) {
        await open.release(reply.handle);
        throw error;
      }
      return { ...reply, keepCache: false };
    },

    async create(request, parent, name, file) {
      const { mark } = watch;
      const answer = await directories.change(parent, () => created(request, parent, name, file));
      const reply = await opened(view.askerOf(request), answer, file.flags, answer.created);
      const entry = view.entry(answer.attributes, mark, parent, name);
      if (answer.created) nodes.madeBare(entry.node, mark);
      return { entry, open: reply };
    },

    async tmpfile(request, parent, { mode, umask, flags }) {
      const { mark } = watch;
      const asker = view.askerOf(request);
      const asked = { volumeId: view.volumeId, parent: BigInt(parent), mode, umask, flags };
      const answer = await metadata.call(nodeCalls.tmpfile, asked, asker);
      const reply = await opened(asker, answer, flags, true);
      return { entry: view.entry(answer.attributes, mark, parent, Buffer.alloc(0)), open: reply };
    },

    async read(request, _node, handle, offset, size) {
      const file = open.file(handle);
      file.wasRead = true;
      if (view.isStrict) return strict.read(file, offset, size, request.signal);
      return file.data.read(offset, size, request.signal);
    },

    readDone: (data) => open.readDone(data),

    async write(request, node, handle, offset, data, { flags, writeBack, killSetIds }) {
      const file = open.file(handle);
      const { signal } = request;
      const isAppend = (flags & appendFlag) !== 0 && !writeBack;
      // Where the kernel cuts a write(2) into parts they end with its pages.
      const mayGoOn = (offset + data.length) % pageBytes === 0;
      if (view.isStrict) {
        if (!isAppend) await strict.write(file, offset, data, signal);
        else await open.append(file, () => strict.append(file, data, signal), mayGoOn, signal);
        return data.length;
      }
      if (!isAppend) await file.data.write(offset, data, signal);
      // The kernel put it into its cache where it took the end to be.
      else {
        const append = async () => {
          const end = file.data.size.size;
          await file.data.write(end, data, signal);
          return end;
        };
        if ((await open.append(file, append, mayGoOn, signal)) !== offset) dropCache(node);
      }
      const isDirect = (flags & directFlag) !== 0;
      if (isDirect) await file.data.flush(request.signal);
      // The MRC takes the bits away when it is told of a write.
      if (killSetIds) await open.settle(node, request.signal);
      if (isDirect) open.throwErrors(file);
      return data.length;
    },

    async flush(request, node, handle, lockOwner) {
      const file = open.get(handle);
      await locks.releaseAll(node, lockOwner, false);
      if (!file.canWrite) return;
      await open.settle(node, request.signal);
      open.throwErrors(file);
    },

    async fsync(request, node, handle, dataOnly) {
      const file = open.get(handle);
      const { signal } = request;
      const isLonger = file.data?.size.isLonger ?? true;
      const syncing = file.data?.sync(signal);
      // A size follows the data; a time may come before them, and fdatasync(2) does without.
      if (isLonger) await syncing;
      if (isLonger || !dataOnly) await Promise.all([syncing, open.confirm(node, signal, syncing)]);
      else await syncing;
      open.throwErrors(file);
    },

    async release(_request, node, { handle, flockUnlock, lockOwner }) {
      const size = open.data(node)?.size;
      try {
        if (flockUnlock) await locks.releaseAll(node, lockOwner, true);
        await locks.releaseOpening(node, handle);
      } finally {
        await open.release(handle);
      }
      if (size !== undefined && versions.has(node) && !size.isAhead)
        remember(node, `${size.size} ${size.mtimeNs} ${size.truncateEpoch}`);
    },

    async fallocate(request, node, handle, mode, offset, length) {
      const file = open.file(handle);
      const { data } = file;
      const { keepSize, punchHole, zeroRange } = allocation;
      if (![0, keepSize, keepSize | punchHole, zeroRange, zeroRange | keepSize].includes(mode))
        throw new Failure('EOPNOTSUPP', `fallocate(2) with mode ${mode}`);
      if (length <= 0 || offset < 0) throw new Failure('EINVAL', 'no range of a file');
      const kind =
        (mode & punchHole) !== 0
          ? AllocateMode.ALLOCATE_PUNCH
          : (mode & zeroRange) !== 0
            ? AllocateMode.ALLOCATE_ZERO
            : AllocateMode.ALLOCATE_KEEP_SIZE;
      const isHole = kind === AllocateMode.ALLOCATE_PUNCH;
      const { size } = data.size;
      const keepsSize = (mode & keepSize) !== 0;
      if (isHole || (keepsSize ? offset + length > size : offset > size)) data.size.leftHole();
      if (view.isStrict) {
        const newSize = keepsSize ? undefined : offset + length;
        await strict.allocate(file, kind, { offset, length }, newSize);
        return;
      }
      const end = isHole ? Math.min(offset + length, data.size.size) : offset + length;
      if (end > offset) {
        await data.allocate(kind, offset, end - offset);
        if (kind !== AllocateMode.ALLOCATE_KEEP_SIZE) data.changed();
      }
      if (!keepsSize && end > data.size.size) data.extend(end);
      await open.confirm(node, request.signal);
    },

    async lseek(request, _node, handle, offset, whence) {
      const file = open.file(handle);
      if (view.isStrict) await strict.refresh(file, request.signal);
      const { data } = file;
      if (whence !== seekData && whence !== seekHole) throw new Failure('EINVAL', 'no such way of seeking');
      if (offset < 0 || offset >= data.size.size) throw new Failure('ENXIO', 'beyond the end of the file');
      const target = whence === seekData ? SeekTarget.DATA : SeekTarget.HOLE;
      const found = await data.seek(target, offset);
      if (found === undefined) throw new Failure('ENXIO', 'there is no more data');
      return found;
    },

    syncfs: () => open.syncAll(),

    async getlk(_request, _node, lock) {
      return locks.test(open.file(lock.handle).data, lock);
    },

    async setlk(request, node, lock) {
      await locks.set(node, open.file(lock.handle).data, lock, () => request.signal);
    },
  };
}
