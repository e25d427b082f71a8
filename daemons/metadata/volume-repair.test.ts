/** Each kind of damage is made, repaired, and gone; whatever was reached before still is; nothing is changed that is not damaged. */
import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { nodeCalls, type RpcConnection } from '@xtreemos/rpc';
import { randomFrom } from '../../test/random-numbers.ts';
import { credentials, objectsOf } from '../objects/objects-fixtures.ts';
import { createNode, linkNode } from './create-node.ts';
import { directoryType, isDirectory, regularType } from './file-mode.ts';
import { rootNode } from './inode.ts';
import { waitFor } from './metadata-fixtures.ts';
import { inodeKey, usageKey } from './store-keys.ts';
import { type TreeReader, TreeWriter } from './tree.ts';
import { readCounters, writeCounters } from './usage.ts';
import { checkVolume } from './volume-check.ts';
import { check, damage, findingsOf, localVolume, makeFile, startVolume } from './volume-check-fixture.ts';
import type { Finding } from './volume-check-step.ts';
import { repairFinding } from './volume-repair.ts';

const mostRounds = 10;
const killedRounds = 1;

type LocalVolume = Awaited<ReturnType<typeof localVolume>>;

async function findingsIn({ parts, volume }: LocalVolume): Promise<readonly Finding[]> {
  const steps = checkVolume(parts, volume, false);
  let step = await steps.next();
  while (step.done !== true) step = await steps.next();
  return step.value.findings;
}

/** In the order in which they were found, or in another one. */
async function repairIn(local: LocalVolume, inOrder = (findings: readonly Finding[]) => findings) {
  for (let round = 0; round < mostRounds; round++) {
    const findings = await findingsIn(local);
    if (findings.length === 0) return;
    for (const finding of inOrder(findings)) {
      const options = { isDry: false, deletesOrphans: false };
      const { outcome } = await repairFinding(local.parts, local.volume, finding, options);
      assert.notEqual(outcome, 'left', JSON.stringify(finding));
    }
  }
  assert.deepEqual(await findingsIn(local), []);
}

/** All that a walk from the root meets: paths and their numbers. */
function walk(tree: TreeReader): Map<string, number> {
  const met = new Map<string, number>();
  const visit = (directory: number, path: string) => {
    for (const { name, node } of tree.entries(directory)) {
      const inode = tree.find(node);
      if (inode === undefined || tree.entry(directory, name)?.node !== node) continue;
      met.set(`${path}/${name}`, node);
      if (isDirectory(inode) && inode.parent === directory) visit(node, `${path}/${name}`);
    }
  };
  visit(rootNode, '');
  return met;
}

test('whatever is damaged is repaired, and no file is lost', { timeout: 300_000 }, async (context) => {
  for (let seed = 1; seed <= 20; seed++) {
    const local = await localVolume(context);
    const { change, store, volume } = local;
    const below = randomFrom(seed);
    const folders = [rootNode];
    const files: number[] = [];
    await change((operation) => {
      for (let index = 0; index < 40; index++) {
        const parent = folders[below(folders.length)] ?? rootNode;
        const name = Buffer.from(`name ${index}`);
        const isFolder = below(3) === 0;
        const mode = isFolder ? directoryType | 0o755 : regularType | 0o644;
        const { node } = createNode(operation, parent, name, { mode, umask: 0 });
        (isFolder ? folders : files).push(node);
        if (!isFolder && below(4) === 0) linkNode(operation, node, rootNode, Buffer.from(`link ${index}`));
      }
    });
    assert.deepEqual(await findingsIn(local), []);
    const lost = new Set<number>();
    const damages: string[] = [];
    await store.write((writer) => {
      const tree = new TreeWriter(writer, volume.number);
      for (let count = 0; count < 8; count++) {
        const directory = folders[below(folders.length)] ?? rootNode;
        const entries = [...tree.entries(directory)];
        const entry = entries[below(Math.max(entries.length, 1))];
        const other = [...folders, ...files][below(folders.length + files.length)] ?? rootNode;
        const inode = tree.find(other);
        if (entry === undefined || inode === undefined || other === rootNode) continue;
        const kind = below(9);
        damages.push(`${kind} ${directory} ${entry.name} ${other}`);
        if (kind === 0) {
          writer.delete(inodeKey(volume.number, other));
          lost.add(other);
        } else if (kind === 1) tree.put(other, { ...inode, nlink: below(5) });
        else if (kind === 2) tree.removeName(directory, entry.name);
        else if (kind === 3) tree.removeListing(directory, entry.cookie);
        else if (kind === 4) tree.removeEntry(directory, entry.name, entry);
        else if (kind === 5) tree.putName(directory, entry.name, { ...entry, node: other });
        else if (kind === 6) tree.putEntry(directory, entry.name, { ...entry, cookie: entry.cookie + 1000 });
        else if (kind === 7 && isDirectory(inode))
          tree.put(other, { ...inode, parent: folders[below(folders.length)] ?? rootNode });
        else tree.putEntry(directory, entry.name, { ...entry, type: below(12) });
      }
      const counters = readCounters(writer, volume.number);
      writeCounters(writer, volume.number, { ...counters, files: 1000, bytes: 1000 });
    });
    const before = walk(local.parts.files.tree({ volume } as never));
    const message = `seed ${seed}: ${damages.join('; ')}`;
    const isShuffled = seed % 2 === 0;
    await repairIn(local, (findings) =>
      isShuffled ? findings.toSorted(() => below(3) - 1) : findings,
    ).catch((error: unknown) => {
      throw new Error(message, { cause: error });
    });
    const after = walk(local.parts.files.tree({ volume } as never));
    const nodes = new Set(after.values());
    for (const node of [...folders.slice(1), ...files])
      assert.equal(nodes.has(node), !lost.has(node), `${node}, ${message}`);
    for (const [path, node] of before)
      assert.ok(after.get(path) === node || nodes.has(node), `${path}, ${message}`);
  }
});

interface RepairOptions {
  readonly dryRun?: boolean;
  readonly deleteOrphans?: boolean;
}

/** One pass over what a check says. @returns `outcome kind: action` */
async function repair(admin: RpcConnection, options: RepairOptions = {}): Promise<readonly string[]> {
  const { dryRun = false, deleteOrphans = false } = options;
  const lines: string[] = [];
  for (const finding of await findingsOf(admin)) {
    const request = { volumeName: 'data', finding, dryRun, deleteOrphans };
    const { response } = await admin.call(nodeCalls.repairVolume, request);
    lines.push(`${response.outcome} ${finding.kind}: ${response.action}`);
  }
  return lines.toSorted();
}

test('names, links and counters, of a volume with servers', { timeout: 300_000 }, async (context) => {
  const before = await startVolume(context);
  const folder = Number(await before.client.mkdir(1, 'folder'));
  const nodes = new Map<string, number>();
  for (const name of ['dangling', 'nameless', 'links', 'unlisted'])
    nodes.set(name, (await makeFile(before, name, 1000, BigInt(folder))).node);
  const nodeOf = (name: string) => nodes.get(name) ?? 0;
  const { admin, client, mrc, osd } = await damage(context, before, (writer, number, tree) => {
    const entryOf = (name: string) => {
      const entry = tree.entry(folder, Buffer.from(name));
      assert.ok(entry !== undefined, name);
      return entry;
    };
    writer.delete(inodeKey(number, nodeOf('dangling')));
    tree.put(nodeOf('links'), { ...tree.get(nodeOf('links')), nlink: 3 });
    tree.removeEntry(folder, Buffer.from('nameless'), entryOf('nameless'));
    tree.removeListing(folder, entryOf('unlisted').cookie);
    for (const { key } of writer.range({ from: usageKey(number, 0), limit: 1 })) writer.delete(key);
  });
  const damaged = await check(admin);
  const planned = await repair(admin, { dryRun: true });
  assert.deepEqual(await check(admin), damaged);
  assert.ok(!mrc.output.includes('is repaired'));
  const path = `/lost+found/#${nodeOf('nameless')}`;
  const first = [
    'left orphan: kept: --delete-orphans removes it (ENOTEMPTY)',
    'repaired dangling-name: the name is removed: nothing is left of the file but what OSDs may have',
    'repaired link-count: it is 1',
    'repaired name-mismatch: it is listed',
    `repaired nameless: it is now ${path}`,
  ];
  assert.ok(
    first.every((line) => planned.includes(line)),
    planned.join('\n'),
  );
  const done = await repair(admin);
  assert.ok(
    first.every((line) => done.includes(line)),
    done.join('\n'),
  );
  const orphan = 'orphan : there is no such file in the volume';
  assert.deepEqual(await check(admin), [orphan]);
  assert.match(
    mrc.output,
    /Volume data is repaired, link-count of \/folder\/links: it is 1; before: link count 3/,
  );
  // Its owner finds it, with what is in it.
  const { attributes } = await client.lookup(1, 'lost+found');
  assert.deepEqual([attributes.owner, attributes.mode & 0o777], ['alice@physics', 0o700]);
  const found = await client.lookup(attributes.node, `#${nodeOf('nameless')}`);
  assert.equal(Number(found.attributes.node), nodeOf('nameless'));
  for (const name of ['links', 'unlisted'])
    assert.equal(Number((await client.lookup(folder, name)).attributes.node), nodeOf(name));
  const { fileCredentials } = await client.call(nodeCalls.open, { node: found.attributes.node, flags: 0 });
  const data = await objectsOf(osd).read(fileCredentials, 0, 0, 1000);
  assert.deepEqual(data, Buffer.alloc(1000, 'nameless'));
});

test('sizes, and objects of no file', { timeout: 300_000 }, async (context) => {
  const volume = await startVolume(context);
  const { client, admin, osd, mrc } = volume;
  const longer = await makeFile(volume, 'longer', 1000);
  const shorter = await makeFile(volume, 'shorter', 5000);
  const written = await makeFile(volume, 'written', 1000);
  await objectsOf(osd).write(longer.fileCredentials, 1, 0, Buffer.alloc(10, 'x'), { durable: true });
  await objectsOf(osd).write(written.fileCredentials, 1, 0, Buffer.alloc(10, 'x'), { durable: true });
  const { handle } = await client.call(nodeCalls.open, { node: BigInt(shorter.node), flags: 2 });
  await client.call(nodeCalls.close, { handle, written: { sizeInBytes: 9000n, truncateEpoch: 0 } });
  const key = createPrivateKey(await readFile(join(mrc.folder, 'capability.key')));
  const stray = credentials({ fileId: `${client.volumeId}:12345`, key });
  await objectsOf(osd).write(stray, 0, 0, Buffer.from('of nobody'));
  const findings = await findingsOf(admin);
  // Opened since it was found: whoever writes to it says what its size is.
  const opened = await client.call(nodeCalls.open, { node: BigInt(written.node), flags: 2 });
  const outcomes = new Map<string, string>();
  for (const finding of findings) {
    const { response } = await admin.call(nodeCalls.repairVolume, { volumeName: 'data', finding });
    outcomes.set(`${finding.kind} ${finding.path}`, response.outcome);
  }
  assert.deepEqual(Object.fromEntries(outcomes), {
    'beyond-end /longer': 'repaired',
    'beyond-end /written': 'outdated',
    'short /shorter': 'left',
    'orphan ': 'left',
  });
  const sizeOf = async (name: string) => (await client.lookup(1, name)).attributes.size;
  assert.equal(await sizeOf('longer'), BigInt(131_072 + 10));
  assert.equal(await sizeOf('written'), 1000n);
  await client.call(nodeCalls.close, { handle: opened.handle });
  assert.deepEqual(await repair(admin, { deleteOrphans: true, dryRun: true }), [
    `left short: a file with a hole at its end looks the same, and nobody knows what else was there`,
    `repaired beyond-end: its size is ${131_072 + 10} bytes`,
    'repaired orphan: what osd-1 has of it is removed',
  ]);
  assert.equal((await findingsOf(admin)).length, 3);
  await repair(admin, { deleteOrphans: true });
  const short = 'short /shorter: 5000 bytes at the OSDs, 9000 in the MRC';
  assert.deepEqual(await check(admin), [short]);
  await waitFor(async () => (await objectsOf(osd).read(stray, 0, 0, 9)).length === 0);
  assert.deepEqual(await check(admin), [short]);
  // Nobody's file grows beyond what its owner may have.
  const settings = [{ key: 'xtreemos.user_quota', value: '50000/0' }];
  await admin.call(nodeCalls.changeVolume, { volumeName: 'data', settings });
  await objectsOf(osd).write(written.fileCredentials, 2, 0, Buffer.alloc(10, 'x'), { durable: true });
  assert.ok(
    (await repair(admin)).includes('left beyond-end: the quota of the user is used up (EDQUOT)'),
    (await check(admin)).join('\n'),
  );
  const finding = { kind: 'usage', detail: '' };
  const asked = { volumeName: 'data', finding };
  await assert.rejects(client.connection.call(nodeCalls.repairVolume, asked));
  await assert.rejects(
    admin.call(nodeCalls.repairVolume, { ...asked, volumeName: 'none' }),
    /no such volume/,
  );
  const unknown = { ...asked, finding: { kind: 'mistake', detail: '' } };
  assert.equal((await admin.call(nodeCalls.repairVolume, unknown)).response.outcome, 'left');
});

test('an old finding changes nothing of a volume in use', { timeout: 300_000 }, async (context) => {
  const local = await localVolume(context);
  const { change, parts, volume, store } = local;
  const wanted = { mode: regularType | 0o644, umask: 0 };
  const file = await change((operation) => createNode(operation, rootNode, Buffer.from('file'), wanted));
  const folder = await change((operation) =>
    createNode(operation, rootNode, Buffer.from('folder'), { mode: directoryType | 0o755, umask: 0 }),
  );
  const { node } = file;
  const entry = local.parts.files.tree({ volume } as never).entry(rootNode, Buffer.from('file'));
  const stale = { change: file.inode.change, names: 0 };
  await change((operation) => linkNode(operation, node, rootNode, Buffer.from('link')));
  const at = { directory: rootNode, name: Buffer.from('file') };
  const findings: readonly Finding[] = [
    { kind: 'dangling-name', node, detail: '', entry: { ...at, cookie: entry?.cookie ?? 0 } },
    { kind: 'name-mismatch', node, detail: '', entry: { ...at, cookie: entry?.cookie ?? 0 } },
    { kind: 'name-mismatch', node, detail: '', entry: { ...at, cookie: 12_345 } },
    { kind: 'name-mismatch', node, detail: '', entry: at },
    { kind: 'name-mismatch', node: folder.node, detail: '' },
    { kind: 'nameless', node, detail: '', counted: stale },
    { kind: 'nameless', node: folder.node, detail: '', counted: { change: folder.inode.change, names: 0 } },
    { kind: 'nameless', node: 99, detail: '', counted: stale },
    { kind: 'link-count', node, detail: '', counted: { ...stale, names: 1 } },
    { kind: 'link-count', node: folder.node, detail: '' },
    { kind: 'usage', detail: '' },
    { kind: 'beyond-end', node, detail: '' },
  ];
  const contents = () => [...store.range({ from: Buffer.alloc(0) })].map(({ key, value }) => [key, value]);
  const before = contents();
  for (const finding of findings) {
    const options = { isDry: false, deletesOrphans: true };
    const { outcome } = await repairFinding(parts, volume, finding, options);
    assert.equal(outcome, 'outdated', JSON.stringify(finding));
  }
  assert.deepEqual(contents(), before);
});

test('no new file gets the number of objects that are kept', { timeout: 300_000 }, async (context) => {
  const { change, parts, volume, store } = await localVolume(context);
  const make = (name: string) =>
    change((operation) =>
      createNode(operation, rootNode, Buffer.from(name), { mode: regularType | 0o644, umask: 0 }),
    );
  const { node } = await make('file');
  // An MRC from an older backup.
  await store.write((writer) => {
    const counters = readCounters(writer, volume.number);
    writer.delete(inodeKey(volume.number, node));
    writeCounters(writer, volume.number, { ...counters, nextNode: counters.nextNode - 1 });
  });
  const orphan: Finding = { kind: 'orphan', node, osd: 'osd-1', detail: '' };
  const options = { isDry: false, deletesOrphans: false };
  assert.equal((await repairFinding(parts, volume, orphan, options)).outcome, 'repaired');
  assert.equal((await repairFinding(parts, volume, orphan, options)).outcome, 'left');
  assert.notEqual((await make('other')).node, node);
});

test('an MRC that is killed in the middle has done each repair or not', {
  timeout: 300_000,
}, async (context) => {
  const before = await startVolume(context);
  const count = 90;
  const nodes: number[] = [];
  for (let index = 0; index < count; index++) {
    const { attributes, handle } = await before.client.create(1, `file ${index}`, { flags: 2 });
    await before.client.call(nodeCalls.close, { handle });
    nodes.push(Number(attributes.node));
  }
  let volume = await damage(context, before, (_writer, _number, tree) => {
    for (const [index, node] of nodes.entries()) {
      const name = Buffer.from(`file ${index}`);
      const entry = tree.entry(rootNode, name);
      assert.ok(entry !== undefined);
      if (index % 3 === 0) tree.removeName(rootNode, name);
      else if (index % 3 === 1) tree.removeEntry(rootNode, name, entry);
      else tree.put(node, { ...tree.get(node), nlink: 7 });
    }
  });
  const left: number[] = [];
  for (let round = 1; ; round++) {
    const findings = await findingsOf(volume.admin);
    left.push(findings.length);
    if (findings.length === 0) break;
    assert.ok(round < mostRounds, left.join(' '));
    const { mrc, admin } = volume;
    const repairing = (finding: (typeof findings)[number]) =>
      admin.call(nodeCalls.repairVolume, { volumeName: 'data', finding });
    if (round > killedRounds) {
      await Promise.all(findings.map(repairing));
      continue;
    }
    for (const finding of findings.slice(0, 5)) await repairing(finding);
    const interrupted = Promise.allSettled(findings.slice(5, 25).map(repairing));
    await mrc.stop('SIGKILL');
    await interrupted;
    volume = await damage(context, volume, () => undefined);
  }
  assert.ok(left.length >= killedRounds + 2 && left.every((count, at) => count < (left[at - 1] ?? Infinity)));
  const { node: folder } = (await volume.client.lookup(1, 'lost+found')).attributes;
  for (const [index, node] of nodes.entries()) {
    const isLost = index % 3 === 1;
    const found = await volume.client.lookup(isLost ? folder : 1, isLost ? `#${node}` : `file ${index}`);
    assert.deepEqual([Number(found.attributes.node), found.attributes.nlink], [node, 1]);
  }
});
