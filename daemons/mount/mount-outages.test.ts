/** Servers and the client are killed while programs write: they go on, and what was synced is there. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { mountedVolume } from './mount-fixtures.ts';

test('OSD and MRC are killed during a copy, which ends well', { timeout: 180_000 }, async (context) => {
  const volume = await mountedVolume(context);
  const source = '/usr/include/linux';
  const copying = volume.run(`cp -a ${source} $MNT/copy`);
  for (const server of [
    volume.servers.osds[0],
    volume.servers.mrc,
    volume.servers.osds[1],
    volume.servers.mrc,
  ]) {
    await sleep(700);
    await server?.stop('SIGKILL');
    await sleep(200);
    await server?.run();
  }
  const copied = await copying;
  assert.deepEqual(copied, { status: 0, output: '' });
  const compared = await volume.run(`diff -r --no-dereference ${source} $MNT/copy`);
  assert.deepEqual(compared, { status: 0, output: '' });
});

test('a file that is open outlives a restart of the MRC, also when it has no name any more', {
  timeout: 120_000,
}, async (context) => {
  const volume = await mountedVolume(context, { osds: 1 });
  const script = `cd $MNT && exec 3<>f && echo before >&3 && rm f && touch ready && while [ ! -e go ]; do sleep 0.1; done
    echo after >&3 && sync && cat /proc/self/fd/3 && exec 3>&-`;
  const running = volume.run(script);
  await volume.good('while [ ! -e $MNT/ready ]; do sleep 0.1; done');
  await volume.servers.mrc.stop('SIGKILL');
  await volume.servers.mrc.run();
  await volume.good('touch $MNT/go');
  assert.deepEqual(await running, { status: 0, output: 'before\nafter\n' });
});

test('servers that nobody asks anything of stop at once, though clients are connected', {
  timeout: 120_000,
}, async (context) => {
  const { servers, good, run } = await mountedVolume(context);
  await good('echo kept > $MNT/f && sync');
  const took: number[] = [];
  for (const server of [servers.mrc, servers.osds[0], servers.osds[1], servers.directory]) {
    const begin = performance.now();
    assert.equal(await server?.stop('SIGTERM'), 0);
    took.push(Math.round(performance.now() - begin));
  }
  for (const server of [servers.directory, servers.osds[0], servers.osds[1], servers.mrc])
    await server?.run();
  assert.deepEqual(await run('cat $MNT/f && echo more >> $MNT/f && sync'), { status: 0, output: 'kept\n' });
  context.diagnostic(`MRC, two OSDs, DIR: ${took.join(', ')} ms`);
  assert.ok(Math.max(...took) < 1_500, took.join(', '));
});

test('what was synced survives the death of the client, and nobody hangs on its mount', {
  timeout: 120_000,
}, async (context) => {
  const volume = await mountedVolume(context, { osds: 2 });
  await volume.good(
    'dd if=/dev/urandom of=/tmp/xos-outage.$PPID bs=1M count=5 2>/dev/null; cp /tmp/xos-outage.$PPID $MNT/f; sync $MNT/f; sum < $MNT/f > $MNT/sum; sync $MNT/sum; rm /tmp/xos-outage.$PPID',
  );
  const waiting = volume.run('cd $MNT && while echo x >> log; do sleep 0.05; done');
  await sleep(300);
  await volume.killClient('SIGKILL');
  assert.notEqual((await waiting).status, null);
  assert.notEqual((await volume.run('ls $MNT')).status, 0);
  await volume.good('umount -l $MNT');
  await volume.mount();
  await volume.good('[ "$(sum < $MNT/f)" = "$(cat $MNT/sum)" ]');
});

test('who waits for a server that is away can be killed', { timeout: 180_000 }, async (context) => {
  const volume = await mountedVolume(context, { osds: 1 });
  await volume.servers.mrc.stop('SIGKILL');
  const startMs = performance.now();
  assert.equal((await volume.run('timeout -s KILL 1 stat $MNT/nothing')).status, 137);
  assert.ok(performance.now() - startMs < 5000);
  await volume.servers.mrc.run();
  await volume.good('ls $MNT');
  await volume.servers.osds[0]?.stop('SIGKILL');
  assert.equal((await volume.run('echo x > $MNT/f & sleep 0.5; kill -9 $!; wait $!')).status, 137);
  await volume.servers.osds[0]?.run();
});

test('softly mounted, a server that is away is an error after a time', {
  timeout: 180_000,
}, async (context) => {
  const volume = await mountedVolume(context, { osds: 1, options: ['soft', 'timeo=1s'] });
  await volume.servers.mrc.stop('SIGKILL');
  const { status, output } = await volume.run('stat $MNT/nothing');
  assert.equal(status, 1);
  assert.match(output, /Input\/output error/);
  await volume.servers.mrc.run();
});
