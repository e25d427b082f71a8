import { afterPrefix, type StoreReader, type StoreWriter } from '@xtreemos/store';
import { refusal, StaleNodeError } from './errno-error.ts';
import { isDirectory } from './file-mode.ts';
import { decodeInode, encodeInode, type Inode } from './inode.ts';
import { readNumber, writeNumber } from './number-bytes.ts';
import { attributeKey, begunTruncationKey, cookieKey, entryKey, inodeKey, restOfKey } from './store-keys.ts';

/** What a name in a directory stands for. */
export interface Entry {
  readonly node: number;
  /** Its place in the directory, as long as the entry is there; never used for another one. */
  readonly cookie: number;
  /** As d_type of readdir(3). */
  readonly type: number;
}

export interface NamedEntry extends Entry {
  readonly name: Buffer;
}

/** A client was let cut a file, and has not told the size yet. */
export interface BegunTruncation {
  /** Of the XCap that it was given. */
  readonly epoch: number;
  /** Of the size that the file still has. */
  readonly sizeEpoch: number;
}

/** One volume's files and directories, as a reader of the store sees them. */
export class TreeReader {
  readonly volume: number;
  readonly #reader: StoreReader;

  constructor(reader: StoreReader, volume: number) {
    this.#reader = reader;
    this.volume = volume;
  }

  find(node: number): Inode | undefined {
    const bytes = this.#reader.get(inodeKey(this.volume, node));
    return bytes === undefined ? undefined : decodeInode(bytes);
  }

  /** @throws ErrnoError ESTALE */
  get(node: number): Inode {
    const inode = this.find(node);
    if (inode === undefined) throw new StaleNodeError(node);
    return inode;
  }

  /** @throws ErrnoError ESTALE, ENOTDIR */
  getDirectory(node: number): Inode {
    const inode = this.get(node);
    if (!isDirectory(inode)) throw refusal('ENOTDIR', `${node} is no directory`);
    return inode;
  }

  entry(directory: number, name: Uint8Array): Entry | undefined {
    const bytes = this.#reader.get(entryKey(this.volume, directory, name));
    if (bytes === undefined) return undefined;
    return { node: readNumber(bytes, 0), cookie: readNumber(bytes, 8), type: bytes[16] ?? 0 };
  }

  /** In the order in which they were made, without `.` and `..`; `after` is the cookie of the entry before. */
  *entries(directory: number, after = 0): Generator<NamedEntry> {
    const from = cookieKey(this.volume, directory, after + 1);
    const to = afterPrefix(from.subarray(0, 13));
    for (const { key, value } of this.#reader.range({ from, ...(to === undefined ? {} : { to }) })) {
      const cookie = readNumber(restOfKey(key), 0);
      yield { node: readNumber(value, 0), type: value[8] ?? 0, name: value.subarray(9), cookie };
    }
  }

  /** What a directory lists at a cookie. */
  listed(directory: number, cookie: number): NamedEntry | undefined {
    const value = this.#reader.get(cookieKey(this.volume, directory, cookie));
    if (value === undefined) return undefined;
    return { node: readNumber(value, 0), type: value[8] ?? 0, name: value.subarray(9), cookie };
  }

  isEmpty(directory: number): boolean {
    return this.entries(directory).next().done === true;
  }

  attribute(node: number, name: Uint8Array): Buffer | undefined {
    return this.#reader.get(attributeKey(this.volume, node, name));
  }

  /** Undefined for nearly every file: path-truncation.ts. */
  begunTruncation(node: number): BegunTruncation | undefined {
    const bytes = this.#reader.get(begunTruncationKey(this.volume, node));
    return bytes === undefined
      ? undefined
      : { epoch: bytes.readUInt32BE(0), sizeEpoch: bytes.readUInt32BE(4) };
  }

  *attributes(node: number): Generator<{ readonly name: Buffer; readonly value: Buffer }> {
    const from = attributeKey(this.volume, node, Buffer.alloc(0));
    const to = afterPrefix(from);
    for (const { key, value } of this.#reader.range({ from, ...(to === undefined ? {} : { to }) }))
      yield { name: restOfKey(key), value };
  }
}

/** Told of an inode that is stored or removed. */
export type InodeWatch = (node: number, before: Inode | undefined, after: Inode | undefined) => void;

/** The same while it is changed. Says nothing of times and link counts: those are the operations' business. */
export class TreeWriter extends TreeReader {
  readonly #writer: StoreWriter;
  readonly #watch: InodeWatch | undefined;

  constructor(writer: StoreWriter, volume: number, watch?: InodeWatch) {
    super(writer, volume);
    this.#writer = writer;
    this.#watch = watch;
  }

  put(node: number, inode: Inode): void {
    this.#watch?.(node, this.find(node), inode);
    this.#writer.put(inodeKey(this.volume, node), encodeInode(inode));
  }

  remove(node: number): void {
    this.#watch?.(node, this.find(node), undefined);
    this.#writer.delete(inodeKey(this.volume, node));
  }

  putEntry(directory: number, name: Uint8Array, entry: Entry): void {
    this.putName(directory, name, entry);
    const { node, cookie, type } = entry;
    const byCookie = Buffer.allocUnsafe(9 + name.length);
    writeNumber(byCookie, node, 0);
    byCookie[8] = type;
    byCookie.set(name, 9);
    this.#writer.put(cookieKey(this.volume, directory, cookie), byCookie);
  }

  /** The half of an entry that is looked up. */
  putName(directory: number, name: Uint8Array, { node, cookie, type }: Entry): void {
    const byName = Buffer.allocUnsafe(17);
    writeNumber(byName, node, 0);
    writeNumber(byName, cookie, 8);
    byName[16] = type;
    this.#writer.put(entryKey(this.volume, directory, name), byName);
  }

  removeEntry(directory: number, name: Uint8Array, { cookie }: Entry): void {
    this.removeName(directory, name);
    this.removeListing(directory, cookie);
  }

  removeName(directory: number, name: Uint8Array): void {
    this.#writer.delete(entryKey(this.volume, directory, name));
  }

  removeListing(directory: number, cookie: number): void {
    this.#writer.delete(cookieKey(this.volume, directory, cookie));
  }

  putAttribute(node: number, name: Uint8Array, value: Uint8Array): void {
    this.#writer.put(attributeKey(this.volume, node, name), value);
  }

  putBegunTruncation(node: number, { epoch, sizeEpoch }: BegunTruncation): void {
    const bytes = Buffer.allocUnsafe(8);
    bytes.writeUInt32BE(epoch, 0);
    bytes.writeUInt32BE(sizeEpoch, 4);
    this.#writer.put(begunTruncationKey(this.volume, node), bytes);
  }

  removeBegunTruncation(node: number): void {
    this.#writer.delete(begunTruncationKey(this.volume, node));
  }

  removeAttribute(node: number, name: Uint8Array): boolean {
    return this.#writer.delete(attributeKey(this.volume, node, name));
  }
}
