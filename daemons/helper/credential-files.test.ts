import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, fstatSync, readFileSync, writeSync } from 'node:fs';
import {
  appendFile,
  link,
  mkdir,
  mkdtemp,
  readdir,
  rename,
  rm,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { isXosError } from '@xtreemos/base';
import { seals } from '@xtreemos/native-sys';
import { type CredentialFiles, createCredentialFiles } from './credential-files.ts';

let directory: string;
let media: string;
let stick: string;
let files: CredentialFiles;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'xos-credentials-'));
  media = join(directory, 'media');
  stick = join(media, 'alice/My Stick');
  await mkdir(stick, { recursive: true });
  await mkdir(join(directory, 'site'));
  await writeFile(join(stick, 'alice.p12'), 'PKCS12');
  files = createCredentialFiles({
    directories: [media, join(directory, 'site'), join(directory, 'absent')],
    sizeLimitBytes: 4096,
    timeoutMs: 60_000,
  });
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function content(name: string): Promise<string> {
  const { descriptor, sizeBytes } = await files.open(name);
  try {
    assert.equal(fstatSync(descriptor).size, sizeBytes);
    return readFileSync(descriptor, 'utf8');
  } finally {
    closeSync(descriptor);
  }
}

async function refuses(name: string, code: string): Promise<void> {
  const before = (await readdir('/proc/self/fd')).length;
  await assert.rejects(files.open(name), (error) => isXosError(error) && error.code === code, name);
  assert.equal((await readdir('/proc/self/fd')).length, before, `${name}: descriptors leaked`);
}

test('credential files are listed to the third level, by extension, and nothing else', async () => {
  await writeFile(join(media, 'top.PEM'), '');
  await writeFile(join(stick, 'notes.txt'), '');
  await mkdir(join(stick, 'deeper'));
  await writeFile(join(stick, 'deeper/hidden.p12'), '');
  await symlink('/etc', join(media, 'etc'));
  await symlink(join(stick, 'alice.p12'), join(stick, 'link.p12'));
  const { files: found, truncated } = await files.list();
  assert.deepEqual(found.map(({ name }) => name).sort(), ['alice/My Stick/alice.p12', 'top.PEM']);
  assert.equal(truncated, false);
});

test('a file is found by its listed name, its absolute path, its bare name, and without extension', async () => {
  for (const name of ['alice/My Stick/alice.p12', join(stick, 'alice.p12'), 'alice.p12', 'alice']) {
    assert.equal(await content(name), 'PKCS12');
  }
});

test('of several files of one name none is taken', async () => {
  await mkdir(join(media, 'bob/stick'), { recursive: true });
  await writeFile(join(media, 'bob/stick/alice.p12'), 'other');
  await assert.rejects(files.open('alice.p12'), (error) => {
    assert.ok(isXosError(error, 'XOS_CREDENTIAL_AMBIGUOUS'));
    assert.equal((error.details['choices'] as string[]).length, 2);
    return true;
  });
});

test('links, FIFOs, devices, directories, large and wrongly named files are refused at once', async () => {
  await symlink('/etc/shadow', join(stick, 'link.pem'));
  await symlink(directory, join(media, 'way'));
  await writeFile(join(directory, 'outside.pem'), 'x');
  execFileSync('mkfifo', [join(stick, 'fifo.pem')]);
  execFileSync('mknod', [join(stick, 'zero.pem'), 'c', '1', '5']);
  await mkdir(join(stick, 'dir.pem'));
  await writeFile(join(stick, 'large.pem'), 'x'.repeat(4097));
  await writeFile(join(stick, 'notes.txt'), 'x');
  for (const name of ['link.pem', 'fifo.pem', 'zero.pem', 'large.pem', 'notes.txt']) {
    await refuses(join(stick, name), 'XOS_PATH_REFUSED');
  }
  await refuses(join(stick, 'dir.pem'), 'XOS_PATH_REFUSED');
  await refuses(join(media, 'way/outside.pem'), 'XOS_PATH_REFUSED');
  await refuses('way/outside.pem', 'XOS_PATH_REFUSED');
  await refuses('/etc/ssl/private/key.pem', 'XOS_PATH_REFUSED');
  await refuses(`${media}x/key.pem`, 'XOS_PATH_REFUSED');
  await refuses(join(stick, 'deeper/than/allowed.pem'), 'XOS_PATH_REFUSED');
  await refuses('nothing.pem', 'XOS_CREDENTIAL_MISSING');
  await refuses(join(stick, 'nothing.pem'), 'XOS_CREDENTIAL_MISSING');
});

test('what is handed over is a sealed copy that no change of the file reaches', async () => {
  const { descriptor } = await files.open('alice');
  try {
    await appendFile(join(stick, 'alice.p12'), 'GROWN');
    await unlink(join(stick, 'alice.p12'));
    assert.deepEqual([...seals(descriptor)].sort(), ['grow', 'seal', 'shrink', 'write']);
    assert.throws(() => writeSync(descriptor, 'x'), { code: 'EPERM' });
    assert.equal(readFileSync(descriptor, 'utf8'), 'PKCS12');
  } finally {
    closeSync(descriptor);
  }
});

test('a name exchanged for a link while it is opened never leads outside', async () => {
  await mkdir(join(directory, 'secret'));
  await writeFile(join(directory, 'secret/alice.p12'), 'SECRET');
  await link(join(stick, 'alice.p12'), join(directory, 'keep'));
  let isDone = false;
  const swapping = (async () => {
    while (!isDone) {
      await rename(stick, `${stick}.away`);
      await symlink(join(directory, 'secret'), stick);
      await unlink(stick);
      await rename(`${stick}.away`, stick);
    }
  })();
  let opened = 0;
  try {
    for (let round = 0; round < 400 || (opened === 0 && round < 5_000); round++) {
      try {
        assert.equal(await content(join(stick, 'alice.p12')), 'PKCS12');
        opened++;
      } catch (error) {
        assert.ok(isXosError(error) && /MISSING|PATH_REFUSED/.test(error.code), String(error));
      }
    }
  } finally {
    isDone = true;
    await swapping;
  }
  assert.ok(opened > 0);
});

test('a medium that shuts root out hides no other', () => {
  const script = `
    mkdir "${media}/alice/broken" && exec 7<>/dev/fuse &&
    mount -i -t fuse -o fd=7,rootmode=40000,user_id=65533,group_id=65533 fuse "${media}/alice/broken" && exec 7>&- &&
    exec ${process.execPath} --input-type=module --eval '
      import { createCredentialFiles } from "${import.meta.dirname}/credential-files.ts";
      const files = createCredentialFiles({ directories: ["${media}"], sizeLimitBytes: 4096, timeoutMs: 5000 });
      console.log((await files.list()).files.map(({ name }) => name).join());
    '`;
  const output = execFileSync('unshare', ['--mount', 'bash', '-c', script], { encoding: 'utf8' });
  assert.equal(output, 'alice/My Stick/alice.p12\n');
});

test('at most 128 files are listed, and the list says that there were more', async () => {
  for (let index = 0; index < 140; index++) await writeFile(join(media, `${index}.pem`), '');
  const { files: found, truncated } = await files.list();
  assert.equal(found.length, 128);
  assert.equal(truncated, true);
});

test('who waits too long gives up, and who came later is served when the medium answers', async () => {
  const impatient = createCredentialFiles({ directories: [media], sizeLimitBytes: 4096, timeoutMs: 200 });
  const opened = await Promise.allSettled(Array.from({ length: 3000 }, () => impatient.open('alice')));
  for (const one of opened) if (one.status === 'fulfilled') closeSync(one.value.descriptor);
  assert.ok(opened.every((one) => one.status === 'fulfilled' || isXosError(one.reason, 'XOS_TIMEOUT')));
  assert.ok(opened.some((one) => one.status === 'rejected'));
  assert.equal(await impatient.list().then(({ files: found }) => found.length), 1);
});

test('a thousand requests at once are all answered, and leave no descriptor', async () => {
  await content('alice');
  const before = (await readdir('/proc/self/fd')).length;
  const answers = await Promise.all(Array.from({ length: 1000 }, () => content('alice')));
  assert.ok(answers.every((answer) => answer === 'PKCS12'));
  assert.equal((await readdir('/proc/self/fd')).length, before);
});
