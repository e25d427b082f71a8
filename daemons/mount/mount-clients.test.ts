/** Two clients of a volume: what one does, the other sees. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { mountedVolume } from './mount-fixtures.ts';

test('what one client wrote and closed, the other reads; names and attributes follow', {
  timeout: 120_000,
}, async (context) => {
  const volume = await mountedVolume(context);
  await volume.mountOther();
  assert.equal(await volume.good('echo one > $MNT/f; cat $OTHER/f'), 'one\n');
  // The other has it cached now.
  assert.equal(
    await volume.good('echo longer than before > $MNT/f; sleep 0.3; cat $OTHER/f'),
    'longer than before\n',
  );
  assert.equal(
    await volume.good(
      'echo same size, LONGER > $MNT/f; cat $OTHER/f; printf "same size, longer\\n" > $OTHER/f; sleep 0.3; cat $MNT/f',
    ),
    'same size, LONGER\nsame size, longer\n',
  );
  await volume.good('stat $OTHER/f; mv $MNT/f $MNT/g; sleep 0.3; ! stat $OTHER/f 2>/dev/null; stat $OTHER/g');
  await volume.good('! stat $OTHER/new 2>/dev/null; touch $MNT/new; sleep 0.3; stat $OTHER/new');
  assert.equal(await volume.good('chmod 600 $MNT/g; sleep 0.3; stat -c %a $OTHER/g'), '600\n');
  assert.equal(await volume.good('ls $OTHER; rm $MNT/g $MNT/new; sleep 0.3; ls $OTHER'), 'g\nnew\n');
});

test('a removed file stays with the other client that has it open', { timeout: 180_000 }, async (context) => {
  const volume = await mountedVolume(context, { osds: 1 });
  await volume.mountOther();
  assert.equal(
    await volume.good('echo kept > $MNT/f; exec 3<$OTHER/f; rm $MNT/f; sleep 0.3; cat <&3'),
    'kept\n',
  );
});

test('locks hold against the other client, and end with a client that is killed', {
  timeout: 120_000,
}, async (context) => {
  const volume = await mountedVolume(context, { osds: 1 });
  await volume.mountOther();
  await volume.good('touch $MNT/f; flock $MNT/f -c "! flock -n $OTHER/f true"; flock -n $OTHER/f true');
  await volume.good(
    '(flock 9; sleep 0.5; echo first >> $OTHER/log) 9>$MNT/f & sleep 0.2; flock $OTHER/f -c "echo second >> $OTHER/log"; wait; [ "$(head -1 $OTHER/log)" = first ]',
  );
});

test('mount(8) and umount(8) find their helpers where the packages put them; umount returns when everything is written', {
  timeout: 150_000,
}, async (context) => {
  const volume = await mountedVolume(context);
  const helper = (name: string) =>
    `printf '#!/bin/sh\\nexec ${process.execPath} ${join(import.meta.dirname, name)} "$@"\\n'`;
  // In the mount namespace of the test alone.
  await volume.good(`mkdir $OTHER && mount -t tmpfs none $OTHER && cd $OTHER && mkdir upper work mnt &&
    mount -t tmpfs none /run/mount && ${helper('main.ts')} >upper/mount.xtreemfs &&
    ${helper('umount.ts')} >upper/umount.xtreemfs && chmod -R 755 upper && ln -s umount.xtreemfs upper/umount.fuse.xtreemfs &&
    mount -t overlay -o lowerdir=/usr/sbin,upperdir=upper,workdir=work none /usr/sbin`);
  context.after(() => volume.run('umount -i -l /usr/sbin'));
  const source = `127.0.0.1:${volume.servers.directory.port}/home`;
  const served = 'pgrep -f "$OTHER/mnt" >/dev/null';
  for (const options of ['plain', 'plain,_netdev']) {
    await volume.good(`mount -t xtreemfs -o ${options} ${source} $OTHER/mnt && mountpoint -q $OTHER/mnt && ${served}
      dd if=/dev/zero of=$OTHER/mnt/f bs=1M count=30 2>/dev/null
      umount $OTHER/mnt && ! mountpoint -q $OTHER/mnt && ! ${served} && [ ! -s /run/mount/utab ]`);
  }
  assert.equal(await volume.good('stat -c %s $MNT/f'), '31457280\n');

  await volume.good(`mount -t xtreemfs -o plain,_netdev ${source} $OTHER/mnt`);
  assert.match(await volume.good('cat /run/mount/utab'), /_netdev,uhelper=xtreemfs/);
  const refusal = async (script: string) => {
    const { status, output } = await volume.run(script);
    return `${status} ${output}`;
  };
  assert.match(await refusal('cd $OTHER/mnt && umount .'), /^32 .*busy/s);
  assert.match(await refusal('umount.xtreemfs $OTHER'), /^32 .*no volume is mounted here/);
  assert.match(await refusal('umount.xtreemfs $OTHER/absent'), /^32 .*no volume is mounted here/);
  assert.match(await refusal('umount.xtreemfs -x $OTHER/mnt'), /^1 Usage/);
  // Ended without umount(8), it leaves nothing in the table either.
  await volume.good(
    `pkill -TERM -f "$OTHER/mnt"; while ${served}; do sleep 0.1; done; [ ! -s /run/mount/utab ]`,
  );
});

test('why a volume cannot be mounted is one sentence, and the status that mount(8) has for it', {
  timeout: 180_000,
}, async (context) => {
  const volume = await mountedVolume(context, { osds: 1 });
  const mount = `${process.execPath} ${join(import.meta.dirname, 'main.ts')}`;
  const source = `127.0.0.1:${volume.servers.directory.port}`;
  const refused = async (parameters: string, status: number, message: RegExp) => {
    const outcome = await volume.run(`${mount} ${parameters}`);
    assert.equal(outcome.status, status, outcome.output);
    assert.match(outcome.output, message);
    assert.equal(outcome.output.trim().split('\n').length, 1, outcome.output);
  };
  await refused(`${source}/nothing $MNT -o plain`, 32, /no volume nothing.*spelled right/);
  await refused(`${source}/home /nowhere -o plain`, 32, /mount point does not exist/);
  await refused('127.0.0.1:1/home $MNT -o plain', 32, /does not answer.*running/);
  await refused(`${source}/home $MNT -o fastest`, 1, /unknown mount option fastest/);
  await refused(`${source}/home $MNT`, 32, /joined no VO/);
  const background = await volume.run(
    `mkdir $OTHER; ${mount} ${source}/home $OTHER -o plain && mountpoint -q $OTHER`,
  );
  assert.deepEqual(background, { status: 0, output: '' });
  await volume.good('umount $OTHER');
});

test('relatime: a read that the other client makes shows in the time of access, a second one does not', {
  timeout: 120_000,
}, async (context) => {
  const volume = await mountedVolume(context, { osds: 1, options: ['relatime'] });
  await volume.mountOther();
  const waitFor = (condition: string) => `until ${condition}; do sleep 0.05; done`;
  await volume.good('mkdir $MNT/d; echo content > $MNT/d/f; touch -a -d 2001-01-01 $MNT/d/f $MNT/d');
  await volume.good(`cat $OTHER/d/f; ${waitFor('[ $(stat -c %X $MNT/d/f) -gt 1700000000 ]')}`);
  await volume.good(`ls $OTHER/d; ${waitFor('[ $(stat -c %X $MNT/d) -gt 1700000000 ]')}`);
  assert.equal(
    await volume.good(
      'stat -c %x $MNT/d/f >$OTHER/before; dd if=$OTHER/d/f iflag=direct of=/dev/null 2>/dev/null; touch $OTHER/d/later; sleep 1; stat -c %x $MNT/d/f | cmp - $OTHER/before && echo same',
    ),
    'same\n',
  );
});
