/**
 * Repairs what a check of a volume found, while the volume is used: `xos volume repair`. Each repair is one change of the store, which looks first whether it is
 * still so: it is done or not, whatever ends in the middle. Nothing that somebody may want is thrown away.
 */
import { CheckOsds } from './check-osds.ts';
import { ErrnoError, refusal } from './errno-error.ts';
import { rootNode } from './inode.ts';
import type { Operation } from './operation.ts';
import { ownRequest } from './orphans.ts';
import { updateSize } from './set-attributes.ts';
import { TreeReader } from './tree.ts';
import type { Volume } from './volume.ts';
import type { VolumeCheckParts } from './volume-check.ts';
import {
  endOf,
  isAsItWas,
  queuedNodes,
  type StoredFile,
  storedFile,
  strangeness,
} from './volume-check-objects.ts';
import type { CheckStep, Finding, VolumeCheck } from './volume-check-step.ts';
import { checkUsage } from './volume-check-usage.ts';
import { type Repair, repairLinkCount, repairName, repairNameless } from './volume-repair-names.ts';

export interface RepairOptions {
  /** Everything is done, and taken back. */
  readonly isDry: boolean;
  readonly deletesOrphans: boolean;
}

export interface RepairResult extends Repair {
  readonly outcome: 'repaired' | 'left' | 'outdated';
}

/** What is left as it is, and why. */
const unrepaired: { readonly [kind: string]: string } = {
  damaged: 'nothing has the right content any more: restore the file from a backup',
  short: 'a file with a hole at its end looks the same, and nobody knows what else was there',
  'not-examined': 'it was not looked at',
};

/** @throws XosError XOS_STORAGE_FAILED, RpcError */
export async function repairFinding(
  parts: VolumeCheckParts,
  volume: Volume,
  finding: Finding,
  options: RepairOptions,
): Promise<RepairResult> {
  const reason = unrepaired[finding.kind];
  if (reason !== undefined) return { outcome: 'left', action: reason, before: finding.detail };
  try {
    const repair = await repairOf(parts, volume, finding, options);
    return repair === undefined
      ? { outcome: 'outdated', action: 'it is not so any more', before: '' }
      : { outcome: 'repaired', ...repair };
  } catch (error) {
    if (!(error instanceof ErrnoError)) throw error;
    return { outcome: 'left', action: error.message, before: finding.detail };
  }
}

async function repairOf(
  parts: VolumeCheckParts,
  volume: Volume,
  finding: Finding,
  options: RepairOptions,
): Promise<Repair | undefined> {
  const { files } = parts;
  const change = (work: (operation: Operation) => Repair | undefined) =>
    changeOrTry(parts, volume, options.isDry, work);
  switch (finding.kind) {
    case 'dangling-name':
    case 'name-mismatch':
      return await change((operation) => repairName(operation, finding));
    case 'nameless':
      return await change((operation) =>
        repairNameless(operation, finding, (node) => files.parts.openFiles.isOpen(volume.number, node)),
      );
    case 'link-count':
      return await change((operation) => repairLinkCount(operation, finding));
    case 'usage':
      return await repairUsage(parts, volume, finding, options);
    case 'beyond-end':
      return await repairSize(parts, volume, finding, options);
    case 'orphan':
      return await change((operation) => repairOrphan(parts, operation, finding, options));
    default:
      throw refusal('EINVAL', `findings of kind ${finding.kind} are not known`);
  }
}

/** Ends a change that was only to be tried. */
class Tried extends Error {
  readonly repair: Repair | undefined;

  constructor(repair: Repair | undefined) {
    super('it was tried');
    this.repair = repair;
  }
}

async function changeOrTry(
  { files }: VolumeCheckParts,
  volume: Volume,
  isDry: boolean,
  work: (operation: Operation) => Repair | undefined,
  isSuperuser = true,
): Promise<Repair | undefined> {
  const request = ownRequest(files, volume);
  const caller = { ...request.caller, isSuperuser };
  try {
    return await files.change({ ...request, caller }, (operation) => {
      const repair = work(operation);
      if (isDry) throw new Tried(repair);
      return repair;
    });
  } catch (error) {
    if (error instanceof Tried) return error.repair;
    throw error;
  }
}

/** Counts anew, in turn with changes, and sets all counters of the volume in the moment in which the count is complete. */
async function repairUsage(
  { files }: VolumeCheckParts,
  volume: Volume,
  { detail }: Finding,
  { isDry }: RepairOptions,
): Promise<Repair | undefined> {
  const found: string[] = [];
  const report = (one: Finding) => found.push(one.detail);
  await finished(checkUsage({ files, volume, report }, !isDry));
  if (found.length === 0) return undefined;
  const action = 'the counters of the volume and of its users are set to what was found';
  return { action, before: found.join('; ') || detail };
}

/** What a client wrote and never told, as if it told now: within the quotas of the owner. */
async function repairSize(
  parts: VolumeCheckParts,
  volume: Volume,
  { node = rootNode }: Finding,
  { isDry }: RepairOptions,
): Promise<Repair | undefined> {
  const { files, issuer } = parts;
  if (files.parts.openFiles.isInGrace)
    throw refusal('EBUSY', 'the MRC started less than a lease ago, and files may be open');
  const reasons: string[] = [];
  const tree = new TreeReader(files.parts.store, volume.number);
  const check: VolumeCheck = {
    files,
    issuer,
    osds: new CheckOsds(parts),
    volume,
    content: false,
    tree,
    directoryPaths: new Map(),
    report: ({ detail }) => reasons.push(detail),
  };
  const inode = tree.find(node);
  const file = inode === undefined ? undefined : storedFile(check, node, inode);
  if (file === undefined) return undefined;
  if ((await finished(queuedNodes(check))).has(node)) throw refusal('EBUSY', 'an OSD is to cut it yet');
  const end = await endOf(check, file);
  if (end === undefined) {
    const away = check.osds.unexamined.map(({ uuid, reason }) => `${uuid}: ${reason}`);
    throw refusal('EHOSTUNREACH', [...reasons, ...away].join('; '));
  }
  // The superuser is held to no quota of a user.
  return await changeOrTry(parts, volume, isDry, (operation) => grow(parts, operation, file, end), false);
}

function grow(
  { files }: VolumeCheckParts,
  operation: Operation,
  file: StoredFile,
  end: number,
): Repair | undefined {
  const { node, inode } = file;
  if (!isAsItWas(files, operation.tree, file) || end <= inode.size) return undefined;
  const written = { size: end, truncateEpoch: inode.truncateEpoch };
  updateSize(operation, node, written, inode.mtimeNs);
  return { action: `its size is ${end} bytes`, before: `${inode.size} bytes` };
}

/** Kept, unless it is asked for otherwise: an MRC of another day may know whose they are. In any case no new file gets their number. */
function repairOrphan(
  { files }: VolumeCheckParts,
  operation: Operation,
  { node = rootNode, osd = '' }: Finding,
  { deletesOrphans }: RepairOptions,
): Repair | undefined {
  const reason = strangeness({ tree: operation.tree, files }, osd, node);
  if (reason === undefined) return undefined;
  const isSkipped = operation.skipNumber(node);
  const before = reason;
  if (deletesOrphans) {
    operation.removeObjectsAt(osd, node);
    return { action: `what ${osd} has of it is removed`, before };
  }
  if (isSkipped) return { action: 'kept, and no new file will get its number', before };
  throw refusal('ENOTEMPTY', 'kept: --delete-orphans removes it');
}

async function finished<Result>(steps: CheckStep<Result>): Promise<Result> {
  for (;;) {
    const step = await steps.next();
    if (step.done === true) return step.value;
  }
}
