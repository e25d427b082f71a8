import type { StoreWriter } from '@xtreemos/store';
import { formatFileId } from '@xtreemos/xtreemfs';
import type { Caller } from './caller.ts';
import type { ChangeEvent, ChangeKind } from './change-event.ts';
import { refusal } from './errno-error.ts';
import type { Inode, Layout } from './inode.ts';
import type { NameTable } from './name-table.ts';
import type { NodeNumbers } from './node-numbers.ts';
import { addObjectWork } from './object-work.ts';
import { orphanKey } from './store-keys.ts';
import { type InodeWatch, TreeWriter } from './tree.ts';
import { changeUsage, exceeds, readCounters, writeCounters } from './usage.ts';
import { noQuota, type Volume } from './volume.ts';

/** Nobody knows how they were striped, and a removal needs not. */
const strayStripeBytes = 131_072;

/** What an operation is done with; the rest comes from the store. */
export interface OperationParts {
  readonly volume: Volume;
  readonly caller: Caller;
  readonly names: NameTable;
  readonly numbers: NodeNumbers;
  /** Nanoseconds since 1970; the same for all that the operation changes. */
  readonly nowNs: bigint;
  /** Somebody has the file open, or may have: what is removed stays until that ends. */
  readonly isOpen: (node: number) => boolean;
  /** Told when a file is gone for good, before that is committed. */
  readonly onRemoved: (node: number) => void;
  /** Told of each inode that changes. */
  readonly onInode?: InodeWatch | undefined;
}

/** One change of a volume, within one change of the store: all of it happens, or nothing. */
export class Operation {
  readonly tree: TreeWriter;
  readonly volume: Volume;
  readonly caller: Caller;
  readonly nowNs: bigint;
  readonly events: ChangeEvent[] = [];
  readonly #writer: StoreWriter;
  readonly #parts: OperationParts;
  #newNodes = 0;
  #bytes = 0;
  #files = 0;
  #firstNode = 0;

  constructor(writer: StoreWriter, parts: OperationParts) {
    this.tree = new TreeWriter(writer, parts.volume.number, parts.onInode);
    this.volume = parts.volume;
    this.caller = parts.caller;
    this.nowNs = parts.nowNs;
    this.#writer = writer;
    this.#parts = parts;
  }

  takeNode(): number {
    if (this.#firstNode === 0) this.#firstNode = readCounters(this.#writer, this.volume.number).nextNode;
    return this.#parts.numbers.numberOf(this.volume.number, this.#firstNode + this.#newNodes++);
  }

  /** No file is to get a number that OSDs know. @returns whether one would have */
  skipNumber(node: number): boolean {
    const counters = readCounters(this.#writer, this.volume.number);
    const sequence = this.#parts.numbers.sequenceOf(this.volume.number, node);
    if (sequence === undefined || sequence < counters.nextNode) return false;
    writeCounters(this.#writer, this.volume.number, { ...counters, nextNode: sequence + 1 });
    return true;
  }

  /** @throws ErrnoError EINVAL */
  idOf(name: string): number {
    return this.#parts.names.take(this.#writer, name);
  }

  nameOf(id: number): string {
    return this.#parts.names.nameOf(id, this.#writer);
  }

  tell(node: number, kind: ChangeKind, name?: Uint8Array): void {
    this.events.push(name === undefined ? { node, kind } : { node, kind, name: Buffer.from(name) });
  }

  /** Stores an inode that was changed. */
  change(node: number, inode: Inode): Inode {
    const next = { ...inode, change: inode.change + 1 };
    this.tree.put(node, next);
    return next;
  }

  /** @throws ErrnoError EDQUOT beyond the quota of the owner; the superuser is not held to it */
  charge(owner: number, bytes: number, files: number): void {
    if (bytes === 0 && files === 0) return;
    this.#bytes += bytes;
    this.#files += files;
    changeUsage(this.#writer, this.volume.number, owner, { bytes, files }, this.#quotaOf(owner));
  }

  #quotaOf(owner: number) {
    if (this.caller.isSuperuser) return undefined;
    const { userQuota, userQuotas } = this.volume;
    if (userQuota.bytes === 0 && userQuota.files === 0 && Object.keys(userQuotas).length === 0)
      return undefined;
    return userQuotas[this.nameOf(owner)] ?? userQuota;
  }

  /** What is removed at once when nobody has it open, else when the last one closes it. `inode` has no link any more. */
  drop(node: number, inode: Inode): void {
    if (this.#parts.isOpen(node)) {
      this.keepOrphan(node, inode);
      return;
    }
    this.purge(node, inode);
  }

  /** Keeps a file without a name for as long as it is open. */
  keepOrphan(node: number, inode: Inode): void {
    this.change(node, inode);
    this.#writer.put(orphanKey(this.volume.number, node), Buffer.alloc(0));
  }

  forgetOrphan(node: number): void {
    this.#writer.delete(orphanKey(this.volume.number, node));
  }

  purge(node: number, inode: Inode): void {
    this.tree.remove(node);
    this.forgetOrphan(node);
    if (inode.hasAttributes)
      for (const { name } of [...this.tree.attributes(node)]) this.tree.removeAttribute(node, name);
    if (inode.truncateEpoch > 0) this.tree.removeBegunTruncation(node);
    this.charge(inode.owner, -chargedBytes(inode), -1);
    this.#parts.onRemoved(node);
    if (inode.layout === undefined) return;
    this.#addWork('unlink', node, inode.layout, inode);
  }

  /** Objects beyond the new end are to go, whatever becomes of the client that asked for it and does it itself as a rule. */
  truncateObjects(node: number, inode: Inode): void {
    if (inode.layout !== undefined) this.#addWork('truncate', node, inode.layout, inode);
  }

  /** What one OSD has under a number that is no file of its. */
  removeObjectsAt(osdUuid: string, node: number): void {
    const layout = { stripeBytes: strayStripeBytes, osds: [this.idOf(osdUuid)] };
    this.#addWork('unlink', node, layout, { truncateEpoch: 0, size: 0 });
  }

  hasOrphan(node: number): boolean {
    return this.#writer.get(orphanKey(this.volume.number, node)) !== undefined;
  }

  #addWork(
    kind: 'unlink' | 'truncate',
    node: number,
    { stripeBytes, osds }: Layout,
    { truncateEpoch, size }: Pick<Inode, 'truncateEpoch' | 'size'>,
  ): void {
    addObjectWork(this.#writer, {
      kind,
      fileId: formatFileId({ volumeId: this.volume.id, node: BigInt(node) }),
      stripeBytes,
      osdUuids: osds.map((osd) => this.nameOf(osd)),
      truncateEpoch,
      size,
    });
  }

  /** Writes what was counted. @throws ErrnoError ENOSPC beyond the quota of the volume */
  finish(): void {
    if (this.#newNodes === 0 && this.#bytes === 0 && this.#files === 0) return;
    const before = readCounters(this.#writer, this.volume.number);
    const after = {
      nextNode: before.nextNode + this.#newNodes,
      bytes: before.bytes + this.#bytes,
      files: before.files + this.#files,
    };
    const quota = this.volume.quota ?? noQuota;
    if (exceeds(after, { bytes: this.#bytes, files: this.#files }, quota))
      throw refusal('ENOSPC', 'the quota of the volume is used up');
    writeCounters(this.#writer, this.volume.number, after);
  }
}

/** What a file counts for in quotas: its content. Directories and links cost a file each. */
export function chargedBytes(inode: Inode): number {
  return inode.target === undefined ? inode.size : 0;
}
