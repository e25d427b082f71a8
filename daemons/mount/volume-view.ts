/** What the answers to the kernel have in common: who asks, what a file looks like here, how long it may be kept. */
import type { AttributesReply, EntryReply, FuseRequest } from '@xtreemos/fuse';
import type { Attributes, CallUser } from '@xtreemos/rpc';
import type { ChangeWatch } from './change-watch.ts';
import type { ChangedDirectories } from './changed-directories.ts';
import type { FileLocks } from './file-locks.ts';
import { kernelAttributes, knownSizeOf, present } from './kernel-attributes.ts';
import type { KnownNodes } from './known-nodes.ts';
import type { Metadata } from './metadata.ts';
import type { OpenNodes } from './open-nodes.ts';
import type { VolumeIds } from './volume-ids.ts';

const noAccessTimeFlag = 0o1000000;

export interface ViewParts {
  readonly metadata: Metadata;
  readonly ids: VolumeIds;
  readonly watch: ChangeWatch;
  readonly directories: ChangedDirectories;
  readonly known: KnownNodes;
  readonly open: OpenNodes;
  readonly locks: FileLocks;
  /** Of the mount; undefined: as the volume has it. */
  readonly accessTimes: 'noatime' | 'relatime' | undefined;
}

/** For whom a call is made, and until when. */
export interface Asker {
  readonly user: CallUser;
  readonly signal: AbortSignal;
}

export class VolumeView {
  readonly parts: ViewParts;
  #isStrict: boolean | undefined;

  constructor(parts: ViewParts) {
    this.parts = parts;
  }

  get volumeId(): string {
    return this.parts.metadata.volumeId;
  }

  /** Whether the MRC is told of reads through an opening. @param flags of open(2) */
  notesAccess(flags: number): boolean {
    const { accessTimes, metadata } = this.parts;
    if ((flags & noAccessTimeFlag) !== 0) return false;
    return accessTimes === undefined
      ? metadata.volume.features.includes('relatime')
      : accessTimes === 'relatime';
  }

  /** Nothing is kept from one system call to the next. As it was when the volume was mounted: what is kept then is not dropped later. */
  get isStrict(): boolean {
    this.#isStrict ??= this.parts.metadata.volume.features.includes('strict');
    return this.#isStrict;
  }

  askerOf(request: FuseRequest): Asker {
    return { user: this.parts.ids.callerOf(request), signal: request.signal };
  }

  /** @param mark of the watch, from before the MRC was asked */
  attributes(message: Attributes | undefined, mark: number): AttributesReply {
    const { ids, watch, open } = this.parts;
    const attributes = present(message);
    const node = Number(attributes.node);
    const data = open.data(node);
    if (data?.size.adopt(knownSizeOf(attributes)) === true && !data.size.isAhead) data.changedElsewhere();
    // The kernel asks for them when somebody wants to know them, and then OSDs are asked.
    const mayHaveHoles = attributes.mayHaveHoles || data?.size.leavesHole === true;
    return {
      attributes: kernelAttributes(attributes, ids, data?.size),
      attributesTimeoutNs: mayHaveHoles ? 0 : watch.timeoutNs(mark, node),
    };
  }

  /** An answer that the kernel counts as a lookup. */
  entry(message: Attributes | undefined, mark: number, parent: number, name: Buffer): EntryReply {
    const reply = this.attributes(message, mark);
    const { generation, node } = present(message);
    this.parts.known.lookedUp(Number(node), parent, Buffer.from(name));
    const entryTimeoutNs = this.parts.watch.timeoutNs(mark, parent);
    return { ...reply, node: Number(node), generation, entryTimeoutNs };
  }
}
