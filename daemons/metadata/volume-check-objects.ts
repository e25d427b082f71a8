/** What OSDs have of a volume's files, and what the MRC says that there is. */
import { reasonOf } from '@xtreemos/base';
import { objectCalls, RpcError } from '@xtreemos/rpc';
import { errnoNumber, formatFileId, parseFileId } from '@xtreemos/xtreemfs';
import { credentialsOf } from './capability-issuer.ts';
import { isRegular } from './file-mode.ts';
import type { Inode, Layout } from './inode.ts';
import { NodeList } from './node-list.ts';
import { objectWork } from './object-work.ts';
import type { TreeReader } from './tree.ts';
import { type CheckProgress, type CheckStep, each, inodeOf, type VolumeCheck } from './volume-check-step.ts';

/** Files of the volume that OSDs have something of; without OSDs that could not be asked. */
export type ListedFiles = ReadonlyMap<string, NodeList>;

const listedAtOnce = 10_000;
const queuedAtOnce = 500;
const askedTogether = 16;
const timeoutMs = 10_000;

export async function* listObjects(check: VolumeCheck): CheckStep<ListedFiles> {
  const listed = new Map<string, NodeList>();
  for (const uuid of check.osds.uuids) {
    const nodes = yield* listOf(check, uuid);
    if (nodes !== undefined) listed.set(uuid, nodes);
  }
  return listed;
}

async function* listOf({ osds, volume, report }: VolumeCheck, uuid: string): CheckStep<NodeList | undefined> {
  const nodes = new NodeList();
  for (let cursor = '', done = 0; ; ) {
    const request = { cursor, most: listedAtOnce };
    const page = await osds
      .ask(uuid, (connection) => connection.call(objectCalls.listFiles, request, { timeoutMs }))
      .catch((error: unknown) => {
        report({ kind: 'not-examined', osd: uuid, detail: `its list of files: ${reasonOf(error)}` });
        return undefined;
      });
    if (page === undefined) return undefined;
    for (const fileId of page.response.fileIds) {
      const parsed = parseFileId(fileId);
      if (parsed?.volumeId === volume.id) nodes.add(Number(parsed.node));
    }
    done += page.response.fileIds.length;
    yield { step: `files at ${uuid}`, done, total: 0 };
    cursor = page.response.cursor;
    if (cursor === '') return nodes;
  }
}

export async function* compareObjects(check: VolumeCheck, listed: ListedFiles): CheckStep {
  yield* findOrphans(check, listed);
  yield* compareSizes(check);
  if (check.content) yield* readContent(check);
  for (const { uuid: osd, reason, files } of check.osds.unexamined) {
    const what = files === 0 ? 'its objects' : `${files} file${files === 1 ? '' : 's'} with objects there`;
    check.report({ kind: 'not-examined', osd, detail: `${what}: ${reason}` });
  }
}

const nodesAtOnce = 1000;

async function* findOrphans(check: VolumeCheck, listed: ListedFiles): CheckStep {
  for (const [uuid, nodes] of listed) {
    const suspects = new Set<number>();
    for (let at = 0; at < nodes.length; at += nodesAtOnce) {
      for (const node of nodes.slice(at, at + nodesAtOnce))
        if (strangeness(check, uuid, node) !== undefined) suspects.add(node);
      yield { step: `objects at ${uuid}`, done: at, total: nodes.length };
    }
    if (suspects.size === 0) continue;
    // What is queued no more is gone by the time of this listing, and what is there still nobody removes.
    for (const node of yield* queuedNodes(check)) suspects.delete(node);
    const now = yield* listOf(check, uuid);
    for (const node of suspects) {
      const detail = strangeness(check, uuid, node);
      if (detail !== undefined && now !== undefined && now.count(node) > 0)
        check.report({ kind: 'orphan', node, osd: uuid, detail });
    }
  }
}

/** Why an OSD should have nothing of a file. Numbers are not used again, and files stay where they were made. */
export function strangeness(
  { tree, files }: Pick<VolumeCheck, 'tree' | 'files'>,
  uuid: string,
  node: number,
): string | undefined {
  const inode = tree.find(node);
  if (inode === undefined) return 'there is no such file in the volume';
  if (inode.layout === undefined) return 'it is no file with content';
  const own = osdsOf(files.parts.names, inode.layout);
  return own.includes(uuid) ? undefined : `the file is kept at ${own.join(', ')}`;
}

/** Files of the volume that OSDs are to do work on yet. */
export async function* queuedNodes({ files, volume }: VolumeCheck): CheckStep<Set<number>> {
  const nodes = new Set<number>();
  for (let after = 0, done = 0; ; ) {
    const queued = [...objectWork(files.parts.store, after, queuedAtOnce)];
    for (const { work } of queued) {
      const parsed = parseFileId(work.fileId);
      if (parsed?.volumeId === volume.id) nodes.add(Number(parsed.node));
    }
    done += queued.length;
    after = queued.at(-1)?.sequence ?? after;
    yield { step: 'clean-up that is under way', done, total: 0 };
    if (queued.length < queuedAtOnce) return nodes;
  }
}

function osdsOf(names: VolumeCheck['files']['parts']['names'], { osds }: Layout): readonly string[] {
  return osds.map((osd) => names.nameOf(osd));
}

export interface StoredFile {
  readonly node: number;
  readonly inode: Inode;
  readonly fileId: string;
  readonly osdUuids: readonly string[];
  readonly stripeBytes: number;
}

/** @returns undefined for what is no file with content */
export function storedFile(
  { files, volume }: VolumeCheck,
  node: number,
  inode: Inode,
): StoredFile | undefined {
  const { layout } = inode;
  if (layout === undefined || !isRegular(inode)) return undefined;
  return {
    node,
    inode,
    fileId: formatFileId({ volumeId: volume.id, node: BigInt(node) }),
    osdUuids: osdsOf(files.parts.names, layout),
    stripeBytes: layout.stripeBytes,
  };
}

/** Regular files in the order of their numbers, some hundred at once. */
async function* storedFiles(
  check: VolumeCheck,
  step: string,
): AsyncGenerator<{ readonly progress: CheckProgress; readonly stored: readonly StoredFile[] }, void> {
  const found: StoredFile[] = [];
  for await (const progress of each(check, 'inode', step, (entry) => {
    const { node, inode } = inodeOf(entry);
    const stored = storedFile(check, node, inode);
    if (stored !== undefined) found.push(stored);
  }))
    yield { progress, stored: found.splice(0) };
}

/** Of files that nobody has open: what is written is told to the MRC at close at the latest. */
async function* compareSizes(check: VolumeCheck): CheckStep {
  const { tree, files, osds } = check;
  if (files.parts.openFiles.isInGrace) {
    const detail = 'sizes: the MRC started less than a lease ago, and files may be open';
    check.report({ kind: 'not-examined', detail });
    return;
  }
  const isQuiet = (file: StoredFile) => isAsItWas(files, tree, file);
  const suspects: StoredFile[] = [];
  for await (const { progress, stored } of storedFiles(check, 'sizes')) {
    await inParallel(stored.filter(isQuiet), async (file) => {
      const end = await endOf(check, file);
      if (end === undefined) osds.passOver(file.osdUuids);
      else if (end !== file.inode.size) suspects.push(file);
    });
    yield progress;
  }
  if (suspects.length === 0) return;
  const queued = yield* queuedNodes(check);
  await inParallel(suspects, async (file) => {
    if (queued.has(file.node)) return;
    const end = await endOf(check, file);
    const { node, inode, osdUuids } = file;
    // Changed before it was asked, or since: told by the next check.
    if (end === undefined || end === inode.size || !isQuiet(file)) return;
    const osd = osdUuids.join(', ');
    const detail = `${end} bytes at the OSDs, ${inode.size} in the MRC`;
    check.report({ kind: end > inode.size ? 'beyond-end' : 'short', node, osd, detail });
  });
}

/** Nobody has it open, cuts it or changed it since. */
export function isAsItWas(
  { parts }: VolumeCheck['files'],
  tree: TreeReader,
  { node, inode }: Pick<StoredFile, 'node' | 'inode'>,
): boolean {
  return (
    !parts.openFiles.isOpen(tree.volume, node) &&
    tree.begunTruncation(node) === undefined &&
    tree.find(node)?.change === inode.change
  );
}

/** Where the data of a file end. @returns undefined when an OSD of the file did not say */
export async function endOf(check: VolumeCheck, file: StoredFile): Promise<number | undefined> {
  const ends = await Promise.all(
    file.osdUuids.map((osd) =>
      askOfFile(check, file, osd, async (connection, fileCredentials) => {
        const request = { fileCredentials, fileId: file.fileId };
        return Number(
          (await connection.call(objectCalls.internalGetGmax, request, { timeoutMs })).response.fileSize,
        );
      }),
    ),
  );
  return ends.includes(undefined) ? undefined : Math.max(0, ...ends.map((end) => end ?? 0));
}

type Ask<Answer> = (
  connection: Parameters<Parameters<VolumeCheck['osds']['ask']>[1]>[0],
  credentials: ReturnType<typeof credentialsOf>,
) => Promise<Answer>;

/** @returns undefined when the OSD did not say; where that is because of the file it is reported */
async function askOfFile<Answer>(
  { osds, issuer, report }: VolumeCheck,
  { node, inode, fileId, osdUuids, stripeBytes }: StoredFile,
  osd: string,
  ask: Ask<Answer>,
): Promise<Answer | undefined> {
  const credentials = credentialsOf(issuer.issueOwn(fileId, inode.truncateEpoch), { osdUuids, stripeBytes });
  try {
    return await osds.ask(osd, (connection) => ask(connection, credentials));
  } catch (error) {
    const isDamaged = error instanceof RpcError && error.errno === errnoNumber('EIO');
    report({ kind: isDamaged ? 'damaged' : 'not-examined', node, osd, detail: reasonOf(error) });
    return undefined;
  }
}

async function* readContent(check: VolumeCheck): CheckStep {
  for await (const { progress, stored } of storedFiles(check, 'content')) {
    for (const file of stored) {
      const objects = Math.ceil(file.inode.size / file.stripeBytes);
      for (let first = 0; first < objects; first += askedTogether) {
        const some = Array.from({ length: Math.min(askedTogether, objects - first) }, (_, at) => first + at);
        await Promise.all(some.map((object) => readObject(check, file, object)));
        yield progress;
      }
    }
    yield progress;
  }
}

async function readObject(check: VolumeCheck, file: StoredFile, object: number): Promise<void> {
  const osd = file.osdUuids[object % file.osdUuids.length] ?? '';
  const { node, fileId } = file;
  const isInvalid = await askOfFile(check, file, osd, async (connection, fileCredentials) => {
    const request = { fileCredentials, fileId, objectNumber: BigInt(object), objectVersion: 0n };
    const { response } = await connection.call(objectCalls.checkObject, request, { timeoutMs });
    return response.invalidChecksumOnOsd;
  });
  if (isInvalid === true)
    check.report({ kind: 'damaged', node, osd, detail: `object ${object} does not have its checksum` });
}

async function inParallel<Item>(items: Iterable<Item>, work: (item: Item) => Promise<void>): Promise<void> {
  const waiting = Iterator.from(items);
  const working = async () => {
    for (const item of waiting) await work(item);
  };
  await Promise.all(Array.from({ length: askedTogether }, working));
}
