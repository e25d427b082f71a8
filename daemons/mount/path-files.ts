/** Node calls about open files, of XtreemFS's calls by paths. */
import {
  type DirectoryEntry,
  type FileCredentials,
  metadataCalls,
  nodeCalls,
  type XCap,
  type XLocSet,
} from '@xtreemos/rpc';
import { Failure, isErrno } from './call-failure.ts';
import type { KnownName } from './known-nodes.ts';
import { type Asking, accessMode, flag, type PathCallParts, removeObjects, rename } from './path-call.ts';
import { attributesOf, changesOf, nextChange } from './path-messages.ts';

/** Of open(2). */
const linuxFlag = { truncate: 0o1000, directory: 0o200000 } as const;
const regularType = 0o100000;
const typeMask = 0o170000;
const mayRead = 4;
const second = 1_000_000_000n;
const superusers: ReadonlySet<string> = new Set(['root', '0']);

interface OpenFile {
  readonly node: bigint;
  /** Undefined for directories. */
  xcap: XCap | undefined;
  readonly xlocs: XLocSet | undefined;
  /** Of a directory that is being read. */
  listing: Listing | undefined;
}

interface Listing {
  readonly entries: readonly DirectoryEntry[];
  /** As `nextChange` gave it. */
  readonly change: bigint;
}

/** Of an answer of the server, and of one to the mount. */
const entriesAtOnce = 5000;
const entriesOfAnswer = 500;
/** An inode number that nobody knows, as libfuse has it. */
const unknownNode = 0xffff_ffffn;

export class PathFiles {
  readonly #parts: PathCallParts;
  readonly #files = new Map<bigint, OpenFile>();
  /** Removed while they were open here: they lost their names, and have others until they are closed. */
  readonly #hidden = new Set<number>();
  #last = 0n;

  constructor(parts: PathCallParts) {
    this.#parts = parts;
    this.#serveOpening();
    this.#serveUpdates();
    this.#serveListing();
  }

  /** @throws Failure ESTALE when another file is there by now */
  async attributes(node: bigint, { ask }: Asking) {
    const { paths, volumeName } = this.#parts;
    const change = nextChange();
    const { stbuf } = await paths.onNode(node, (path) =>
      ask(metadataCalls.getattr, { volumeName, path, knownEtag: 0n }),
    );
    const attributes = attributesOf(stbuf, change);
    if (attributes.node !== node) throw new Failure('ESTALE', 'another file is where it was');
    return this.#hidden.has(Number(node)) ? { ...attributes, nlink: attributes.nlink - 1 } : attributes;
  }

  /**
   * What is open goes on to be there, as libfuse has it for XtreemFS's client: the file gets a name that nobody looks for.
   * @returns the name; undefined when it is not open here
   */
  async hide(place: KnownName, { ask }: Asking): Promise<KnownName | undefined> {
    const { paths } = this.#parts;
    const node = paths.nodeAt(place);
    if (node === undefined || !this.#isOpen(BigInt(node))) return undefined;
    const hidden = { parent: place.parent, name: Buffer.from(`.xtreemfs_hidden_${node}_${nextChange()}`) };
    await rename(this.#parts, place, hidden, ask);
    this.#hidden.add(node);
    return hidden;
  }

  /** It has its name again. */
  shown(node: number): void {
    this.#hidden.delete(node);
  }

  /** What a file was opened with; its capability is kept from expiring. @throws Failure EBADF */
  credentialsOf(handle: bigint): { readonly xcap: XCap; readonly xlocs: XLocSet | undefined } {
    const { xcap, xlocs } = this.#files.get(handle) ?? {};
    if (xcap === undefined) throw new Failure('EBADF', 'no such open file');
    return { xcap, xlocs };
  }

  #isOpen(node: bigint): boolean {
    return [...this.#files.values()].some((file) => file.node === node);
  }

  #add(node: bigint, { xcap, xlocs }: Partial<FileCredentials> = {}): bigint {
    this.#files.set(++this.#last, { node, xcap, xlocs, listing: undefined });
    return this.#last;
  }

  #serveOpening(): void {
    const { serve, paths, volumeName, nowNs } = this.#parts;
    const noWords = { mode: 0, attributes: 0 };

    serve(nodeCalls.open, async ({ node, flags }, asking) => {
      const { ask } = asking;
      if ((flags & linuxFlag.directory) !== 0) {
        await paths.onNode(node, (path) => ask(metadataCalls.access, { volumeName, path, flags: mayRead }));
        return { handle: this.#add(node), attributes: await this.attributes(node, asking) };
      }
      const before = await this.attributes(node, asking);
      if ((before.mode & typeMask) !== regularType)
        throw new Failure('ENXIO', 'only regular files are opened at the server');
      const truncates = (flags & linuxFlag.truncate) !== 0;
      const asked = (flags & accessMode) | (truncates ? flag.truncate : 0);
      const { creds } = await paths.onNode(node, (path) =>
        ask(metadataCalls.open, { volumeName, path, flags: asked, ...noWords }),
      );
      const truncateEpoch = creds?.xcap?.truncateEpoch ?? 0;
      const cut = { size: 0n, truncateEpoch, mtimeNs: nowNs(), ctimeNs: nowNs() };
      return {
        handle: this.#add(node, creds),
        ...(creds === undefined ? {} : { fileCredentials: creds }),
        attributes: truncates ? { ...before, ...cut } : before,
      };
    });

    serve(nodeCalls.create, async ({ parent, name, mode, umask, flags, exclusive }, asking) => {
      const { ask } = asking;
      const permissions = mode & 0o7777 & ~umask;
      const make = flag.create | flag.exclusive;
      const open = (more: number) =>
        paths.onPlace(parent, name, (path) =>
          ask(metadataCalls.open, {
            volumeName,
            path,
            flags: (flags & accessMode) | more,
            mode: permissions,
            attributes: 0,
          }),
        );
      const truncates = (flags & linuxFlag.truncate) !== 0;
      let created = true;
      const { creds } = await open(make).catch((error: unknown) => {
        if (exclusive || !isErrno(error, 'EEXIST')) throw error;
        created = false;
        return open(truncates ? flag.truncate : 0);
      });
      const change = nextChange();
      const { stbuf } = await paths.onPlace(parent, name, (path) =>
        ask(metadataCalls.getattr, { volumeName, path, knownEtag: 0n }),
      );
      const attributes = attributesOf(stbuf, change);
      const truncateEpoch = creds?.xcap?.truncateEpoch ?? 0;
      return {
        attributes: truncates && !created ? { ...attributes, size: 0n, truncateEpoch } : attributes,
        handle: this.#add(attributes.node, creds),
        ...(creds === undefined ? {} : { fileCredentials: creds }),
        created,
      };
    });

    serve(nodeCalls.close, async ({ handle }, { ask }) => {
      const { servers } = this.#parts;
      const file = this.#files.get(handle);
      this.#files.delete(handle);
      if (file === undefined || this.#isOpen(file.node) || !this.#hidden.delete(Number(file.node))) return {};
      const { creds } = await paths.onNode(file.node, (path) =>
        ask(metadataCalls.unlink, { volumeName, path }),
      );
      await removeObjects(servers, creds);
      return {};
    });
  }

  #serveUpdates(): void {
    const { serve, nowNs } = this.#parts;

    serve(nodeCalls.updateSize, async ({ handle, written, mtimeNs }, asking) => {
      const { ask, user } = asking;
      const { xcap } = this.credentialsOf(handle);
      // An OSD that wrote within the file says no size.
      if (written !== undefined && (written.sizeInBytes > 0n || written.truncateEpoch > 0))
        await ask(metadataCalls.updateFileSize, {
          xcap,
          osdWriteResponse: { sizeInBytes: written.sizeInBytes, truncateEpoch: written.truncateEpoch },
        });
      const node = this.#files.get(handle)?.node ?? 0n;
      const attributes = await this.attributes(node, asking);
      const isNewer = mtimeNs !== undefined && mtimeNs / second > attributes.mtimeNs / second;
      // Where the size stays the same nobody but the writer knows when; of others' files times are not set.
      if (!isNewer || (attributes.owner !== user.name && !superusers.has(user.name))) return { attributes };
      await ask(metadataCalls.fsetattr, { ...changesOf({ mtimeNs }, nowNs()), cap: xcap });
      return { attributes: { ...attributes, mtimeNs } };
    });

    // Nobody is asked to wait: mounts of theirs append wherever each takes the end to be.
    serve(nodeCalls.appendTurn, async ({ handle }, asking) => {
      const node = this.#files.get(handle)?.node ?? 0n;
      return { turn: 1n, attributes: await this.attributes(node, asking) };
    });

    serve(nodeCalls.renew, async ({ xcap: aging }, { ask }) => {
      if (aging === undefined) throw new Failure('EINVAL', 'no capability');
      const xcap = await ask(metadataCalls.renewCapability, aging);
      for (const file of this.#files.values())
        if (file.xcap?.serverSignature === aging.serverSignature) file.xcap = xcap;
      return { xcap };
    });
  }

  /** A directory is read whole when it is read from its beginning: the interface counts entries, and others may go meanwhile. */
  #serveListing(): void {
    const { serve, paths, volumeName } = this.#parts;

    async function read(node: bigint, { ask }: Asking): Promise<Listing> {
      const entries: DirectoryEntry[] = [];
      const change = nextChange();
      for (;;) {
        const page = await paths.onNode(node, (path) =>
          ask(metadataCalls.readdir, {
            volumeName,
            path,
            knownEtag: 0n,
            limitDirectoryEntriesCount: entriesAtOnce,
            namesOnly: false,
            seenDirectoryEntriesCount: BigInt(entries.length),
          }),
        );
        entries.push(...page.entries);
        if (page.entries.length < entriesAtOnce) return { entries, change };
      }
    }

    serve(nodeCalls.readdir, async ({ node, cookie, plus, handle }, asking) => {
      const file = this.#files.get(handle);
      const listing = (cookie === 0n ? undefined : file?.listing) ?? (await read(node, asking));
      if (file !== undefined) file.listing = listing;
      const start = Number(cookie);
      const entries = listing.entries.slice(start, start + entriesOfAnswer).map(({ name, stbuf }, index) => ({
        name: Buffer.from(name, 'utf8'),
        node: stbuf?.ino ?? unknownNode,
        type: (stbuf?.mode ?? 0) >>> 12,
        cookie: BigInt(start + index + 1),
        ...(plus && stbuf !== undefined && name !== '.' && name !== '..'
          ? { attributes: attributesOf(stbuf, listing.change) }
          : {}),
      }));
      return { entries, end: start + entries.length >= listing.entries.length };
    });
  }
}
