/** Our mount as it is on servers of XtreemFS 1.6, on our own, which know calls by paths too. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { mountedVolume } from './mount-fixtures.ts';
import { pathMountScript } from './path-mount-script.ts';

test('by paths alone, a volume does what XtreemFS has calls for, and says what it cannot', {
  timeout: 400_000,
}, async (context) => {
  const volume = await mountedVolume(context, { options: ['stock'] });
  await volume.good(`mkdir $MNT/by-paths && cd $MNT/by-paths && ${pathMountScript}`);
});

test('what others do is seen within a second or two, and what they renamed is found where it is', {
  timeout: 400_000,
}, async (context) => {
  const volume = await mountedVolume(context, { options: ['stock'] });
  await volume.mountOther();
  await volume.good('mkdir $MNT/d && echo one > $MNT/d/f && cat $OTHER/d/f $MNT/d/f');
  await volume.good('mv $OTHER/d $OTHER/e && echo two > $OTHER/e/f && truncate -s 3 $OTHER/e/f');
  const script = 'for n in $(seq 100); do [ "$(cat $MNT/e/f)" = two ] && exit 0; sleep 0.1; done; exit 1';
  await volume.good(script);
  assert.match((await volume.run('cat $MNT/d/f')).output, /No such file/);
  await volume.good('echo three > $MNT/g && cat $MNT/g $OTHER/g && rm $OTHER/g');
  assert.match((await volume.run('timeout 60 mv $MNT/g $MNT/h')).output, /No such file/);
});

test('a server that is away is waited for, and open files go on', { timeout: 400_000 }, async (context) => {
  const volume = await mountedVolume(context, { options: ['stock'] });
  const writing = volume.good(
    'cd $MNT; exec 3>f; echo before >&3; sleep 1; echo after >&3; exec 3>&-; cat f; mkdir d; rmdir d',
  );
  await volume.servers.mrc.stop('SIGKILL');
  await volume.servers.mrc.run();
  assert.equal(await writing, 'before\nafter\n');
});
