/** Each kind of damage is made, and found as that and nothing else; a volume in use is found sound. */
import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { nodeCalls, objectCalls, type RpcConnection } from '@xtreemos/rpc';
import { nameOf } from '../objects/file-layout.ts';
import { credentials, objectsOf } from '../objects/objects-fixtures.ts';
import { createNode, linkNode } from './create-node.ts';
import { directoryType, regularType } from './file-mode.ts';
import { rootNode } from './inode.ts';
import { waitFor } from './metadata-fixtures.ts';
import { unlinkNode } from './remove-node.ts';
import { renameExchange, renameNode } from './rename-node.ts';
import { setAttributes } from './set-attributes.ts';
import { inodeKey, orphanKey, usageKey } from './store-keys.ts';
import { readCounters, writeCounters } from './usage.ts';
import { checkVolume } from './volume-check.ts';
import { check, damage, localVolume, makeFile, startVolume } from './volume-check-fixture.ts';

test('names, files and links that do not fit each other', { timeout: 300_000 }, async (context) => {
  const before = await startVolume(context);
  const folder = Number(await before.client.mkdir(1, 'folder'));
  const nodes = new Map<string, number>();
  for (const name of ['dangling', 'unlisted', 'unknown', 'nameless', 'links', 'forgotten'])
    nodes.set(name, (await makeFile(before, name, 10, BigInt(folder))).node);
  const nodeOf = (name: string) => nodes.get(name) ?? 0;
  assert.deepEqual(await check(before.admin, true), []);
  const { admin } = await damage(context, before, (writer, number, tree) => {
    const entryOf = (name: string) => {
      const entry = tree.entry(folder, Buffer.from(name));
      assert.ok(entry !== undefined, name);
      return entry;
    };
    writer.delete(inodeKey(number, nodeOf('dangling')));
    const links = tree.get(nodeOf('links'));
    tree.put(nodeOf('links'), { ...links, nlink: 3 });
    tree.put(rootNode, { ...tree.get(rootNode), nlink: 9 });
    tree.removeEntry(folder, Buffer.from('nameless'), entryOf('nameless'));
    tree.putEntry(folder, Buffer.from('unknown'), { ...entryOf('unknown'), node: nodeOf('unlisted') });
    tree.removeEntry(folder, Buffer.from('forgotten'), entryOf('forgotten'));
    tree.put(nodeOf('forgotten'), { ...tree.get(nodeOf('forgotten')), nlink: 0 });
    assert.equal(writer.get(orphanKey(number, nodeOf('forgotten'))), undefined);
  });
  assert.deepEqual((await check(admin)).toSorted(), [
    'dangling-name /folder/dangling: there is no such file',
    'link-count /: it is 9 and should be 3',
    'link-count /folder/links: it is 3 and should be 1',
    'link-count /folder/unknown: it is 1 and should be 2',
    'nameless : it has no name and nothing will remove it',
    'nameless : no name leads to it, its link count is 1',
    'nameless : no name leads to it, its link count is 1',
    'orphan /folder/dangling: there is no such file in the volume',
    'usage : the volume: counted 60 bytes in 8 files, found 50 bytes in 7 files',
    'usage : user alice@physics: counted 60 bytes in 8 files, found 50 bytes in 7 files',
  ]);
});

test('one of the two tables of names', { timeout: 300_000 }, async (context) => {
  const before = await startVolume(context);
  await makeFile(before, 'unlisted', 10);
  await makeFile(before, 'sound', 10);
  const { admin } = await damage(context, before, (_writer, _number, tree) => {
    const name = Buffer.from('sound');
    const entry = tree.entry(rootNode, name);
    assert.ok(entry !== undefined);
    tree.putEntry(rootNode, Buffer.from('unlisted again'), { ...entry, cookie: 99 });
    tree.putEntry(rootNode, name, { ...entry, cookie: 100 });
    tree.put(entry.node, { ...tree.get(entry.node), nlink: 3 });
  });
  const cookies = await check(admin);
  assert.deepEqual(cookies.length, 1, cookies.join('\n'));
  assert.match(cookies[0] ?? '', /^name-mismatch \/sound: looked up it is file \d+$/);
});

test('counters of usage', { timeout: 300_000 }, async (context) => {
  const before = await startVolume(context);
  await makeFile(before, 'file', 1000);
  const { admin } = await damage(context, before, (writer, number) => {
    const counters = readCounters(writer, number);
    writeCounters(writer, number, { ...counters, bytes: 77 });
    for (const { key } of writer.range({ from: usageKey(number, 0), limit: 1 })) writer.delete(key);
  });
  assert.deepEqual((await check(admin)).toSorted(), [
    'usage : the volume: counted 77 bytes in 2 files, found 1000 bytes in 2 files',
    'usage : user alice@physics: counted 0 bytes in 0 files, found 1000 bytes in 2 files',
  ]);
});

test('objects of no file, sizes, checksums, and OSDs that do not answer', {
  timeout: 300_000,
}, async (context) => {
  const volume = await startVolume(context);
  const { client, admin, osd, mrc, osds } = volume;
  const known = await makeFile(volume, 'known', 5000);
  const longer = await makeFile(volume, 'longer', 300_000 % 131_072);
  const shorter = await makeFile(volume, 'shorter', 5000);
  const gone = await makeFile(volume, 'gone', 10);
  await client.call(nodeCalls.unlink, { parent: 1n, name: Buffer.from('gone') });
  const key = createPrivateKey(await readFile(join(mrc.folder, 'capability.key')));
  await objectsOf(osd).write(
    credentials({ fileId: `${client.volumeId}:12345`, key }),
    0,
    0,
    Buffer.from('of nobody'),
  );
  // What a client wrote that died before it told the MRC.
  await objectsOf(osd).write(longer.fileCredentials, 1, 0, Buffer.alloc(10), { durable: true });
  // What fallocate(2) leaves, and an OSD that lost data.
  const { handle } = await client.call(nodeCalls.open, { node: BigInt(shorter.node), flags: 2 });
  await client.call(nodeCalls.close, {
    handle,
    written: { sizeInBytes: 9000n, truncateEpoch: 0 },
  });
  const open = await client.create(1, 'open', { flags: 2 });
  await objectsOf(osd).write(open.fileCredentials, 0, 0, Buffer.alloc(10));
  const sizes = [
    `beyond-end /longer: ${131_072 + 10} bytes at the OSDs, ${300_000 % 131_072} in the MRC`,
    'short /shorter: 5000 bytes at the OSDs, 9000 in the MRC',
  ];
  const orphan = 'orphan : there is no such file in the volume';
  await waitFor(async () => !(await isAt(osd, gone.fileId)));
  assert.deepEqual((await check(admin, true)).toSorted(), [sizes[0], orphan, sizes[1]]);
  // A client that is silent for long has nothing open any more.
  await client.call(nodeCalls.close, {
    handle: open.handle,
    written: { sizeInBytes: 10n, truncateEpoch: 0 },
  });
  const [server] = osds;
  assert.ok(server !== undefined);
  osd.close();
  assert.equal(await server.stop('SIGTERM'), 0, server.output);
  const unexamined = await check(admin, true);
  assert.equal(unexamined.length, 1, unexamined.join('\n'));
  assert.match(unexamined[0] ?? '', /^not-examined : \d files? with objects there: /);
  await damageBlock(server.folder, known.fileId);
  await server.run();
  await waitFor(async () => !(await check(admin)).some((line) => line.startsWith('not-examined')));
  const damaged = 'damaged /known: object 0 does not have its checksum';
  assert.deepEqual((await check(admin, true)).toSorted(), [sizes[0], damaged, orphan, sizes[1]]);
  assert.deepEqual((await check(admin)).toSorted(), [sizes[0], orphan, sizes[1]]);
});

async function isAt(osd: RpcConnection, fileId: string): Promise<boolean> {
  const { response } = await osd.call(objectCalls.listFiles, { cursor: '', most: 100 });
  return response.fileIds.includes(fileId);
}

/** Turns a bit of the content of a file, of a stopped OSD. */
async function damageBlock(folder: string, fileId: string): Promise<void> {
  const file = await open(join(folder, nameOf(fileId)), 'r+');
  try {
    const bytes = await file.readFile();
    const at = bytes.indexOf('known'.repeat(100));
    assert.ok(at > 0);
    await file.write(Buffer.from('K'), 0, 1, at);
  } finally {
    await file.close();
  }
}

test('a volume in use is sound', { timeout: 300_000 }, async (context) => {
  const volume = await startVolume(context, 2);
  const { client, admin } = volume;
  let isOver = false;
  let rounds = 0;
  const work = async (worker: number) => {
    const parent = await client.mkdir(1, `folder ${worker}`);
    for (let round = 0; !isOver; round++) {
      const name = `file ${round}`;
      await makeFile(volume, name, 100 + round, parent);
      const from = { parent, name: Buffer.from(name) };
      await client.call(nodeCalls.rename, {
        ...from,
        newParent: 1n,
        newName: Buffer.from(`${worker} ${round}`),
      });
      const inner = await client.mkdir(parent, 'inner');
      await client.call(nodeCalls.rmdir, { parent, name: Buffer.from('inner') });
      assert.ok(inner > 0n);
      if (round >= 20)
        await client.call(nodeCalls.unlink, { parent: 1n, name: Buffer.from(`${worker} ${round - 20}`) });
      rounds += 1;
    }
  };
  const working = Promise.all([0, 1, 2, 3].map(work));
  try {
    const checks = 8;
    for (let count = 0; count < checks; count++) assert.deepEqual(await check(admin, count % 2 === 0), []);
    assert.ok(rounds > 0);
  } finally {
    isOver = true;
    await working;
  }
  assert.deepEqual(await check(admin, true), []);
});

async function checkedVolume(context: TestContext) {
  const { change, parts, volume } = await localVolume(context);
  return { change, steps: checkVolume(parts, volume, true) };
}

test('what changes between two pieces of a check is in no finding', { timeout: 300_000 }, async (context) => {
  const { change, steps } = await checkedVolume(context);
  const nameOf = (index: number) => Buffer.from(`file ${index}`);
  const wanted = { mode: regularType | 0o644, umask: 0 };
  const [front, back] = [Buffer.from('front'), Buffer.from('back')];
  const make = (name: Buffer) => change((operation) => createNode(operation, rootNode, name, wanted));
  await make(front);
  const nodes = await change((operation) =>
    Array.from({ length: 3000 }, (_, index) => createNode(operation, rootNode, nameOf(index), wanted).node),
  );
  await make(back);
  let next = 0;
  let pieces = 0;
  const exchanging = new Set(['names', 'link counts, look 2']);
  for (;;) {
    const step = await steps.next();
    if (step.done === true) {
      assert.deepEqual(step.value, { findings: [], leftOut: 0 });
      break;
    }
    pieces += 1;
    // The one that was counted is behind again, and the other is never met.
    if (exchanging.delete(step.value.step))
      await change((operation) =>
        renameNode(
          operation,
          { parent: rootNode, name: front },
          { parent: rootNode, name: back },
          renameExchange,
        ),
      );
    // In the order of names, which is not that of numbers: before and behind what was looked at.
    await change((operation) => {
      for (const end = next + 20; next < end; next += 4) {
        const [node = 0, other = 0] = [nodes[next], nodes[next + 1]];
        renameNode(
          operation,
          { parent: rootNode, name: nameOf(next) },
          { parent: rootNode, name: nameOf(-1 - next) },
          0,
        );
        linkNode(operation, other, rootNode, nameOf(-2 - next));
        unlinkNode(operation, rootNode, nameOf(next + 2));
        setAttributes(operation, nodes[next + 3] ?? 0, { owner: 'bob@physics', size: 100 + next });
        setAttributes(operation, node, { size: next });
        createNode(operation, rootNode, nameOf(10_000 + next), wanted);
        createNode(operation, rootNode, nameOf(20_000 + next), { mode: directoryType | 0o755, umask: 0 });
      }
    });
  }
  assert.ok(pieces > 20 && next < 3000 && exchanging.size === 0, `${pieces} pieces, ${next} changes`);
});

test('an OSD that the DIR does not know is not examined', async (context) => {
  const { change, steps } = await checkedVolume(context);
  await change((operation) => {
    const osds = [operation.idOf('osd-9')];
    const wanted = { mode: regularType | 0o644, umask: 0 };
    const { node } = createNode(operation, rootNode, Buffer.from('file'), wanted, () => ({
      stripeBytes: 131_072,
      osds,
    }));
    setAttributes(operation, node, { size: 10 });
  });
  let step = await steps.next();
  while (step.done !== true) step = await steps.next();
  assert.deepEqual(step.value.findings, [
    { kind: 'not-examined', osd: 'osd-9', detail: '1 file with objects there: the DIR does not know it' },
  ]);
});

test('a newer check ends the one before, and only the administrator has one', {
  timeout: 300_000,
}, async (context) => {
  const { admin, client } = await startVolume(context);
  const begin = { volumeName: 'data', check: 0n, content: false, after: 0 };
  const first = await admin.call(nodeCalls.checkVolume, begin);
  await admin.call(nodeCalls.checkVolume, begin);
  const goOn = { ...begin, check: first.response.check };
  await assert.rejects(admin.call(nodeCalls.checkVolume, goOn), /another check began/);
  await assert.rejects(admin.call(nodeCalls.checkVolume, { ...begin, volumeName: 'none' }), /no such volume/);
  await assert.rejects(client.connection.call(nodeCalls.checkVolume, begin));
});
