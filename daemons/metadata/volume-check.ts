/**
 * Compares what the MRC and the OSDs know of a volume, while it is used: `xos volume check`. Changes nothing. What is read in one piece is of one moment;
 * what takes longer is looked at again before it is told, and what changed meanwhile is in no finding.
 */
import type { CapabilityIssuer } from './capability-issuer.ts';
import { CheckOsds } from './check-osds.ts';
import type { FileSystem } from './file-system.ts';
import { rootNode } from './inode.ts';
import type { ObjectWorkerOptions } from './object-worker.ts';
import type { OsdSelection } from './placement.ts';
import { TreeReader } from './tree.ts';
import type { Volume } from './volume.ts';
import { compareObjects, listObjects } from './volume-check-objects.ts';
import {
  type CheckStep,
  each,
  entryOf,
  type Finding,
  pathOf,
  type VolumeCheck,
} from './volume-check-step.ts';
import { checkTree } from './volume-check-tree.ts';
import { checkUsage } from './volume-check-usage.ts';

export interface VolumeCheckParts {
  readonly files: FileSystem;
  readonly issuer: CapabilityIssuer;
  readonly selection: Pick<OsdSelection, 'all'>;
  readonly connected: ObjectWorkerOptions['connected'];
}

export interface CheckFindings {
  readonly findings: readonly Finding[];
  /** Those beyond `mostOfKind`. */
  readonly leftOut: number;
}

const mostOfKind = 2000;

/** @throws ErrnoError ENOENT when the volume is removed meanwhile, XosError XOS_STORAGE_FAILED */
export async function* checkVolume(
  { files, issuer, ...osds }: VolumeCheckParts,
  { id, number }: Volume,
  content: boolean,
): CheckStep<CheckFindings> {
  const findings: Finding[] = [];
  const ofKind = new Map<string, number>();
  let leftOut = 0;
  const { store, volumes } = files.parts;
  const check: VolumeCheck = {
    files,
    issuer,
    osds: new CheckOsds(osds),
    volume: volumes.get(id),
    content,
    tree: new TreeReader(store, number),
    directoryPaths: new Map([[rootNode, '']]),
    report(finding) {
      const count = (ofKind.get(finding.kind) ?? 0) + 1;
      ofKind.set(finding.kind, count);
      if (count <= mostOfKind) findings.push(finding);
      else leftOut += 1;
    },
  };
  // Before all else: what has objects now had its inode already.
  const listed = yield* listObjects(check);
  yield* checkTree(check);
  yield* checkUsage(check);
  yield* compareObjects(check, listed);
  volumes.get(id);
  return { findings: yield* withPaths(check, findings), leftOut };
}

/** Names are looked for by one more pass over all of them, when there is something to name. */
async function* withPaths(check: VolumeCheck, findings: readonly Finding[]): CheckStep<readonly Finding[]> {
  const wanted = new Set(
    findings.flatMap(({ node, path }) => (path === undefined && node !== undefined ? [node] : [])),
  );
  if (wanted.size === 0) return findings;
  const paths = new Map<number, string>([[rootNode, '/']]);
  yield* each(check, 'entryByCookie', 'names of what was found', (entry) => {
    const { directory, node, name } = entryOf(entry);
    if (wanted.has(node)) paths.set(node, pathOf(check, directory, name));
  });
  return findings.map((finding) => {
    const path = finding.path ?? (finding.node === undefined ? undefined : paths.get(finding.node));
    return path === undefined ? finding : { ...finding, path };
  });
}
