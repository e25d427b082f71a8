import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import test, { type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { crc32c } from '@xtreemos/native-sys';
import { AllocateMode, objectCalls, RpcError, SeekTarget } from '@xtreemos/rpc';
import {
  deleteAccess,
  errnoNumber,
  idOfFiles,
  idOfSpace,
  objectsOfRange,
  orderedAccess,
} from '@xtreemos/xtreemfs';
import fc from 'fast-check';
import { startDirectoryProcess } from '../directory/directory-fixtures.ts';
import {
  type CredentialOptions,
  type Credentials,
  credentials,
  objectsOf,
  startObjectsProcess,
} from './objects-fixtures.ts';

const fileId = '11111111-2222-4333-8444-555555555555:17';
const good = credentials({ fileId });

async function started(context: TestContext) {
  const osd = await startObjectsProcess(context);
  const connection = await osd.connect();
  context.after(() => connection.close());
  return { osd, connection, objects: objectsOf(connection) };
}

function refused(errno: Parameters<typeof errnoNumber>[0]) {
  return (error: unknown) => {
    assert.ok(error instanceof RpcError, String(error));
    assert.deepEqual([error.kind, error.errno], ['errno', errnoNumber(errno)], error.message);
    return true;
  };
}

test('objects are written, read, truncated, synced and removed', async (context) => {
  const { connection, objects } = await started(context);
  const data = Buffer.alloc(131072, 'abc');
  assert.deepEqual((await objects.write(good, 0, 0, data)).sizeInBytes, 131072n);
  assert.equal(
    (await objects.write(good, 2, 100, Buffer.from('end'), { durable: true })).sizeInBytes,
    262247n,
  );
  assert.deepEqual(await objects.read(good, 0, 0, 131072), data);
  assert.deepEqual(await objects.read(good, 1, 0, 131072), Buffer.alloc(131072));
  assert.deepEqual((await objects.read(good, 2, 0, 131072)).length, 103);
  assert.equal((await objects.sync(good)).sizeInBytes, 262247n);
  const seek = async (objectNumber: bigint, offset: number, target: SeekTarget) => {
    const request = { fileCredentials: good, fileId, objectNumber, offset, target };
    return (await connection.call(objectCalls.seek, request)).response.offset;
  };
  assert.equal(await seek(0n, 5, SeekTarget.HOLE), undefined);
  assert.equal(await seek(1n, 5, SeekTarget.DATA), undefined);
  assert.equal(await seek(2n, 0, SeekTarget.HOLE), 103);
  const punch = { fileCredentials: good, fileId, objectNumber: 0n, offset: 4096, length: 8192 };
  await connection.call(objectCalls.allocate, { ...punch, mode: AllocateMode.ALLOCATE_PUNCH });
  assert.equal(await seek(0n, 0, SeekTarget.HOLE), 4096);
  assert.equal(
    (await objects.read(good, 0, 0, 131072)).subarray(4096, 12288).every((byte) => byte === 0),
    true,
  );
  const epoch1 = credentials({ fileId, xcap: { truncateEpoch: 1 } });
  assert.deepEqual((await objects.truncate(epoch1, 10n)).sizeInBytes, 10n);
  assert.equal((await objects.read(good, 0, 0, 100)).length, 10);
  const { response } = await connection.call(objectCalls.internalGetFileSize, {
    fileCredentials: good,
    fileId,
  });
  assert.equal(response.fileSize, 10n);
  const list = async () =>
    (await connection.call(objectCalls.listFiles, { cursor: '', most: 0 })).response.fileIds;
  assert.deepEqual(await list(), [fileId]);
  await assert.rejects(objects.unlink(good), refused('EACCES'));
  await objects.unlink(credentials({ fileId, xcap: { accessMode: deleteAccess } }));
  assert.deepEqual(await list(), []);
});

test('what lies in a connection that a mount gave up is not done after it spoke by the next one', async (context) => {
  const { osd, connection: earlier, objects } = await started(context);
  const later = await osd.connect();
  context.after(() => later.close());
  const of = (clientIdentity: string) => credentials({ fileId, xcap: { clientIdentity } });
  const mount = of('aaaaaaaa-2222-4333-8444-555555555555');
  await objects.write(mount, 0, 0, Buffer.from('first'));
  await objectsOf(later).write(mount, 0, 0, Buffer.from('again'));
  await objectsOf(later).write(mount, 0, 0, Buffer.from('newer'));
  await assert.rejects(objects.write(mount, 0, 0, Buffer.from('first')), refused('ECONNRESET'));
  const punch = { fileCredentials: mount, fileId, objectNumber: 0n, offset: 0, length: 5 };
  await assert.rejects(
    earlier.call(objectCalls.allocate, { ...punch, mode: AllocateMode.ALLOCATE_PUNCH }),
    refused('ECONNRESET'),
  );
  assert.equal((await objects.read(good, 0, 0, 5)).toString(), 'newer');
  await objects.write(of('bbbbbbbb-2222-4333-8444-555555555555'), 0, 0, Buffer.from('other'));
  // Clients of XtreemFS go by the names of their users, and one user may have several.
  for (const connection of [later, earlier])
    await objectsOf(connection).write(of('xtreemfs:alice'), 0, 0, Buffer.from('alice'));
});

test('the space of a file is told for an XCap that is good for nothing else', async (context) => {
  const { connection, objects } = await started(context);
  await objects.write(good, 1, 0, Buffer.alloc(10_000, 1));
  const forSpace = credentials({ fileId: idOfSpace(fileId) });
  const space = async (xcap?: Credentials['xcap']) =>
    (await connection.call(objectCalls.space, xcap === undefined ? {} : { xcap })).response.allocatedBytes;
  assert.equal(await space(forSpace.xcap), 12_288n);
  assert.equal(await space(credentials({ fileId: idOfSpace(`${fileId}1`) }).xcap), 0n);
  await assert.rejects(space(), refused('EACCES'));
  await assert.rejects(space(good.xcap), refused('EACCES'));
  await assert.rejects(space({ ...forSpace.xcap, fileId: idOfSpace(`${fileId}1`) }), refused('EACCES'));
  const expired = credentials({ fileId: idOfSpace(fileId), xcap: { expireTimeS: 1n } });
  await assert.rejects(space(expired.xcap), refused('EACCES'));
  await assert.rejects(space(credentials({ fileId: idOfSpace('../f') }).xcap), refused('EACCES'));
  const fileCredentials = forSpace;
  for (const id of [fileId, forSpace.xcap.fileId]) {
    await assert.rejects(
      connection.call(objectCalls.sync, { fileCredentials, fileId: id }),
      refused(id === fileId ? 'EACCES' : 'EINVAL'),
    );
  }
});

test('in order: what is written after a truncation waits for it, and truncations for one another', async (context) => {
  const { objects } = await started(context);
  const ordered = (truncateEpoch: number) =>
    credentials({ fileId, xcap: { truncateEpoch, accessMode: 2 | orderedAccess } });
  const data = Buffer.from('after');
  assert.equal((await objects.write(ordered(0), 0, 0, Buffer.from('before it'))).truncateEpoch, 0);
  await assert.rejects(objects.write(ordered(1), 0, 0, data), refused('EHOSTUNREACH'));
  await assert.rejects(objects.truncate(ordered(2), 100n), refused('EHOSTUNREACH'));
  await objects.truncate(ordered(1), 0n);
  assert.equal((await objects.write(ordered(1), 0, 0, data)).truncateEpoch, 1);
  // Once more, as the MRC does it for a client that may have died.
  await objects.truncate(ordered(1), 0n);
  await objects.truncate(credentials({ fileId, xcap: { truncateEpoch: 1 } }), 0n);
  assert.deepEqual(await objects.read(good, 0, 0, 5), data);
  // Who holds an older XCap hears of the epoch that it wrote in.
  assert.equal((await objects.write(ordered(0), 0, 5, data)).truncateEpoch, 1);
  await objects.truncate(ordered(2), 5n);
  await objects.truncate(ordered(1), 0n);
  assert.deepEqual(await objects.read(good, 0, 0, 100), data);
  // Without the bit as ever.
  assert.equal(
    (await objects.write(credentials({ fileId, xcap: { truncateEpoch: 7 } }), 0, 5, data)).truncateEpoch,
    7,
  );
  await objects.truncate(credentials({ fileId, xcap: { truncateEpoch: 9 } }), 0n);
});

test('a truncation that two ask for at once is done once', async (context) => {
  const { objects } = await started(context);
  for (let truncateEpoch = 1; truncateEpoch < 30; truncateEpoch++) {
    const xcap = { truncateEpoch, accessMode: 2 | orderedAccess };
    const both = [1, 2].map(() => objects.truncate(credentials({ fileId, xcap }), 0n));
    const data = Buffer.from(`epoch ${truncateEpoch}`);
    await Promise.race(both);
    await objects.write(credentials({ fileId, xcap }), 0, 0, data);
    await Promise.all(both);
    assert.deepEqual(await objects.read(good, 0, 0, data.length), data);
  }
});

test('an MRC has many files removed by one signature, and nobody else', async (context) => {
  const { connection } = await started(context);
  const objects = objectsOf(connection);
  const fileIds = Array.from({ length: 40 }, (_, node) => `v:${node + 100}`);
  const kept = 'v:99';
  for (const id of [...fileIds, kept])
    await objects.write(credentials({ fileId: id }), 0, 0, Buffer.from('content'));
  const call = async (ids: readonly string[], options: CredentialOptions) => {
    const { xcap } = credentials(options);
    const { response } = await connection.call(objectCalls.unlinkFiles, { xcap, fileIds: [...ids] });
    return response.left;
  };
  const deletion = { fileId: idOfFiles(fileIds), xcap: { accessMode: deleteAccess } };
  const refusedWith = (ids: readonly string[], options: CredentialOptions, name: string) =>
    assert.rejects(call(ids, options), refused('EACCES'), name);
  await refusedWith([...fileIds, kept], deletion, 'of other files');
  await refusedWith(fileIds, { ...deletion, xcap: { accessMode: 2 } }, 'without the right to delete');
  await refusedWith(fileIds, { ...deletion, key: generateKeyPairSync('ed25519').privateKey }, 'forged');
  await refusedWith(fileIds, { ...deletion, xcap: { ...deletion.xcap, expireTimeS: 1n } }, 'expired');
  await refusedWith(fileIds, { fileId: fileIds[0] ?? '', xcap: deletion.xcap }, 'of one file');
  await assert.rejects(call(['../x'], { ...deletion, fileId: idOfFiles(['../x']) }), refused('EINVAL'));
  assert.deepEqual(await call(fileIds, deletion), []);
  assert.deepEqual(await call(fileIds, deletion), [], 'once more');
  const { response } = await connection.call(objectCalls.listFiles, { cursor: '', most: 100 });
  assert.deepEqual(response.fileIds, [kept]);
});

test('more large writes at once than the log has room for all come to their end', {
  timeout: 30_000,
}, async (context) => {
  const { objects } = await started(context);
  const data = Buffer.alloc(131072, 7);
  await Promise.all(Array.from({ length: 200 }, (_, object) => objects.write(good, object, 0, data)));
  assert.deepEqual(await objects.read(good, 199, 0, 131072), data);
});

test('an XCap counts for its file, its access, its time, and as its MRC signed it', async (context) => {
  const { objects } = await started(context);
  const data = Buffer.from('secret');
  await objects.write(good, 0, 0, data);
  const other = generateKeyPairSync('ed25519').privateKey;
  const nowS = BigInt(Math.floor(Date.now() / 1000));
  const altered = (xcap: Partial<Credentials['xcap']>): Credentials => ({
    ...good,
    xcap: { ...good.xcap, ...xcap },
  });
  const hostile: readonly [string, Credentials][] = [
    ['signed by somebody else', credentials({ fileId, key: other })],
    ['expired', credentials({ fileId, xcap: { expireTimeS: nowS - 60n } })],
    ['with a longer life', altered({ expireTimeS: good.xcap.expireTimeS + 1n })],
    ['with another epoch', altered({ truncateEpoch: 9 })],
    ['of another client', altered({ clientIdentity: 'client-2' })],
    ['without signature', altered({ serverSignature: '' })],
    ['with a long signature', altered({ serverSignature: 'A'.repeat(10_000) })],
  ];
  for (const [name, wrong] of hostile) {
    await assert.rejects(objects.read(wrong, 0, 0, 6), refused('EACCES'), name);
    await assert.rejects(objects.write(wrong, 0, 0, data), refused('EACCES'), name);
    await assert.rejects(objects.truncate(wrong, 0n), refused('EACCES'), name);
    await assert.rejects(objects.unlink(wrong), refused('EACCES'), name);
    await assert.rejects(objects.sync(wrong), refused('EACCES'), name);
  }
  const readOnly = credentials({ fileId, xcap: { accessMode: 0 } });
  const writeOnly = credentials({ fileId, xcap: { accessMode: 1 } });
  assert.deepEqual(await objects.read(readOnly, 0, 0, 6), data);
  await assert.rejects(objects.write(readOnly, 0, 0, data), refused('EACCES'));
  await assert.rejects(objects.truncate(readOnly, 0n), refused('EACCES'));
  await assert.rejects(objects.read(writeOnly, 0, 0, 6), refused('EACCES'));
  assert.deepEqual(await objects.read(good, 0, 0, 6), data);
});

test('an XCap of another file opens nothing, however the call names it', async (context) => {
  const { connection } = await started(context);
  const victim = credentials({ fileId: 'v:2' });
  await objectsOf(connection).write(victim, 0, 0, Buffer.from('other'));
  for (const name of ['v:2', '../v:2', 'v:2/../../uuid', 'v:\0', '']) {
    const request = {
      fileCredentials: good,
      fileId: name,
      objectNumber: 0n,
      objectVersion: 0n,
      offset: 0,
      length: 5,
    };
    await assert.rejects(
      connection.call(objectCalls.read, request),
      (error: RpcError) => error.kind === 'errno',
    );
  }
});

test('an old truncation is not repeated, and a lost answer does no harm', async (context) => {
  const { objects } = await started(context);
  const epoch = (truncateEpoch: number) => credentials({ fileId, xcap: { truncateEpoch } });
  await objects.write(good, 0, 0, Buffer.from('first content'));
  await objects.truncate(epoch(1), 5n);
  await objects.write(epoch(1), 0, 0, Buffer.from('second content'));
  // Repeated: the answer was lost. What was written since stays.
  await objects.truncate(epoch(1), 5n);
  assert.equal(String(await objects.read(good, 0, 0, 100)), 'second content');
  await objects.truncate(epoch(3), 6n);
  await objects.write(good, 0, 6, Buffer.from('!'));
  await assert.rejects(objects.truncate(epoch(2), 0n), refused('ESTALE'));
  await assert.rejects(objects.truncate(good, 0n), refused('ESTALE'));
  assert.equal(String(await objects.read(good, 0, 0, 100)), 'second!');
});

test('numbers near the end of what fits are refused or empty, and nothing else happens', async (context) => {
  const { objects } = await started(context);
  const data = Buffer.from('x');
  for (const object of [2n ** 63n, 2n ** 63n - 1n, 2n ** 64n - 1n, 2n ** 53n, 2n ** 40n]) {
    await assert.rejects(objects.write(good, object, 0, data), refused('EFBIG'), `${object}`);
    assert.equal((await objects.read(good, object, 0, 100)).length, 0);
  }
  await assert.rejects(objects.write(good, 0, 131072, data), refused('EINVAL'));
  await assert.rejects(objects.write(good, 0, 2 ** 32 - 1, data), refused('EINVAL'));
  await assert.rejects(objects.read(good, 0, 0, 2 ** 32 - 1), refused('EINVAL'));
  await assert.rejects(objects.read(good, 0, 131071, 2), refused('EINVAL'));
  for (const size of [2n ** 63n, 2n ** 64n - 1n, 2n ** 60n]) {
    const wanted = credentials({ fileId, xcap: { truncateEpoch: 1 } });
    await assert.rejects(objects.truncate(wanted, size), refused('EFBIG'));
  }
  for (const stripeKb of [0, 1, 5, 2 ** 31, 2 ** 32 - 1])
    await assert.rejects(objects.read(credentials({ fileId, stripeKb }), 0, 0, 1), refused('EINVAL'));
  const elsewhere = credentials({ fileId, osdUuids: ['osd-2'] });
  await assert.rejects(objects.read(elsewhere, 0, 0, 1), refused('EINVAL'));
  const striped = credentials({ fileId, osdUuids: ['osd-1', 'osd-2'] });
  await assert.rejects(objects.write(striped, 1, 0, data), refused('EINVAL'));
});

test('data that were damaged on the way are not stored', async (context) => {
  const { objects } = await started(context);
  const data = Buffer.from('content');
  await objects.write(good, 0, 0, data, { crc32c: crc32c(data) });
  const wrong = Buffer.from('CONTENT');
  await assert.rejects(objects.write(good, 0, 0, wrong, { crc32c: crc32c(data) }), refused('EIO'));
  assert.deepEqual(await objects.read(good, 0, 0, 7), data);
});

test('locks keep others out, across connections', async (context) => {
  const { osd, connection } = await started(context);
  const second = await osd.connect();
  context.after(() => second.close());
  const lock = (clientUuid: string, isFlock = false, exclusive = true) => {
    const range = { clientPid: 1, clientUuid, offset: 0n, length: 10n, exclusive };
    return { fileCredentials: good, lockRequest: isFlock ? { ...range, isFlock } : range };
  };
  await connection.call(objectCalls.lockAcquire, lock('a'));
  await assert.rejects(second.call(objectCalls.lockAcquire, lock('b')), refused('EAGAIN'));
  assert.equal((await second.call(objectCalls.lockCheck, lock('b'))).response.clientUuid, 'a');
  await second.call(objectCalls.lockAcquire, lock('b', true));
  await connection.call(objectCalls.lockRelease, lock('a'));
  await second.call(objectCalls.lockAcquire, lock('b'));
  await assert.rejects(second.call(objectCalls.lockAcquire, lock('')), refused('EINVAL'));
});

test('locks end with the silence of their client; where XCaps do not name it, with its connection', async (context) => {
  const osd = await startObjectsProcess(context, { settings: ['[Locks]', 'Lease=1s'] });
  const connection = await osd.connect();
  const second = await osd.connect();
  context.after(() => second.close());
  const lock = (clientUuid: string, offset: bigint) => ({
    fileCredentials: good,
    lockRequest: { clientPid: 1, clientUuid, offset, length: 10n, exclusive: true },
  });
  await connection.call(objectCalls.lockAcquire, lock(good.xcap.clientIdentity, 0n));
  await connection.call(objectCalls.lockAcquire, lock('of XtreemFS', 10n));
  const holder = async (offset: bigint) =>
    (await second.call(objectCalls.lockCheck, lock('other', offset))).response.clientUuid;
  while ((await holder(0n)) !== 'other') await sleep(200);
  assert.equal(await holder(10n), 'of XtreemFS');
  connection.close();
  while ((await holder(10n)) !== 'other') await sleep(200);
});

test('a striped file is one file: size, holes and truncation over several OSDs', async (context) => {
  const directory = await startDirectoryProcess(context);
  const osdUuids = ['osd-1', 'osd-2', 'osd-3'];
  const osds = await Promise.all(
    osdUuids.map((uuid) => startObjectsProcess(context, { uuid, directoryPort: directory.port })),
  );
  const clients = await Promise.all(
    osds.map(async (osd) => {
      const connection = await osd.connect();
      context.after(() => connection.close());
      return { connection, objects: objectsOf(connection) };
    }),
  );
  const of = (truncateEpoch = 0) => credentials({ fileId, osdUuids, stripeKb: 4, xcap: { truncateEpoch } });
  const striping = { stripeBytes: 4096, width: 3 };
  const write = async (offset: number, data: Buffer) => {
    for (const part of objectsOfRange(striping, offset, data.length)) {
      const bytes = data.subarray(part.position, part.position + part.length);
      await clients[part.osd]?.objects.write(of(), part.object, part.offset, bytes);
    }
  };
  const read = async (offset: number, length: number) => {
    const parts = objectsOfRange(striping, offset, length).map((part) =>
      clients[part.osd]?.objects.read(of(), part.object, part.offset, part.length),
    );
    return Buffer.concat((await Promise.all(parts)).map((part) => part ?? Buffer.alloc(0)));
  };
  // Until all are registered, they do not find each other.
  for (let tries = 0; tries < 100; tries++) {
    const outcome = await read(0, 1).catch((error: unknown) => error);
    if (Buffer.isBuffer(outcome)) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const expected = Buffer.alloc(50_000);
  const put = async (offset: number, length: number, letter: string) => {
    expected.fill(letter, offset, offset + length);
    await write(offset, Buffer.alloc(length, letter));
  };
  await put(40_000, 100, 'a');
  assert.deepEqual(await read(0, 60_000), expected.subarray(0, 40_100));
  await put(1000, 20_000, 'b');
  assert.deepEqual(await read(0, 60_000), expected.subarray(0, 40_100));
  const sizeAt = async (index: number) => {
    const connection = clients[index]?.connection;
    const request = { fileCredentials: of(), fileId };
    return (await connection?.call(objectCalls.internalGetFileSize, request))?.response.fileSize;
  };
  assert.deepEqual([await sizeAt(0), await sizeAt(1), await sizeAt(2)], [40_100n, 40_100n, 40_100n]);
  await clients[0]?.objects.truncate(of(1), 9000n);
  assert.deepEqual(await read(0, 60_000), expected.subarray(0, 9000));
  await clients[0]?.objects.truncate(of(2), 30_000n);
  expected.fill(0, 9000);
  assert.deepEqual(await read(0, 60_000), expected.subarray(0, 30_000));
});

test('whatever fields a stranger makes up, the OSD answers and goes on', async (context) => {
  const { connection, objects } = await started(context);
  const number64 = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.bigInt({ min: 0n, max: 3n }));
  const number32 = fc.oneof(fc.nat(), fc.integer({ min: 0, max: 2 ** 32 - 1 }));
  const request = fc.record({
    fileId: fc.oneof(fc.constant(fileId), fc.string()),
    objectNumber: number64,
    offset: number32,
    length: number32,
    width: fc.integer({ min: 0, max: 3 }),
    stripeKb: fc.oneof(fc.constantFrom(128, 28), number32),
    signed: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(request, async (fields) => {
      const osdUuids = Array.from({ length: fields.width }, (_, index) => `osd-${index + 1}`);
      const made = credentials({ fileId: fields.fileId, osdUuids, stripeKb: fields.stripeKb });
      const fileCredentials = fields.signed
        ? made
        : { ...made, xcap: { ...made.xcap, serverSignature: 'no' } };
      const calls = [
        objects.read(fileCredentials, fields.objectNumber, fields.offset, fields.length),
        objects.write(
          fileCredentials,
          fields.objectNumber,
          fields.offset,
          Buffer.alloc(fields.length & 4095),
        ),
        objects.truncate(fileCredentials, fields.objectNumber),
      ];
      for (const outcome of await Promise.allSettled(calls)) {
        if (outcome.status === 'fulfilled') continue;
        assert.ok(outcome.reason instanceof RpcError);
        assert.notEqual(outcome.reason.kind, 'internal', outcome.reason.message);
        assert.notEqual(outcome.reason.kind, 'timeout');
      }
    }),
    { numRuns: 200 },
  );
  assert.equal(connection.ended, undefined);
});

test('an OSD of the stripe that cannot be found is told as an outage, which clients wait out', async (context) => {
  const { objects } = await started(context);
  const striped = credentials({ fileId, osdUuids: ['osd-1', 'osd-of-nobody'] });
  await objects.write(striped, 0, 0, Buffer.from('beginning'));
  await assert.rejects(objects.read(striped, 0, 0, 100), refused('EHOSTUNREACH'));
  const cut = credentials({ fileId, osdUuids: ['osd-1', 'osd-of-nobody'], xcap: { truncateEpoch: 1 } });
  await assert.rejects(objects.truncate(cut, 5n), refused('EHOSTUNREACH'));
});
