/** Repairs of names, files without a name, and link counts. Each looks first whether it is still so. */
import { touched } from './directory-change.ts';
import { refusal } from './errno-error.ts';
import { directoryType, entryTypeOf, isDirectory } from './file-mode.ts';
import { type Inode, rootNode } from './inode.ts';
import type { Found } from './lookup.ts';
import { bringToLostAndFound, linksOfDirectory } from './lost-and-found.ts';
import type { Operation } from './operation.ts';
import type { Entry, NamedEntry } from './tree.ts';
import type { Finding } from './volume-check-step.ts';

/** What was done, and what was before. */
export interface Repair {
  readonly action: string;
  readonly before: string;
}

/** @returns undefined for what is not so any more */
export function repairName(operation: Operation, { node = 0, entry }: Finding): Repair | undefined {
  if (entry === undefined) return removeSecondNames(operation, node);
  const { directory, name, cookie } = entry;
  if (cookie === undefined) return repairLookup(operation, directory, name);
  const { tree } = operation;
  const listed = tree.listed(directory, cookie);
  if (listed?.node !== node || !listed.name.equals(name)) return undefined;
  const before = `${directory} lists ${node} at ${cookie}`;
  const inode = tree.find(node);
  if (inode === undefined) {
    removeName(operation, directory, listed);
    return { action: 'the name is removed: nothing is left of the file but what OSDs may have', before };
  }
  const found = { node, inode };
  if (!isLiving(operation, directory)) {
    removeName(operation, directory, listed);
    return { action: `it is now ${bringToLostAndFound(operation, found, name)}`, before };
  }
  const byName = tree.entry(directory, name);
  if (byName === undefined) {
    tree.putName(directory, name, listed);
    operation.change(node, inode);
    operation.tell(directory, 'entries', name);
    return { action: 'it can be looked up', before: `${before}, no look-up` };
  }
  if (byName.node !== node || byName.cookie !== cookie) {
    const action = settle(operation, { directory, listed, byName, found });
    return { action, before: `${before}, looked up it is ${byName.node} at ${byName.cookie}` };
  }
  if (listed.type !== entryTypeOf(inode.mode)) {
    tree.putEntry(directory, name, { node, cookie, type: entryTypeOf(inode.mode) });
    operation.tell(directory, 'entries', name);
    return { action: 'it is listed as what it is', before: `${before} as type ${listed.type}` };
  }
  if (!isDirectory(inode) || inode.parent === directory) return undefined;
  return {
    action: settleParent(operation, directory, listed, found),
    before: `${before}, ".." is ${inode.parent}`,
  };
}

/** What is listed and what is looked up by that name are two. */
function settle(
  operation: Operation,
  {
    directory,
    listed,
    byName,
    found,
  }: {
    readonly directory: number;
    readonly listed: NamedEntry;
    readonly byName: Entry;
    readonly found: Found;
  },
): string {
  const { tree } = operation;
  const { name } = listed;
  const { node, inode } = found;
  const other = tree.find(byName.node);
  const otherListed = tree.listed(directory, byName.cookie);
  const isOtherListed = otherListed?.node === byName.node && otherListed.name.equals(name);
  const isSame = byName.node === node;
  if (other === undefined || (isSame && !isOtherListed)) {
    tree.putName(directory, name, listed);
    operation.change(node, inode);
    operation.tell(directory, 'entries', name);
    return 'looked up it is what is listed';
  }
  removeName(operation, directory, listed);
  if (isSame) {
    if (directory !== node) operation.change(node, tree.get(node));
    return 'it is listed once';
  }
  if (!isOtherListed) list(operation, directory, name, { node: byName.node, inode: other });
  return `what was listed is now ${bringToLostAndFound(operation, found, name)}`;
}

/** The name of a directory whose ".." is another one. */
function settleParent(
  operation: Operation,
  directory: number,
  listed: NamedEntry,
  { node, inode }: Found,
): string {
  const { tree } = operation;
  const isAtHome =
    isLiving(operation, inode.parent) && tree.entries(inode.parent).some((entry) => entry.node === node);
  if (isAtHome) {
    removeName(operation, directory, listed);
    return 'the second name of the directory is removed';
  }
  if (isBeneath(operation, directory, node)) {
    removeName(operation, directory, listed);
    return `it was in itself, and is now ${bringToLostAndFound(operation, { node, inode }, listed.name)}`;
  }
  operation.change(node, { ...inode, parent: directory });
  operation.tell(node, 'attributes');
  return '".." leads to where it is';
}

function isBeneath({ tree }: Operation, directory: number, node: number): boolean {
  const passed = new Set<number>();
  for (let at = directory; at !== rootNode && !passed.has(at); at = tree.find(at)?.parent ?? rootNode) {
    if (at === node) return true;
    passed.add(at);
  }
  return false;
}

/** A name that can be looked up and is not listed. */
function repairLookup(operation: Operation, directory: number, name: Buffer): Repair | undefined {
  const { tree } = operation;
  const byName = tree.entry(directory, name);
  if (byName === undefined || tree.listed(directory, byName.cookie)?.name.equals(name) === true)
    return undefined;
  const before = `looked up it is ${byName.node} at ${byName.cookie}, not listed`;
  const inode = tree.find(byName.node);
  if (inode === undefined) {
    tree.removeName(directory, name);
    operation.tell(directory, 'entries', name);
    return { action: 'the name is removed: nothing is left of the file but what OSDs may have', before };
  }
  const found = { node: byName.node, inode };
  if (isLiving(operation, directory)) {
    list(operation, directory, name, found);
    return { action: 'it is listed', before };
  }
  tree.removeName(directory, name);
  return { action: `it is now ${bringToLostAndFound(operation, found, name)}`, before };
}

/** A directory is listed more than once where it says that it is. */
function removeSecondNames(operation: Operation, node: number): Repair | undefined {
  const { tree } = operation;
  const inode = tree.find(node);
  if (inode === undefined || !isDirectory(inode)) return undefined;
  const [first, ...others] = tree.entries(inode.parent).filter((entry) => entry.node === node);
  if (first === undefined || others.length === 0) return undefined;
  for (const entry of others) removeName(operation, inode.parent, entry);
  const names = others.map(({ name }) => JSON.stringify(name.toString('utf8'))).join(', ');
  return { action: `it keeps the name ${first.name.toString('utf8')} alone`, before: `also named ${names}` };
}

/** No name leads to it, whatever its link count is. */
export function repairNameless(
  operation: Operation,
  { node = 0, counted }: Finding,
  isOpen: (node: number) => boolean,
): Repair | undefined {
  const inode = unchanged(operation, node, counted);
  if (inode === undefined || node === rootNode) return undefined;
  if (inode.nlink === 0 && operation.hasOrphan(node)) return undefined;
  // Numbers of changes count what happens to files; what happens to the names of directories changes the directory that they are in.
  if (isDirectory(inode) && operation.tree.entries(inode.parent).some((entry) => entry.node === node))
    return undefined;
  if (inode.nlink === 0 && isOpen(node))
    throw refusal('EBUSY', 'somebody has it open, or may have since the MRC started less than a lease ago');
  const before = `no name, link count ${inode.nlink}`;
  // All that counts its names found none.
  const path = bringToLostAndFound(operation, { node, inode: { ...inode, nlink: 1 } });
  return { action: `it is now ${path}`, before };
}

export function repairLinkCount(operation: Operation, { node = 0, counted }: Finding): Repair | undefined {
  const { tree } = operation;
  const inode = isDirectory(tree.find(node) ?? { mode: 0 })
    ? tree.find(node)
    : unchanged(operation, node, counted);
  if (inode === undefined) return undefined;
  const nlink = isDirectory(inode) ? linksOfNamed(operation, node, inode) : (counted?.names ?? 0);
  if (nlink === 0 || nlink === inode.nlink) return undefined;
  operation.change(node, { ...inode, nlink });
  operation.forgetOrphan(node);
  operation.tell(node, 'attributes');
  return { action: `it is ${nlink}`, before: `link count ${inode.nlink}` };
}

/** 0 for a directory without a name. */
function linksOfNamed(operation: Operation, node: number, { parent }: Inode): number {
  const isNamed = node === rootNode || operation.tree.entries(parent).some((entry) => entry.node === node);
  return isNamed ? linksOfDirectory(operation, node) : 0;
}

/** Whoever gives, takes or moves a name of a file changes its inode: what was counted of that is true as long as it did not change. */
function unchanged({ tree }: Operation, node: number, counted: Finding['counted']): Inode | undefined {
  const inode = tree.find(node);
  return counted !== undefined && inode?.change === counted.change ? inode : undefined;
}

function isLiving({ tree }: Operation, directory: number): boolean {
  const inode = tree.find(directory);
  return inode !== undefined && isDirectory(inode);
}

/** Takes an entry away, and what is looked up by its name if that is the same; the link count of what it leads to is the caller's business. */
function removeName(operation: Operation, directory: number, entry: NamedEntry): void {
  const { tree, nowNs } = operation;
  const { name, node, cookie, type } = entry;
  const byName = tree.entry(directory, name);
  if (byName?.node === node && byName.cookie === cookie) tree.removeName(directory, name);
  tree.removeListing(directory, cookie);
  const holder = tree.find(directory);
  if (holder === undefined || !isDirectory(holder)) return;
  const isCounted = type === entryTypeOf(directoryType) && holder.nlink > 2;
  operation.change(directory, { ...touched(holder, nowNs), nlink: holder.nlink - (isCounted ? 1 : 0) });
  operation.tell(directory, 'entries', name);
}

/** Lists what is looked up by a name already, at a place of its own. */
function list(operation: Operation, directory: number, name: Buffer, { node, inode }: Found): void {
  const { tree } = operation;
  const holder = tree.get(directory);
  const type = entryTypeOf(inode.mode);
  tree.putEntry(directory, name, { node, cookie: holder.nextCookie, type });
  operation.change(directory, {
    ...touched(holder, operation.nowNs),
    nextCookie: holder.nextCookie + 1,
  });
  operation.change(node, tree.get(node));
  operation.tell(directory, 'entries', name);
}
