/** st_blocks of files with holes, on a volume of two OSDs. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get } from 'node:http';
import { join } from 'node:path';
import test from 'node:test';
import { type MountedVolume, mountedVolume } from './mount-fixtures.ts';

const kib = 1024;
const mib = 1024 * kib;

/** By the mounts of the volume, as stat(1) has it. */
async function allocated(
  volume: MountedVolume,
  name: string,
  mounts = ['$MNT', '$OTHER'],
): Promise<number[]> {
  const found: number[] = [];
  for (const mount of mounts) found.push(512 * Number(await volume.good(`stat -c %b ${mount}/${name}`)));
  return found;
}

/** Calls that servers answered since they run, by their names. */
async function callsOf(servers: readonly { readonly folder: string }[]): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const { folder } of servers) {
    const request = get({ socketPath: join(folder, 'metrics.sock'), path: '/metrics' });
    const [response] = await once(request, 'response');
    let text = '';
    for await (const chunk of response) text += chunk;
    for (const [, name = '', count] of text.matchAll(/_call_seconds_count\{call="\w+\.(\w+)".*\} (\d+)/g))
      counts.set(name, (counts.get(name) ?? 0) + Number(count));
  }
  return counts;
}

test('both mounts tell what is allocated at both OSDs, and after a restart of all servers too', {
  timeout: 180_000,
}, async (context) => {
  const volume = await mountedVolume(context);
  await volume.mountOther();
  // Long, beyond the end, in both stripes, in a hole, reserved beyond the end, punched.
  await volume.good(`cd $MNT && truncate -s 64M long && touch gap reserved punched
    dd if=/dev/urandom of=gap bs=64K count=8 seek=200 conv=notrunc,fsync status=none
    dd if=/dev/urandom of=punched bs=1M count=4 conv=fsync status=none && cp punched whole
    fallocate -n -l 3M reserved && fallocate -p -o 1M -l 2M punched`);
  await volume.good('sleep 0.3; ls -l $MNT $OTHER');
  const all = async () => {
    const names = ['long', 'gap', 'reserved', 'punched', 'whole'];
    return Promise.all(names.map((name) => allocated(volume, name)));
  };
  const expected = [0, 512 * kib, 3 * mib, 2 * mib, 4 * mib].map((bytes) => [bytes, bytes]);
  assert.deepEqual(await all(), expected);
  const { mrc, osds } = volume.servers;
  for (const server of [mrc, ...osds]) await server.stop('SIGKILL');
  for (const server of [mrc, ...osds]) await server.run();
  assert.deepEqual(await all(), expected);
  // What one fills the other sees, and what it cuts.
  await volume.good('dd if=/dev/urandom of=$OTHER/long bs=1M count=2 seek=30 conv=notrunc,fsync status=none');
  await volume.good('cp $OTHER/long $OTHER/copy; truncate -s 0 $OTHER/gap; sleep 1.3');
  assert.deepEqual(await allocated(volume, 'long'), [2 * mib, 2 * mib]);
  assert.deepEqual(await allocated(volume, 'gap'), [0, 0]);
  assert.equal(await volume.good('du -s -k $MNT/punched $MNT/long | cut -f 1'), '2048\n2048\n');
});

test('what is not at the OSDs yet counts as allocated', { timeout: 120_000 }, async (context) => {
  const volume = await mountedVolume(context);
  const [unclosed, later] = (
    await volume.good(
      'exec 3<>$MNT/f; dd if=/dev/zero bs=100K count=1 seek=10 status=none >&3; stat -c %b $MNT/f; sync; stat -c %b $MNT/f',
    )
  ).split('\n', 2);
  // What arrives while OSDs are asked counts twice.
  assert.ok(unclosed === '200' || unclosed === '400', unclosed);
  assert.equal(later, '200');
});

test('on a strict volume too', { timeout: 120_000 }, async (context) => {
  const volume = await mountedVolume(context, { attributes: { 'xtreemos.consistency': 'strict' } });
  await volume.mountOther();
  await volume.good(
    'dd if=/dev/zero of=$MNT/f bs=64K count=2 seek=100 status=none; truncate -s 20M $OTHER/long',
  );
  assert.deepEqual(await allocated(volume, 'f'), [128 * kib, 128 * kib]);
  assert.deepEqual(await allocated(volume, 'long'), [0, 0]);
  await volume.good('fallocate -p -o 6400K -l 64K $OTHER/f');
  assert.deepEqual(await allocated(volume, 'f'), [64 * kib, 64 * kib]);
});

test('an OSD that is away makes no stat(2) fail: then it follows from the size', {
  timeout: 120_000,
}, async (context) => {
  const volume = await mountedVolume(context);
  await volume.good('cd $MNT && for n in $(seq 20); do truncate -s 1M $n; done');
  await volume.servers.osds[1]?.stop('SIGKILL');
  const startMs = performance.now();
  assert.equal(await volume.good('cd $MNT && stat -c %b $(seq 20)'), '2048\n'.repeat(20));
  const tookMs = performance.now() - startMs;
  // Each of them would wait for two seconds.
  assert.ok(tookMs < 25_000, `${tookMs} ms`);
});

test('ordinary files cost no call more', { timeout: 120_000 }, async (context) => {
  const volume = await mountedVolume(context);
  await volume.mountOther();
  const { mrc, osds } = volume.servers;
  await volume.good(
    'cd $MNT && for n in $(seq 50); do echo some text > $n; done; truncate -s 0 1; cp 2 1; sleep 0.5',
  );
  const before = await callsOf([mrc, ...osds]);
  await volume.good('ls -l $OTHER; stat $OTHER/*; du $OTHER; ls -l $OTHER');
  const after = await callsOf([mrc, ...osds]);
  const more = (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0);
  assert.equal(more('space'), 0);
  // Of the directory alone.
  assert.ok(more('node_getattr') < 10, `${more('node_getattr')}`);
  assert.equal(more('node_lookup'), 0);
  assert.ok(more('node_readdir') > 0);
  await volume.good('truncate -s 1M $MNT/1; sleep 0.3; stat $OTHER/1');
  const sparse = await callsOf(osds);
  assert.equal((sparse.get('space') ?? 0) - (after.get('space') ?? 0), 2);
});

test('a file is as long as what was written, whenever that comes to its OSD', {
  timeout: 120_000,
}, async (context) => {
  const volume = await mountedVolume(context);
  // Data rest a second: fstat(2), which tells the MRC of the hole, comes just when they leave.
  const program = `const { open } = require('node:fs/promises');
    async function write(name) {
      const file = await open(process.env.MNT + '/' + name, 'w+');
      for (let part = 1; part <= 5; part++) {
        await file.write(Buffer.alloc(4096, 1), 0, 4096, part * 300_000);
        await new Promise((resolve) => setTimeout(resolve, 985 + Math.random() * 25));
        const { size } = await file.stat();
        if (size !== part * 300_000 + 4096) console.log(name, part, size);
      }
      await file.close();
    }
    Promise.all(Array.from({ length: 60 }, (_, index) => write(index)));`;
  const environment = { NODE: process.execPath, PROGRAM: program };
  assert.equal(
    await volume.good('"$NODE" -e "$PROGRAM"; stat -c %s $MNT/* | sort -u', environment),
    '1504096\n',
  );
});
