/** Names, files and link counts of a volume, as the MRC keeps them. */
import { directoryType, entryTypeOf, isDirectory } from './file-mode.ts';
import { type Inode, rootNode } from './inode.ts';
import { NodeList } from './node-list.ts';
import { readNumber } from './number-bytes.ts';
import { nodeOfKey, orphanKey, restOfKey } from './store-keys.ts';
import { type CheckStep, each, entryOf, inodeOf, pathOf, type VolumeCheck } from './volume-check-step.ts';

const mostLooks = 5;

export async function* checkTree(check: VolumeCheck): CheckStep {
  const links = yield* checkNames(check);
  yield* checkListing(check);
  const suspects = yield* compareLinks(check, links);
  yield* lookAgain(check, suspects);
}

interface Links {
  /** A number for each name. */
  readonly names: NodeList;
  /** A directory's number for each directory in it. */
  readonly subdirectories: NodeList;
}

/** What directories list. */
async function* checkNames(check: VolumeCheck): CheckStep<Links> {
  const { tree } = check;
  const links: Links = { names: new NodeList(), subdirectories: new NodeList() };
  yield* each(check, 'entryByCookie', 'names', (stored) => {
    const { directory, cookie, node, type, name } = entryOf(stored);
    const problem = (kind: 'dangling-name' | 'name-mismatch', detail: string) =>
      check.report({
        kind,
        node,
        path: pathOf(check, directory, name),
        detail,
        entry: { directory, name, cookie },
      });
    links.names.add(node);
    const holder = tree.find(directory);
    if (holder === undefined || !isDirectory(holder)) {
      problem('dangling-name', `it is in ${directory}, which is no directory`);
      return;
    }
    const inode = tree.find(node);
    if (inode === undefined) {
      problem('dangling-name', 'there is no such file');
      return;
    }
    if (isDirectory(inode)) links.subdirectories.add(directory);
    const byName = tree.entry(directory, name);
    if (byName === undefined) problem('name-mismatch', 'it is listed and cannot be looked up');
    else if (byName.node !== node || byName.cookie !== cookie)
      problem('name-mismatch', `looked up it is file ${byName.node}`);
    else if (type !== entryTypeOf(inode.mode)) problem('name-mismatch', 'it is listed with another type');
    else if (isDirectory(inode) && inode.parent !== directory)
      problem('name-mismatch', `its ".." is directory ${inode.parent}, not ${directory}`);
  });
  return links;
}

/** What can be looked up and is not listed. */
async function* checkListing(check: VolumeCheck): CheckStep {
  yield* each(check, 'entryByName', 'listings', ({ key, value }) => {
    const [directory, name] = [nodeOfKey(key), restOfKey(key)];
    if (check.tree.listed(directory, readNumber(value, 8))?.name.equals(name) === true) return;
    const path = pathOf(check, directory, name);
    const detail = 'it can be looked up and is not listed';
    const entry = { directory, name };
    check.report({ kind: 'name-mismatch', node: readNumber(value, 0), path, detail, entry });
  });
}

/** @returns files whose count of links may be wrong: names were read one after the other, and some may have been moved meanwhile */
async function* compareLinks(check: VolumeCheck, links: Links): CheckStep<Set<number>> {
  const { files, volume } = check;
  const { store } = files.parts;
  const suspects = new Set<number>();
  yield* each(check, 'inode', 'link counts', (entry) => {
    const { node, inode } = inodeOf(entry);
    const counted = { names: links.names.count(node), subdirectories: links.subdirectories.count(node) };
    if (problemOf(node, inode, counted) === undefined) {
      if (inode.nlink === 0 && store.get(orphanKey(volume.number, node)) === undefined)
        check.report({
          kind: 'nameless',
          node,
          detail: 'it has no name and nothing will remove it',
          counted: { change: inode.change, names: 0 },
        });
    } else suspects.add(node);
  });
  return suspects;
}

interface Counted {
  readonly names: number;
  readonly subdirectories: number;
}

function problemOf(node: number, inode: Inode, { names, subdirectories }: Counted) {
  if (names === 0 && inode.nlink > 0 && node !== rootNode)
    return { kind: 'nameless', detail: `no name leads to it, its link count is ${inode.nlink}` } as const;
  const wanted = isDirectory(inode) ? (inode.nlink === 0 ? 0 : 2 + subdirectories) : names;
  if (inode.nlink !== wanted)
    return { kind: 'link-count', detail: `it is ${inode.nlink} and should be ${wanted}` } as const;
  if (isDirectory(inode) && inode.nlink > 0 && node !== rootNode && names !== 1)
    return { kind: 'name-mismatch', detail: `the directory has ${names} names` } as const;
  if (inode.nlink === 0 && names > 0)
    return { kind: 'link-count', detail: `it is 0 and the file has ${names} names` } as const;
  return undefined;
}

/** Counts once more, of the suspects alone. */
async function* lookAgain(check: VolumeCheck, suspects: Set<number>): CheckStep {
  const { tree } = check;
  const report = (node: number, inode: Inode, counted: Counted) => {
    const problem = problemOf(node, inode, counted);
    const { names } = counted;
    if (problem !== undefined) check.report({ ...problem, node, counted: { change: inode.change, names } });
  };
  for (const node of suspects) {
    const inode = tree.find(node);
    if (inode === undefined || !isDirectory(inode)) continue;
    // At one moment: all that counts is in the directory and in the one that it says it is in.
    report(node, inode, {
      names: count(tree.entries(inode.parent), (entry) => entry.node === node),
      subdirectories: count(tree.entries(node), ({ type }) => type === entryTypeOf(directoryType)),
    });
    suspects.delete(node);
    yield { step: 'link counts, second look', done: 0, total: 0 };
  }
  // Whoever gives, takes or moves a name of a file changes its inode: where that is as it was before, the count is true.
  for (let look = 1; suspects.size > 0 && look <= mostLooks; look++) {
    const before = new Map([...suspects].map((node) => [node, tree.find(node)?.change]));
    const names = new Map<number, number>();
    yield* each(check, 'entryByCookie', `link counts, look ${look + 1}`, (stored) => {
      const { node } = entryOf(stored);
      if (suspects.has(node)) names.set(node, (names.get(node) ?? 0) + 1);
    });
    for (const [node, change] of before) {
      const inode = tree.find(node);
      if (inode !== undefined && inode.change !== change) continue;
      suspects.delete(node);
      if (inode !== undefined) report(node, inode, { names: names.get(node) ?? 0, subdirectories: 0 });
    }
  }
  for (const node of suspects)
    check.report({
      kind: 'not-examined',
      node,
      detail: 'it changed again and again while its names were counted',
    });
}

function count<Item>(items: Iterable<Item>, isCounted: (item: Item) => boolean): number {
  let counted = 0;
  for (const item of items) if (isCounted(item)) counted += 1;
  return counted;
}
