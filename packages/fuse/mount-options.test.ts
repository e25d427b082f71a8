import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { createMemoryFileSystem } from './fixtures/memory-file-system.ts';
import { type MountedServer, privateNamespace, serveMemory } from './fixtures/private-mount.ts';
import { mountFuse } from './index.ts';

const run = promisify(execFile);
/** Somebody without any right of root. */
const asNobody = [
  'setpriv',
  '--reuid=65534',
  '--regid=65534',
  '--clear-groups',
  '--bounding-set=-all',
] as const;

async function mounted(
  options: Parameters<typeof serveMemory>[1],
  body: (at: (name: string) => string, server: MountedServer) => Promise<void>,
): Promise<void> {
  const space = await privateNamespace();
  try {
    const server = await serveMemory(space, options);
    await body((name) => path.join(space.outside, name), server);
    await server.command({ do: 'unmount' });
    await server.ended();
  } finally {
    await space.end();
  }
}

/** Enters the directory as root: its parents are not for others. */
async function nobody(directory: string, ...command: readonly string[]): Promise<string> {
  const [program, ...words] = [...asNobody, ...command];
  return (await run(program, words, { cwd: directory })).stdout;
}

const refused = (pattern: RegExp) => (error: unknown) =>
  pattern.test(String((error as { stderr?: string }).stderr));

test('permissions are checked by the kernel, for all users or for one', async () => {
  await mounted({}, async (at) => {
    await fs.writeFile(at('open'), 'everybody');
    await fs.writeFile(at('closed'), 'root', { mode: 0o600 });
    assert.equal(await nobody(at(''), 'cat', 'open'), 'everybody');
    await assert.rejects(nobody(at(''), 'cat', 'closed'), refused(/Permission denied/));
    await assert.rejects(nobody(at(''), 'touch', 'new'), refused(/Permission denied/));
  });
  await mounted({ defaultPermissions: false }, async (at) => {
    await fs.writeFile(at('closed'), 'root', { mode: 0o600 });
    assert.equal(await nobody(at(''), 'cat', 'closed'), 'root', 'the file system would have to refuse');
  });
  await mounted({ allowOther: false }, async (at) => {
    await fs.writeFile(at('open'), 'everybody');
    await assert.rejects(nobody(at(''), 'cat', 'open'), refused(/Permission denied/));
  });
});

test('read-only, without programs, with small writes', async () => {
  await mounted({ readOnly: true }, async (at) => {
    await assert.rejects(fs.writeFile(at('file'), 'x'), { code: 'EROFS' });
  });
  await mounted({ noExec: true, maxWriteBytes: 8192 }, async (at) => {
    await fs.copyFile('/bin/true', at('program'));
    await fs.chmod(at('program'), 0o755);
    await assert.rejects(run(at('program'), []), { code: 'EACCES' });
    assert.deepEqual(await fs.readFile(at('program')), await fs.readFile('/bin/true'));
  });
  await mounted({ readdirplus: 'never', exportSupport: false, cacheSymlinks: false }, async (at) => {
    await fs.writeFile(at('file'), 'x');
    assert.deepEqual(await fs.readdir(at('')), ['file']);
  });
  await mounted({ readdirplus: 'always' }, async (at) => {
    await fs.writeFile(at('file'), 'x');
    assert.deepEqual(await fs.readdir(at('')), ['file']);
  });
});

test('POSIX ACLs are kept by the file system and checked by the kernel', async () => {
  await mounted({ posixAcl: true }, async (at) => {
    await fs.writeFile(at('file'), 'secret', { mode: 0o600 });
    await run('setfacl', ['-m', 'u:65534:r', at('file')]);
    assert.match((await run('getfacl', ['-cn', at('file')])).stdout, /user:65534:r--/);
    assert.equal((await fs.stat(at('file'))).mode & 0o777, 0o640);
    await run('setfacl', ['-b', at('file')]);
    assert.doesNotMatch((await run('getfacl', ['-cn', at('file')])).stdout, /65534/);
  });
});

test('a place that cannot be mounted on is said, and nothing stays', async () => {
  const operations = createMemoryFileSystem();
  const mountPoint = '/xos-no-such-directory';
  await assert.rejects(mountFuse({ mountPoint, source: 'memory', operations }), {
    code: 'ENOENT',
    path: mountPoint,
  });
  await assert.rejects(mountFuse({ mountPoint: '/dev/null', source: 'memory', operations }), {
    code: 'ENOTDIR',
  });
  await assert.rejects(
    mountFuse({ mountPoint, source: 'memory', operations, maxWriteBytes: 100 }),
    RangeError,
  );
  const descriptors = await fs.readdir('/proc/self/fd');
  for (const descriptor of descriptors)
    assert.notEqual(await fs.readlink(`/proc/self/fd/${descriptor}`).catch(() => ''), '/dev/fuse');
});
