/** What the steps of a check of a volume have in common: volume-check.ts. */
import { afterPrefix, type StoreEntry } from '@xtreemos/store';
import type { CapabilityIssuer } from './capability-issuer.ts';
import type { CheckOsds } from './check-osds.ts';
import type { FileSystem } from './file-system.ts';
import { decodeInode, type Inode, rootNode } from './inode.ts';
import { readNumber } from './number-bytes.ts';
import { nodeOfKey, restOfKey, type TableName, volumePrefix } from './store-keys.ts';
import type { TreeReader } from './tree.ts';
import type { Volume } from './volume.ts';

/** `short` and `not-examined` say nothing of damage. */
export type FindingKind =
  | 'dangling-name'
  | 'name-mismatch'
  | 'nameless'
  | 'link-count'
  | 'usage'
  | 'orphan'
  | 'beyond-end'
  | 'damaged'
  | 'short'
  | 'not-examined';

export interface Finding {
  readonly kind: FindingKind;
  readonly node?: number;
  readonly path?: string;
  readonly osd?: string;
  readonly detail: string;
  /** The entry that does not fit; without a cookie, what is looked up. */
  readonly entry?: { readonly directory: number; readonly name: Buffer; readonly cookie?: number };
  /** Names that the file had while its inode was `change`. */
  readonly counted?: { readonly change: number; readonly names: number };
}

export interface CheckProgress {
  readonly step: string;
  readonly done: number;
  /** 0 where it is not known. */
  readonly total: number;
}

/** One check of one volume, with what it found so far. */
export interface VolumeCheck {
  readonly files: FileSystem;
  readonly issuer: CapabilityIssuer;
  readonly osds: CheckOsds;
  readonly volume: Volume;
  /** Objects are read and compared with their checksums. */
  readonly content: boolean;
  readonly tree: TreeReader;
  /** Those of directories that were looked for, `/folder` and the like. */
  readonly directoryPaths: Map<number, string>;
  report(finding: Finding): void;
}

/** What each step does a piece of before it lets others have their turn. */
export type CheckStep<Result = void> = AsyncGenerator<CheckProgress, Result>;

const entriesAtOnce = 500;

/** Takes all of a volume's entries of a table, in pieces; what `work` reads meanwhile is of the same moment as its entry. */
export async function* each(
  check: VolumeCheck,
  table: TableName,
  step: string,
  work: (entry: StoreEntry) => void,
): CheckStep {
  const { files, volume } = check;
  const prefix = volumePrefix(table, volume.number);
  const to = afterPrefix(prefix);
  let from: Buffer | undefined = prefix;
  for (let done = 0; from !== undefined; ) {
    const range = { from, ...(to === undefined ? {} : { to }), limit: entriesAtOnce };
    const piece: readonly StoreEntry[] = [...files.parts.store.range(range)];
    for (const entry of piece) work(entry);
    const last = piece.at(-1);
    from =
      last === undefined || piece.length < entriesAtOnce
        ? undefined
        : Buffer.concat([last.key, Buffer.of(0)]);
    done += piece.length;
    yield { step, done, total: filesIn(check) };
  }
}

/** @throws ErrnoError ENOENT when the volume was removed meanwhile */
export function filesIn({ files, volume }: Pick<VolumeCheck, 'files' | 'volume'>): number {
  return files.counters(files.parts.volumes.get(volume.id)).files;
}

export function inodeOf({ key, value }: StoreEntry): { readonly node: number; readonly inode: Inode } {
  return { node: nodeOfKey(key), inode: decodeInode(value) };
}

/** Of the table `entryByCookie`. */
export function entryOf({ key, value }: StoreEntry) {
  return {
    directory: nodeOfKey(key),
    cookie: readNumber(restOfKey(key), 0),
    node: readNumber(value, 0),
    type: value[8] ?? 0,
    name: value.subarray(9),
  };
}

/** A path that may be damaged itself, as far as it leads; what is no UTF-8 is shown as U+FFFD. */
export function pathOf({ tree, directoryPaths }: VolumeCheck, directory: number, name: Uint8Array): string {
  const path = directoryPaths.get(directory) ?? pathOfDirectory(tree, directory);
  directoryPaths.set(directory, path);
  return `${path}/${Buffer.from(name).toString('utf8')}`;
}

function pathOfDirectory(tree: TreeReader, directory: number): string {
  const passed = new Set<number>();
  let path = '';
  for (let node = directory; node !== rootNode; ) {
    const inode = passed.has(node) ? undefined : tree.find(node);
    passed.add(node);
    const parent = inode?.parent ?? 0;
    const own = Iterator.from(tree.entries(parent)).find((entry) => entry.node === node);
    if (own === undefined) return `?${path}`;
    path = `/${own.name.toString('utf8')}${path}`;
    node = parent;
  }
  return path;
}
