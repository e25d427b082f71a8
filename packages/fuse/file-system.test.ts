/** Every request of the kernel, by real system calls on a mounted file system. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { constants } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { getXattr, listXattr, removeXattr, setXattr } from '../../native/sys/index.ts';
import {
  type MountedServer,
  type PrivateNamespace,
  privateNamespace,
  serveMemory,
} from './fixtures/private-mount.ts';
import { buildSystemCalls, type SystemCalls } from './fixtures/system-calls.ts';

const run = promisify(execFile);
let space: PrivateNamespace;
let server: MountedServer;
let calls: SystemCalls;
const at = (...names: readonly string[]) => path.join(space.outside, ...names);

before(async () => {
  [space, calls] = await Promise.all([privateNamespace(), buildSystemCalls()]);
  server = await serveMemory(space);
});
after(async () => {
  await server.command({ do: 'unmount' }).catch(() => undefined);
  const { how, destroyed, errors } = await server.ended();
  await space.end();
  await calls.remove();
  assert.deepEqual({ how, destroyed, errors }, { how: 'unmounted', destroyed: 1, errors: [] });
});

test('the mount shows what it is', async () => {
  const table = await fs.readFile(`/proc/${space.pid}/mountinfo`, 'utf8');
  const line = table.split('\n').find((text) => text.includes(space.mountPoint)) ?? '';
  assert.match(
    line,
    / - fuse\.memory memory rw,user_id=0,group_id=0,default_permissions,allow_other,max_read=1048576$/,
  );
  assert.equal(server.started.guarded, true);
});

test('files: written, read, appended to, cut, removed', async () => {
  await fs.writeFile(at('file'), 'one\n', { flag: 'wx', mode: 0o640 });
  await assert.rejects(fs.writeFile(at('file'), '', { flag: 'wx' }), { code: 'EEXIST' });
  await fs.appendFile(at('file'), 'two\n');
  assert.equal(await fs.readFile(at('file'), 'utf8'), 'one\ntwo\n');
  await fs.truncate(at('file'), 2);
  await fs.truncate(at('file'), 5);
  assert.deepEqual(await fs.readFile(at('file')), Buffer.from('on\0\0\0'));
  await fs.writeFile(at('file'), 'new');
  assert.equal((await fs.stat(at('file'))).size, 3);
  await fs.unlink(at('file'));
  await assert.rejects(fs.stat(at('file')), { code: 'ENOENT' });
});

test('a file without a name any more lives as long as it is open', async () => {
  const handle = await fs.open(at('gone'), 'w+');
  await fs.unlink(at('gone'));
  await handle.write('still here');
  assert.equal((await handle.stat()).nlink, 0);
  assert.equal((await handle.read(Buffer.alloc(20), 0, 20, 0)).bytesRead, 10);
  await handle.close();
});

test('mode, owner and times are kept to the nanosecond, and before 1970', async () => {
  await fs.writeFile(at('owned'), 'x');
  await fs.chmod(at('owned'), 0o6755);
  await fs.chown(at('owned'), 1234, 4_294_967_290);
  const found = await fs.stat(at('owned'));
  assert.deepEqual(
    [found.mode & 0o7777, found.uid, found.gid],
    [0o755, 1234, 4_294_967_290],
    'chown took setuid away',
  );
  await run('touch', ['-a', '-d', '1969-12-31T23:59:54.5Z', at('owned')]);
  await run('touch', ['-m', '-d', '2096-10-02T07:06:40Z', at('owned')]);
  const { mtimeMs, atimeMs } = await fs.stat(at('owned'));
  assert.deepEqual([atimeMs, mtimeMs], [-5500, 4_000_000_000_000]);
  await run('touch', ['-d', '2001-02-03T04:05:06.123456789Z', at('owned')]);
  assert.equal((await fs.stat(at('owned'), { bigint: true })).mtimeNs, 981173106123456789n);
  assert.equal((await calls.run('birth', at('owned'))).split(' ')[0], '1');
});

test('directories, links, symbolic links, devices, pipes', async () => {
  await fs.mkdir(at('directory', 'deep', 'deeper'), { recursive: true });
  assert.equal((await fs.stat(at('directory'))).nlink, 3);
  await assert.rejects(fs.rmdir(at('directory')), { code: 'ENOTEMPTY' });
  await fs.writeFile(at('directory', 'file'), 'linked');
  await fs.link(at('directory', 'file'), at('directory', 'deep', 'hard'));
  assert.equal((await fs.stat(at('directory', 'file'))).nlink, 2);
  await fs.symlink('deep/hard', at('directory', 'soft'));
  assert.equal(await fs.readlink(at('directory', 'soft')), 'deep/hard');
  assert.equal(await fs.readFile(at('directory', 'soft'), 'utf8'), 'linked');
  await run('mkfifo', [at('directory', 'pipe')]);
  await run('mknod', [at('directory', 'device'), 'c', '1', '3']);
  assert.equal((await fs.stat(at('directory', 'device'))).rdev, 0x103);
  await fs.writeFile(at('directory', 'device'), 'into /dev/null');
  const names = await fs.readdir(at('directory'), { withFileTypes: true });
  assert.deepEqual(
    names
      .map((entry) => [entry.name, entry.isFIFO(), entry.isCharacterDevice(), entry.isSymbolicLink()])
      .sort(),
    [
      ['deep', false, false, false],
      ['device', false, true, false],
      ['file', false, false, false],
      ['pipe', true, false, false],
      ['soft', false, false, true],
    ],
  );
  await fs.rm(at('directory'), { recursive: true });
  assert.equal((await fs.stat(at())).nlink, 2);
});

test('rename replaces, refuses to and exchanges', async () => {
  await fs.writeFile(at('a'), 'a');
  await fs.writeFile(at('b'), 'b');
  assert.equal(await calls.run('rename', at('a'), at('b'), '1'), 'failed: renameat2 EEXIST');
  assert.equal(await calls.run('rename', at('a'), at('b'), '2'), 'renamed');
  assert.equal(await fs.readFile(at('a'), 'utf8'), 'b');
  assert.equal(await calls.run('rename', at('a'), at('b'), '4'), 'failed: renameat2 EINVAL');
  await fs.rename(at('a'), at('b'));
  assert.equal(await fs.readFile(at('b'), 'utf8'), 'b');
  await assert.rejects(fs.stat(at('a')), { code: 'ENOENT' });
});

test('names of 255 bytes of any encoding', async () => {
  const directory = Buffer.from(`${at('names')}/`);
  await fs.mkdir(directory);
  const names = [
    Buffer.alloc(255, 0xff),
    Buffer.from('\u{1f600}'.repeat(63)),
    Buffer.from([1, 0x80, 0xc0, 10]),
    Buffer.alloc(255, 'n'),
  ];
  for (const name of names) await fs.writeFile(Buffer.concat([directory, name]), name);
  const found = await fs.readdir(directory, { encoding: 'buffer' });
  assert.deepEqual(found.map(String).sort(), names.map(String).sort());
  for (const name of names) assert.deepEqual(await fs.readFile(Buffer.concat([directory, name])), name);
  await assert.rejects(fs.writeFile(Buffer.concat([directory, Buffer.alloc(256, 'n')]), ''), {
    code: 'ENAMETOOLONG',
  });
});

test('sizes and offsets beyond 2^32, holes', async () => {
  const handle = await fs.open(at('large'), 'w+');
  const far = 5 * 2 ** 32 + 7;
  await handle.write('far', far);
  assert.equal((await handle.stat()).size, far + 3);
  assert.equal((await handle.read(Buffer.alloc(3), 0, 3, far)).buffer.toString(), 'far');
  assert.deepEqual((await handle.read(Buffer.alloc(9), 0, 9, 2 ** 33)).buffer, Buffer.alloc(9));
  await handle.truncate(2 ** 52);
  assert.equal((await handle.stat()).size, 2 ** 52);
  await handle.close();
  assert.equal(await calls.run('holes', at('holes')), `${128 << 10} ${1 << 20} -1`);
  assert.equal(await calls.run('allocate', at('allocated')), `${1 << 20} ${1 << 20} a000ef EOPNOTSUPP`);
});

test('1 MiB at once, by page cache, mapping and O_DIRECT', async () => {
  const content = randomBytes(9 << 20);
  const handle = await fs.open(at('big'), 'w+');
  for (let offset = 0; offset < content.length; offset += 1 << 20)
    await handle.write(content, offset, 1 << 20, offset);
  await handle.datasync();
  await handle.close();
  const hash = createHash('sha256').update(content).digest('hex');
  assert.equal(
    createHash('sha256')
      .update(await fs.readFile(at('big')))
      .digest('hex'),
    hash,
  );
  assert.equal(
    await calls.run('copy', at('big'), at('copied'), String(content.length)),
    String(content.length),
  );
  assert.equal(
    createHash('sha256')
      .update(await fs.readFile(at('copied')))
      .digest('hex'),
    hash,
  );
  assert.equal(await calls.run('mmap', at('mapped')), 'same');
  assert.equal(await calls.run('direct', at('direct')), 'same');
});

test('a directory of 100,000 entries is listed, by seeks too', { timeout: 120_000 }, async () => {
  await server.command({ do: 'populate', name: 'many', count: 100_000 });
  assert.equal((await fs.readdir(at('many'))).length, 100_000);
  assert.equal(await calls.run('seek-directory', at('many')), '100002');
  await server.command({ do: 'remove', name: 'many' });
});

test('extended attributes have their sizes', async () => {
  await fs.writeFile(at('attributes'), 'x');
  setXattr(at('attributes'), 'user.small', Buffer.from('value'));
  setXattr(at('attributes'), 'user.large', Buffer.alloc(65_536, 'v'));
  setXattr(at('attributes'), 'user.empty', Buffer.alloc(0));
  assert.equal(getXattr(at('attributes'), 'user.small')?.toString(), 'value');
  assert.equal(getXattr(at('attributes'), 'user.large')?.length, 65_536);
  assert.equal(getXattr(at('attributes'), 'user.empty')?.length, 0);
  assert.equal(getXattr(at('attributes'), 'user.none'), null);
  assert.throws(() => setXattr(at('attributes'), 'user.small', Buffer.from('x'), { mode: 'create' }), {
    code: 'EEXIST',
  });
  assert.deepEqual([...listXattr(at('attributes'))].sort(), ['user.empty', 'user.large', 'user.small']);
  removeXattr(at('attributes'), 'user.large');
  assert.deepEqual([...listXattr(at('attributes'))].sort(), ['user.empty', 'user.small']);
});

test('locks of fcntl and flock are held, tested, waited for and dropped with their owner', async () => {
  await fs.writeFile(at('locked'), 'x');
  const holder = calls.start('lock', at('locked'), '10', '5');
  assert.equal(await holder.line(), 'locked');
  assert.equal(await calls.run('try-lock', at('locked'), '0', '10'), 'free');
  assert.equal(await calls.run('try-lock', at('locked'), '12', '100'), `${holder.process.pid} 10 5`);
  const waiter = calls.start('lock', at('locked'), '0', '0');
  holder.process.kill('SIGKILL');
  assert.equal(await waiter.line(), 'locked');
  waiter.process.stdin.end();
  await once(waiter.process, 'exit');
  assert.equal(await calls.run('try-lock', at('locked'), '0', '0'), 'free');

  const flock = calls.start('flock', at('locked'));
  assert.equal(await flock.line(), 'locked');
  assert.equal(await calls.run('flock-now', at('locked')), 'failed: flock EAGAIN');
  flock.process.stdin.end();
  await once(flock.process, 'exit');
  const again = calls.start('flock-now', at('locked'));
  assert.equal(await again.line(), 'locked');
  again.process.stdin.end();
});

test('files without a name, handles that outlive the cache, what asks nothing', async () => {
  assert.equal(await calls.run('temporary', at(), at('named')), 'linked');
  assert.equal(await fs.readFile(at('named'), 'utf8'), 'nameless');
  assert.equal(await calls.run('handle', at(), 'named'), 'nameless');
  assert.equal(
    await calls.run('others', at('named')),
    'ioctl ENOTTY, poll 5, syncfs 0, fsync 0, fdatasync 0, name 255',
  );
  await fs.access(at('named'), constants.R_OK);
  const directory = await fs.open(at(), constants.O_RDONLY | constants.O_DIRECTORY);
  await directory.sync();
  await directory.close();
});

test('many at once', { timeout: 60_000 }, async () => {
  await fs.mkdir(at('many-writers'));
  const script =
    'i=0; while [ $i -lt 40 ]; do i=$((i+1)); f="$1/$2-$i"; echo "$2 $i" > "$f.new" && mv "$f.new" "$f" && cat "$f"; done | sort | uniq | wc -l';
  const outputs = await Promise.all(
    Array.from({ length: 12 }, (_, worker) =>
      run('sh', ['-c', script, 'sh', at('many-writers'), `w${worker}`]),
    ),
  );
  assert.deepEqual(
    outputs.map(({ stdout }) => stdout.trim()),
    new Array(12).fill('40'),
  );
  assert.equal((await fs.readdir(at('many-writers'))).length, 480);
});

test('nothing is held for who has forgotten', async () => {
  await run('sh', ['-c', `rm -rf ${at()}/*`]);
  await fs.writeFile('/proc/sys/vm/drop_caches', '2');
  for (let round = 0; round < 50; round++) {
    const { nodes, openings } = await server.state();
    if (nodes === 1 && openings === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const { nodes, openings, pending } = await server.state();
  assert.deepEqual({ nodes, openings, pending }, { nodes: 1, openings: 0, pending: 0 });
});
