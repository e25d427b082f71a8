import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { writeFileAtomically } from './atomic-file.ts';

describe('an atomically written file', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'xos-atomic-'));
  });
  after(() => rm(directory, { recursive: true }));

  it('has the content and mode asked for, whatever the umask', async () => {
    const path = join(directory, 'a');
    const umask = process.umask(0o077);
    try {
      await writeFileAtomically(path, 'one', { mode: 0o644 });
      await writeFileAtomically(path, Buffer.from('two'), { mode: 0o640, uid: 0, gid: 0 });
    } finally {
      process.umask(umask);
    }
    assert.equal(await readFile(path, 'utf8'), 'two');
    assert.equal((await stat(path)).mode & 0o7777, 0o640);
  });

  it('is always one content or the other to a reader', async () => {
    const path = join(directory, 'b');
    const contents = ['x'.repeat(100_000), 'y'.repeat(50_000)];
    await writeFileAtomically(path, contents[0] ?? '');
    let writing = true;
    const writer = (async () => {
      for (let index = 0; index < 50; index += 1) await writeFileAtomically(path, contents[index % 2] ?? '');
      writing = false;
    })();
    let reads = 0;
    while (writing) {
      assert.ok(contents.includes(await readFile(path, 'utf8')));
      reads += 1;
    }
    await writer;
    assert.ok(reads > 0);
  });

  it('replaces a symbolic link rather than what it points to', async () => {
    const victim = join(directory, 'victim');
    await writeFile(victim, 'precious');
    await symlink(victim, join(directory, 'link'));
    await writeFileAtomically(join(directory, 'link'), 'new');
    assert.equal(await readFile(victim, 'utf8'), 'precious');
    assert.equal(await readFile(join(directory, 'link'), 'utf8'), 'new');
  });

  it('leaves nothing behind when it fails', async () => {
    await mkdir(join(directory, 'taken/full'), { recursive: true });
    await assert.rejects(writeFileAtomically(join(directory, 'taken'), 'x'));
    await assert.rejects(writeFileAtomically(join(directory, 'missing/x'), 'x'), /ENOENT/);
    assert.deepEqual(
      (await readdir(directory)).filter((name) => name.endsWith('.tmp')),
      [],
    );
  });
});
