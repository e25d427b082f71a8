import type { CallUser } from '@xtreemos/rpc';
import type { Store } from '@xtreemos/store';
import { type Caller, callerOf, isForeignName, storedName } from './caller.ts';
import type { ChangeFeed } from './change-feed.ts';
import { refusal } from './errno-error.ts';
import type { LatelyFound } from './lately-found.ts';
import type { NameTable } from './name-table.ts';
import type { NodeNumbers } from './node-numbers.ts';
import type { OpenFiles } from './open-files.ts';
import { Operation } from './operation.ts';
import { type InodeWatch, TreeReader } from './tree.ts';
import { readCounters, type VolumeCounters } from './usage.ts';
import { takesForeignIdsFrom, type Volume } from './volume.ts';
import type { VolumeTable } from './volume-table.ts';

export interface FileSystemParts {
  readonly store: Store;
  readonly names: NameTable;
  readonly numbers: NodeNumbers;
  readonly volumes: VolumeTable;
  readonly openFiles: OpenFiles;
  readonly latelyFound: LatelyFound;
  readonly feed: ChangeFeed;
  readonly nowNs: () => bigint;
}

/** For whom, where, and by which client something is done. */
export interface Request {
  readonly volume: Volume;
  readonly caller: Caller;
  readonly clientId: string;
}

/** Runs operations on volumes: reads from what is committed, changes one after the other, many to a commit. */
export class FileSystem {
  readonly parts: FileSystemParts;
  /** Numbers of volumes: who is told what changes did, each once it is certain, in their order. */
  readonly inodeWatches = new Map<number, InodeWatch>();

  constructor(parts: FileSystemParts) {
    this.parts = parts;
  }

  /**
   * @param hostname of the client; undefined in plain text
   * @throws ErrnoError ENOENT, EACCES where the user has no business in the volume
   */
  request(volume: Volume, user: CallUser, clientId: string, hostname: string | undefined): Request {
    const name = storedName(user.name);
    if (name === '') throw refusal('EACCES', 'a call for no user');
    const isForeign = isForeignName(name);
    if (isForeign && !takesForeignIdsFrom(volume, hostname))
      throw refusal('EACCES', 'the volume is for users of the grid alone');
    if (!isForeign && volume.vo !== undefined && !name.endsWith(`@${volume.vo}`))
      throw refusal('EACCES', 'the volume is another organization’s');
    const isSuperuser = name === '0';
    const groups = isForeign ? foreignGroupsOf(user) : gridGroupsOf(user);
    return { volume, caller: callerOf(this.parts.names, { name, groups }, isSuperuser), clientId };
  }

  tree({ volume }: Request): TreeReader {
    return new TreeReader(this.parts.store, volume.number);
  }

  counters(volume: Volume): VolumeCounters {
    return readCounters(this.parts.store, volume.number);
  }

  /** Resolves when the changes that are under way now are on disk, or have come to nothing. */
  async committed(): Promise<void> {
    await this.parts.store.write(() => undefined);
  }

  /**
   * All that the work changes is on disk when this resolves, or nothing of it happened.
   * @throws what `work` throws, XosError XOS_STORAGE_FULL, XOS_STORAGE_FAILED
   */
  async change<Value>(
    { volume, caller, clientId }: Request,
    work: (operation: Operation) => Value,
  ): Promise<Value> {
    const { store, names, numbers, volumes, openFiles, latelyFound, feed, nowNs } = this.parts;
    const removed: number[] = [];
    try {
      const { value, events } = await store.write((writer) => {
        const watch = this.inodeWatches.get(volume.number);
        const changed: Parameters<InodeWatch>[] = [];
        const operation = new Operation(writer, {
          // Settings may have changed while this waited for its turn.
          volume: volumes.get(volume.id),
          caller,
          names,
          numbers,
          nowNs: nowNs(),
          isOpen: (node) =>
            openFiles.isOpen(volume.number, node) ||
            latelyFound.keepsFrom({ volume: volume.number, node }, clientId),
          onRemoved: (node) => {
            removed.push(node);
            openFiles.markRemoved(volume.number, node);
          },
          onInode: watch && ((...change) => changed.push(change)),
        });
        const result = work(operation);
        operation.finish();
        for (const change of changed) watch?.(...change);
        return { value: result, events: operation.events };
      });
      feed.publish(volume.number, clientId, events);
      return value;
    } finally {
      for (const node of removed) openFiles.unmarkRemoved(volume.number, node);
    }
  }
}

/** Whoever is nobody in the grid is in none of its groups. */
function foreignGroupsOf({ groups }: CallUser): readonly string[] {
  return groups.filter(isForeignName).map(storedName);
}

/** A user has a group of his own, which new files get, and those of his certificate, in whatever role. */
function gridGroupsOf({ name, groups }: CallUser): readonly string[] {
  const known = new Set(groups.map((group) => group.replace(/\/Role=[^/]*$/, '')));
  return known.has(name) ? [...known] : [name, ...known];
}
