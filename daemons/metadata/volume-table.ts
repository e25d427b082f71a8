import { randomUUID } from 'node:crypto';
import { afterPrefix, type Store, type StoreWriter } from '@xtreemos/store';
import { checkedStriping } from '@xtreemos/xtreemfs';
import { refusal } from './errno-error.ts';
import { changeableBits, directoryType } from './file-mode.ts';
import { firstCookie, rootNode } from './inode.ts';
import type { NameTable } from './name-table.ts';
import { counterKey, removedVolumeKey, tablePrefix, volumeKey } from './store-keys.ts';
import { TreeWriter } from './tree.ts';
import { changeUsage, writeCounters } from './usage.ts';
import { maximumVolumeNameBytes, type Volume } from './volume.ts';

export type NewVolume = Omit<Volume, 'id' | 'number'> & {
  readonly id?: string;
  readonly owner: string;
  readonly group: string;
  readonly mode: number;
};

const idPattern = /^[0-9A-Za-z][0-9A-Za-z-]{0,63}$/;

/** The volumes of this server: few, so all of them are in memory as well. */
export class VolumeTable {
  readonly #store: Store;
  readonly #names: NameTable;
  readonly #volumes = new Map<string, Volume>();

  constructor(store: Store, names: NameTable) {
    this.#store = store;
    this.#names = names;
    const prefix = tablePrefix('volume');
    const to = afterPrefix(prefix);
    for (const { value } of store.range({ from: prefix, ...(to === undefined ? {} : { to }) })) {
      const volume = JSON.parse(value.toString('utf8')) as Volume;
      this.#volumes.set(volume.id, volume);
    }
  }

  get all(): readonly Volume[] {
    return [...this.#volumes.values()];
  }

  /** @throws ErrnoError ENOENT */
  get(id: string): Volume {
    const volume = this.#volumes.get(id);
    if (volume === undefined) throw refusal('ENOENT', 'no such volume');
    return volume;
  }

  /** @throws ErrnoError ENOENT */
  named(name: string): Volume {
    const volume = this.all.find((known) => known.name === name);
    if (volume === undefined) throw refusal('ENOENT', 'no such volume');
    return volume;
  }

  /** @throws ErrnoError EEXIST, EINVAL, ENAMETOOLONG */
  async create(wanted: NewVolume, nowNs: bigint): Promise<Volume> {
    const { owner, group, mode, id = randomUUID(), ...settings } = wanted;
    checkVolumeName(wanted.name);
    if (!idPattern.test(id)) throw refusal('EINVAL', 'no id of a volume');
    checkStriping(settings);
    const volume = await this.#store.write((writer) => {
      const key = volumeKey(id);
      // In the change: two that come at once are judged one after the other.
      if (writer.get(key) !== undefined || this.#isNameTaken(writer, wanted.name))
        throw refusal('EEXIST', 'there is such a volume');
      const number = takeNumber(writer);
      const created: Volume = { ...settings, id, number };
      writer.put(key, Buffer.from(JSON.stringify(created), 'utf8'));
      const ownerId = this.#names.take(writer, owner);
      new TreeWriter(writer, number).put(rootNode, {
        mode: directoryType | (mode & changeableBits),
        nlink: 2,
        owner: ownerId,
        group: this.#names.take(writer, group),
        size: 0,
        atimeNs: nowNs,
        mtimeNs: nowNs,
        ctimeNs: nowNs,
        truncateEpoch: 0,
        rdev: 0,
        change: 1,
        parent: rootNode,
        nextCookie: firstCookie,
        isLinkable: false,
        hasAttributes: false,
        mayHaveHoles: false,
      });
      writeCounters(writer, number, { nextNode: rootNode + 1, bytes: 0, files: 1 });
      changeUsage(writer, number, ownerId, { bytes: 0, files: 1 }, undefined);
      return created;
    });
    this.#volumes.set(id, volume);
    return volume;
  }

  /** @throws ErrnoError ENOENT, EINVAL for striping that is none, what `settingsOf` throws */
  async change(
    id: string,
    settingsOf: (volume: Volume) => Partial<Omit<Volume, 'id' | 'number' | 'name'>>,
  ): Promise<Volume> {
    const volume = await this.#store.write((writer) => {
      const known = writer.get(volumeKey(id));
      if (known === undefined) throw refusal('ENOENT', 'no such volume');
      const before = JSON.parse(known.toString('utf8')) as Volume;
      const changed: Volume = { ...before, ...settingsOf(before) };
      checkStriping(changed);
      writer.put(volumeKey(id), Buffer.from(JSON.stringify(changed), 'utf8'));
      return changed;
    });
    this.#volumes.set(id, volume);
    return volume;
  }

  /** The volume is gone at once; what it held is removed piece by piece (volume-removal.ts). @throws ErrnoError ENOENT */
  async remove(id: string): Promise<void> {
    await this.#store.write((writer) => {
      const known = writer.get(volumeKey(id));
      if (known === undefined) throw refusal('ENOENT', 'no such volume');
      writer.delete(volumeKey(id));
      const { number } = JSON.parse(known.toString('utf8')) as Volume;
      writer.put(removedVolumeKey(number), Buffer.from(id, 'latin1'));
    });
    this.#volumes.delete(id);
  }

  #isNameTaken(writer: StoreWriter, name: string): boolean {
    const prefix = tablePrefix('volume');
    const to = afterPrefix(prefix);
    for (const { value } of writer.range({ from: prefix, ...(to === undefined ? {} : { to }) }))
      if ((JSON.parse(value.toString('utf8')) as Volume).name === name) return true;
    return false;
  }
}

function takeNumber(writer: StoreWriter): number {
  const number = (writer.get(counterKey('volume'))?.readUInt32BE() ?? 0) + 1;
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  writer.put(counterKey('volume'), bytes);
  return number;
}

function checkStriping({ striping: { stripeBytes, width } }: Pick<Volume, 'striping'>): void {
  if (checkedStriping(stripeBytes, width) === undefined)
    throw refusal('EINVAL', 'no such stripe size or width');
}

function checkVolumeName(name: string): void {
  if (Buffer.byteLength(name) > maximumVolumeNameBytes)
    throw refusal('ENAMETOOLONG', 'a volume name of more than 255 bytes');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them is to be in a name
  if (name === '' || /[/@\u0000-\u001f\u007f]/.test(name) || !name.isWellFormed())
    throw refusal('EINVAL', 'a volume name without "/", "@" and control characters is wanted');
}
