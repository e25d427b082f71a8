import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { getgrgid, getgrnam, getgrouplist, getpwnam, getpwuid } from './index.ts';

const module = new URL('./index.ts', import.meta.url).href;

test('root is found by name and by number', async () => {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((one) => one.startsWith('root:'));
  const [name, password, uid, gid, gecos, home, shell] = line?.split(':') ?? [];
  const expected = { name, password, uid: Number(uid), gid: Number(gid), gecos, home, shell };
  assert.deepEqual(await getpwnam('root'), expected);
  assert.deepEqual(await getpwuid(0), expected);
  assert.equal((await getgrgid(0))?.name, 'root');
  assert.equal((await getgrnam('root'))?.gid, 0);
});

test('who is not there is null', async () => {
  for (const name of [
    'xos-nobody-has-this-name',
    '',
    'x'.repeat(300),
    'x'.repeat(4096),
    '../etc',
    'a:b',
    'ä\u{1f600}\n',
  ]) {
    assert.equal(await getpwnam(name), null, name);
    assert.equal(await getgrnam(name), null, name);
  }
  assert.equal(await getpwuid(4_294_967_295), null);
  assert.equal(await getgrgid(2_013_265_919), null);
  assert.deepEqual(await getgrouplist('xos-nobody-has-this-name', 7), [7]);
});

test('arguments that are no name and no id are refused', async () => {
  for (const name of [undefined, null, 7, {}, [], Symbol('x'), Buffer.from('root')]) {
    await assert.rejects(getpwnam(name as string), TypeError);
    await assert.rejects(getgrnam(name as string), TypeError);
    await assert.rejects(getgrouplist(name as string, 0), TypeError);
  }
  for (const id of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 32]) {
    await assert.rejects(getpwuid(id), RangeError);
    await assert.rejects(getgrgid(id), RangeError);
    await assert.rejects(getgrouplist('root', id), RangeError);
  }
  await assert.rejects(getpwuid('0' as unknown as number), TypeError);
  await assert.rejects(getpwnam('root\0x'), RangeError);
  await assert.rejects(getpwnam('x'.repeat(4097)), RangeError);
  await assert.rejects(getpwnam('x'.repeat(100_000_000)), RangeError);
});

test('a thousand look-ups at once', async () => {
  const entries = await Promise.all(
    Array.from({ length: 1_000 }, (_, index) => getpwuid(index % 2 === 0 ? 0 : 999_999)),
  );
  assert.equal(entries.filter((entry) => entry?.name === 'root').length, 500);
  assert.equal(entries.filter((entry) => entry === null).length, 500);
});

test('a worker stopped in the middle of look-ups does no harm', async () => {
  for (let round = 0; round < 5; round++) {
    const worker = new Worker(
      `import(require('node:worker_threads').workerData).then(({ getpwnam }) => {
         for (let index = 0; index < 500; index++) getpwnam('xos-nobody-' + index);
         require('node:worker_threads').parentPort.postMessage('started');
       });`,
      { eval: true, workerData: module },
    );
    await new Promise((resolve) => worker.once('message', resolve));
    await worker.terminate();
  }
  assert.equal((await getpwuid(0))?.name, 'root');
});

/** Runs a program that has other files in place of the host's passwd and group (nss_wrapper(1)); its output as JSON. */
function withFiles(passwd: string, group: string, program: string): unknown {
  const directory = mkdtempSync(join(tmpdir(), 'xos-nss-'));
  try {
    writeFileSync(join(directory, 'passwd'), passwd);
    writeFileSync(join(directory, 'group'), group);
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      ['--input-type=module', '-e', `const nss = await import(process.argv[1]); ${program}`, module],
      {
        encoding: 'utf8',
        env: {
          ...process.env,
          // After what is there already: a sanitizer insists on being the first.
          LD_PRELOAD: [process.env['LD_PRELOAD'] ?? '', 'libnss_wrapper.so'].join(' ').trim(),
          NSS_WRAPPER_PASSWD: join(directory, 'passwd'),
          NSS_WRAPPER_GROUP: join(directory, 'group'),
        },
      },
    );
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

test('buffers grow for a group of thousands, and no further than 1 MiB', () => {
  const members = (count: number) => Array.from({ length: count }, (_, index) => `user${index}`);
  const group = `large:x:5000:${members(40_000)}\nhuge:x:5001:${members(100_000)}\n`;
  const program = `
    const large = await nss.getgrnam('large');
    const huge = await nss.getgrgid(5001).catch((error) => error.code);
    console.log(JSON.stringify([large.gid, large.members.length, large.members.at(-1), huge]));`;
  assert.deepEqual(withFiles('', group, program), [5000, 40_000, 'user39999', 'ERANGE']);
});

test('a user of thousands of groups', () => {
  const passwd = 'alice:*:4000:4000:Alice \u00c5:/home/alice:/bin/sh\n';
  const group = Array.from(
    { length: 3_000 },
    (_, index) => `group${index}:x:${10_000 + index}:bob,alice\n`,
  ).join('');
  const program = `
    const alice = await nss.getpwnam('alice');
    const groups = await nss.getgrouplist('alice', alice.gid);
    console.log(JSON.stringify([alice, groups.length, groups.includes(4000), groups.includes(12999), groups.includes(13000)]));`;
  assert.deepEqual(withFiles(passwd, group, program), [
    {
      name: 'alice',
      password: '*',
      uid: 4000,
      gid: 4000,
      gecos: 'Alice \u00c5',
      home: '/home/alice',
      shell: '/bin/sh',
    },
    3_001,
    true,
    true,
    false,
  ]);
});

test('a switch that cannot open its files is an error, not "not found"', () => {
  const program = `
    const { openSync } = await import('node:fs');
    const { getpwnam } = await import(process.argv[1]);
    try { for (;;) openSync('/dev/null', 'r'); } catch {}
    try { await getpwnam('xos-nobody'); console.log('found nothing'); } catch (error) { process.stdout.write(error.code + ' ' + error.syscall); }`;
  const { stdout, stderr } = spawnSync(
    'sh',
    ['-c', 'ulimit -n 100; exec "$0" --input-type=module -e "$1" "$2"', process.execPath, program, module],
    { encoding: 'utf8' },
  );
  assert.equal(stdout, 'EMFILE getpwnam_r', stderr);
});
