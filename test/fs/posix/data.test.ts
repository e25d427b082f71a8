/** Bytes: read, write, append, holes, fallocate, copies, mappings. POSIX.1-2024, and the man pages of Linux. */
import assert from 'node:assert/strict';
import { bytesOf, type Caller, open } from '../calls/caller.ts';
import { gives, makeFile, marks, posixTest, statusAt } from '../posix-test.ts';

const create = open.both | open.create;
const keepSize = 1;
const punch = 2;
const zeroRange = 16;
const [data, hole] = [3, 4];

async function read(caller: Caller, file: string, offset: number, length: number): Promise<Buffer> {
  return bytesOf((await caller.values('pread', file, offset, length))[1]);
}

posixTest('what was written is read, across every boundary', async ({ alice }) => {
  const file = await alice.done('open', 'f', create, 0o644);
  const expected = Buffer.alloc(1_100_000);
  const boundaries = [0, 1, 511, 4095, 4096, 65_535, 131_071, 131_072, 262_143, 524_288, 1_048_575];
  for (const [index, offset] of boundaries.entries()) {
    const content = Buffer.alloc(3000 + index, index + 1);
    content.copy(expected, offset);
    assert.equal(Number(await alice.done('pwrite', file, offset, content)), content.length);
  }
  const size = 1_048_575 + 3010;
  assert.equal((await statusAt(alice, 'f')).size, size);
  assert.ok((await read(alice, file, 0, 2_000_000)).equals(expected.subarray(0, size)));
  for (const offset of boundaries)
    assert.ok((await read(alice, file, offset, 777)).equals(expected.subarray(offset, offset + 777)));
  assert.equal((await read(alice, file, size, 10)).length, 0);
  assert.equal((await read(alice, file, size - 4, 10)).length, 4);
});

posixTest('read and write move the offset, pread and pwrite do not', async ({ alice }) => {
  const file = await alice.done('open', 'f', create, 0o644);
  await alice.done('write', file, 'abcdef');
  await alice.done('pwrite', file, 0, 'X');
  await alice.done('write', file, 'g');
  assert.equal(await alice.done('lseek', file, 0, 1), '7');
  await alice.done('lseek', file, 2, 0);
  assert.equal((await alice.values('read', file, 3))[1], 'cde');
  assert.equal(await alice.done('lseek', file, -1, 2), '6');
  await gives('EINVAL', alice, 'lseek', file, -1, 0);
  const same = await alice.done('dup', file);
  await alice.done('lseek', same, 1, 0);
  assert.equal((await alice.values('read', file, 1))[1], 'b');
});

posixTest('O_APPEND writes at the end, whoever else does', async ({ alice, carol }) => {
  await makeFile(alice, 'f', '');
  await alice.done('chmod', 'f', 0o666);
  const [one, two] = [
    await alice.done('open', 'f', open.write | open.append),
    await carol.done('open', 'f', open.write | open.append),
  ];
  for (let round = 0; round < 50; round++)
    await Promise.all([alice.done('write', one, 'a'.repeat(100)), carol.done('write', two, 'c'.repeat(100))]);
  const file = await alice.done('open', 'f', open.read);
  const content = (await read(alice, file, 0, 20_000)).toString();
  assert.equal(content.length, 10_000);
  for (let at = 0; at < content.length; at += 100)
    assert.match(content.slice(at, at + 100), /^(a{100}|c{100})$/);
});

posixTest('write and read mark the times; what is refused', async ({ alice }) => {
  await makeFile(alice, 'f', 'content');
  const file = await alice.done('open', 'f', open.both);
  await marks(alice, 'f', { mtime: true, ctime: true }, () => alice.done('pwrite', file, 0, 'x'));
  await marks(alice, 'f', {}, () => alice.done('pread', file, 0, 3));
  await gives('EBADF', alice, 'pwrite', await alice.done('open', 'f', open.read), 0, 'x');
  await gives('EBADF', alice, 'pread', await alice.done('open', 'f', open.write), 0, 3);
  await gives('EINVAL', alice, 'pwrite', file, -1, 'x');
  await alice.done('mkdir', 'd', 0o755);
  await gives('EISDIR', alice, 'read', await alice.done('open', 'd', open.read), 3);
  await gives('ok', alice, 'fsync', file);
  await gives('ok', alice, 'fdatasync', file);
  await gives('ok', alice, 'syncfs', file);
  await gives('ok', alice, 'fsync', await alice.done('open', 'd', open.read));
});

posixTest('sizes beyond 2^32: a sparse file reads zeros', async ({ alice }) => {
  const file = await alice.done('open', 'f', create, 0o644);
  const far = 2 ** 40 + 12_345;
  await alice.done('pwrite', file, far, 'end');
  await alice.done('pwrite', file, 2 ** 32 - 2, 'four');
  assert.equal((await statusAt(alice, 'f')).size, far + 3);
  assert.equal((await read(alice, file, 2 ** 32 - 4, 8)).toString('latin1'), '\0\0four\0\0');
  assert.equal((await read(alice, file, far - 2, 9)).toString('latin1'), '\0\0end');
  await alice.done('ftruncate', file, 2 ** 32);
  assert.equal((await read(alice, file, 2 ** 32 - 4, 8)).toString('latin1'), '\0\0fo');
  await alice.done('ftruncate', file, 2 ** 33);
  assert.equal((await read(alice, file, 2 ** 32 - 4, 8)).toString('latin1'), '\0\0fo\0\0\0\0');
});

posixTest('what is cut off is zeros when the file grows again', async ({ alice }) => {
  const file = await alice.done('open', 'f', create, 0o644);
  await alice.done('fill', file, 0, 300_000, 7);
  for (const size of [200_001, 131_072, 100_000, 4096, 1]) {
    await alice.done('ftruncate', file, size);
    await alice.done('ftruncate', file, 300_000);
    const content = await read(alice, file, 0, 300_000);
    assert.ok(content.subarray(0, size).every((byte) => byte === 7));
    assert.ok(
      content.subarray(size).every((byte) => byte === 0),
      `beyond ${size}`,
    );
  }
});

posixTest('fallocate: room, size, holes, zeros', async ({ alice }) => {
  const file = await alice.done('open', 'f', create, 0o644);
  await alice.done('fallocate', file, 0, 0, 10_000);
  assert.equal((await statusAt(alice, 'f')).size, 10_000);
  await alice.done('fallocate', file, keepSize, 0, 1_000_000);
  assert.equal((await statusAt(alice, 'f')).size, 10_000);
  await alice.done('fill', file, 0, 300_000, 9);
  await alice.done('fallocate', file, punch | keepSize, 100_000, 100_000);
  let content = await read(alice, file, 0, 300_000);
  assert.ok(content.subarray(0, 100_000).every((byte) => byte === 9));
  assert.ok(content.subarray(100_000, 200_000).every((byte) => byte === 0));
  assert.ok(content.subarray(200_000).every((byte) => byte === 9));
  await alice.done('fallocate', file, zeroRange, 250_000, 100_000);
  content = await read(alice, file, 0, 400_000);
  assert.equal(content.length, 350_000);
  assert.ok(content.subarray(250_000).every((byte) => byte === 0));
  await alice.done('fallocate', file, punch | keepSize, 349_000, 10_000);
  assert.equal((await statusAt(alice, 'f')).size, 350_000);
  await gives('EINVAL', alice, 'fallocate', file, 0, -1, 10);
  await gives('EINVAL', alice, 'fallocate', file, 0, 0, 0);
  await gives(['EOPNOTSUPP', 'EINVAL'], alice, 'fallocate', file, punch, 0, 10);
  await gives('EBADF', alice, 'fallocate', await alice.done('open', 'f', open.read), 0, 0, 10);
});

posixTest('SEEK_DATA and SEEK_HOLE', async ({ alice }) => {
  const file = await alice.done('open', 'f', create, 0o644);
  await alice.done('ftruncate', file, 1 << 24);
  await alice.done('fill', file, 1 << 22, 1 << 20, 5);
  const found = Number(await alice.done('lseek', file, 0, data));
  assert.ok(found <= 1 << 22, `data from ${found}`);
  assert.equal(Number(await alice.done('lseek', file, 1 << 22, data)), 1 << 22);
  const end = Number(await alice.done('lseek', file, 1 << 22, hole));
  assert.ok(end >= (1 << 22) + (1 << 20) && end <= 1 << 24, `a hole from ${end}`);
  assert.equal(Number(await alice.done('lseek', file, (1 << 24) - 1, hole)) >= (1 << 24) - 1, true);
  await gives('ENXIO', alice, 'lseek', file, 1 << 24, data);
  await gives('ENXIO', alice, 'lseek', file, 1 << 24, hole);
});

posixTest(
  'st_blocks tells what is allocated: holes, room beyond the end, what was cut',
  async ({ alice }) => {
    const whole = 1 << 24;
    const part = 1 << 20;
    /** What a file system keeps of the file beside its content. */
    const beside = 1 << 16;
    const file = await alice.done('open', 'f', create, 0o644);
    const allocates = async (bytes: number, what: string) => {
      await alice.done('fsync', file);
      const found = (await statusAt(alice, 'f')).blocks * 512;
      assert.ok(found >= bytes && found <= bytes + beside, `${what}: ${found}, not ${bytes}`);
    };
    await allocates(0, 'an empty file');
    await alice.done('ftruncate', file, whole);
    await allocates(0, 'one that was made longer');
    await alice.done('fill', file, whole / 2, part, 1);
    await allocates(part, 'a part of it was written');
    await alice.done('fill', file, whole + part, part, 2);
    await allocates(2 * part, 'beyond its end too');
    await alice.done('fallocate', file, punch | keepSize, whole / 2, part / 2);
    await allocates(part + part / 2, 'a hole was punched');
    await alice.done('fallocate', file, keepSize, whole / 4, part);
    await allocates(2 * part + part / 2, 'room in a hole');
    await alice.done('fill', file, whole / 4, part, 3);
    await allocates(2 * part + part / 2, 'what was written there takes no more');
    await alice.done('fallocate', file, zeroRange, whole / 4, part);
    await allocates(2 * part + part / 2, 'zeros have room');
    await alice.done('fallocate', file, keepSize, whole + 2 * part, part);
    await allocates(3 * part + part / 2, 'room beyond the end');
    await alice.done('ftruncate', file, whole / 2);
    await allocates(part, 'what was cut');
    await alice.done('fallocate', file, punch | keepSize, whole / 4, part);
    await allocates(0, 'all is a hole');
    await alice.done('fallocate', file, keepSize, 0, part);
    await alice.done('ftruncate', file, 0);
    await allocates(0, 'nothing again');
    await alice.done('fill', file, 0, part, 4);
    await allocates(part, 'and written anew');
  },
);

posixTest('copy_file_range copies within and between files', async ({ alice }) => {
  await makeFile(alice, 'from', 'abcdefghij'.repeat(1000));
  const from = await alice.done('open', 'from', open.read);
  const to = await alice.done('open', 'to', create, 0o644);
  assert.equal(Number(await alice.done('copy_file_range', from, 5, to, 2, 7000)), 7000);
  const copied = await read(alice, to, 0, 10_000);
  assert.equal(copied.length, 7002);
  assert.equal(copied.subarray(0, 7).toString('latin1'), '\0\0fghij');
  assert.equal(Number(await alice.done('copy_file_range', from, 9990, to, 0, 7000)), 10);
  assert.equal(Number(await alice.done('copy_file_range', from, 10_000, to, 0, 7000)), 0);
  assert.equal(Number(await alice.done('copy_file_range', to, 0, to, 10_000, 100)), 100);
  await gives('EINVAL', alice, 'copy_file_range', to, 0, to, 50, 100); // it overlaps
  await gives('EBADF', alice, 'copy_file_range', to, 0, from, 50, 100);
});

posixTest('shared mappings and calls see each other', async ({ alice }) => {
  const file = await alice.done('open', 'f', create, 0o644);
  await alice.done('fill', file, 0, 200_000, 1);
  await alice.done('mapwrite', file, 4090, 'across a page');
  assert.equal((await read(alice, file, 4090, 13)).toString(), 'across a page');
  await alice.done('pwrite', file, 131_070, 'by a call');
  assert.equal(bytesOf((await alice.values('mapread', file, 131_070, 9))[1]).toString(), 'by a call');
  const other = await alice.done('open', 'f', open.both);
  assert.equal((await read(alice, other, 4090, 13)).toString(), 'across a page');
  await gives('EACCES', alice, 'mapwrite', await alice.done('open', 'f', open.read), 0, 'x');
});

posixTest('O_DIRECT reads and writes whole blocks', async ({ alice, path }) => {
  const opened = await alice.call('open', 'f', create | open.direct, 0o644);
  if (opened.result === 'EINVAL') {
    assert.match(path, /tmpfs/, 'only tmpfs has no O_DIRECT');
    return;
  }
  const [file = ''] = opened.values;
  // calls' buffer is aligned to nothing in particular: what is refused must say EINVAL, what is taken must be right.
  const wrote = await alice.call('fill', file, 0, 65_536, 3);
  assert.ok(['ok', 'EINVAL'].includes(wrote.result), wrote.result);
  if (wrote.result === 'ok') {
    const normal = await alice.done('open', 'f', open.read);
    assert.ok((await read(alice, normal, 0, 65_536)).every((byte) => byte === 3));
  }
});
