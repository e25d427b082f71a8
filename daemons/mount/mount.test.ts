import assert from 'node:assert/strict';
import test from 'node:test';
import { mountedVolume } from './mount-fixtures.ts';

test('a volume is mounted, and ordinary commands do on it what they do elsewhere', {
  timeout: 120_000,
}, async (context) => {
  const volume = await mountedVolume(context);
  assert.match(await volume.good('findmnt -n -o FSTYPE $MNT'), /fuse\.xtreemfs/);
  assert.equal(
    await volume.good('cd $MNT && echo hello > a && cat a && mv a b && cat b && ls'),
    'hello\nhello\nb\n',
  );
  await volume.good(
    'cd $MNT && mkdir d && ln b d/c && [ $(stat -c %h b) = 2 ] && ln -s b s && [ "$(cat s)" = hello ]',
  );
  await volume.good('cd $MNT && rm b d/c s && rmdir d && [ -z "$(ls -A)" ]');
  await volume.good(
    'cd $MNT && dd if=/dev/urandom of=big bs=1M count=20 conv=fsync 2>/dev/null && sum big > /dev/null && [ $(stat -c %s big) = 20971520 ]',
  );
  await volume.good(
    'cd $MNT && truncate -s 5 big && [ $(stat -c %s big) = 5 ] && chmod 4755 big && [ $(stat -c %a big) = 4755 ]',
  );
  // A new file has no capabilities, which is known here without asking; one that was given some loses them when it is written to.
  assert.match(
    await volume.good(
      'cd $MNT && echo a > cap && getcap cap && setcap cap_net_raw+ep cap && getcap cap && echo b >> cap && getcap cap',
    ),
    /^cap cap_net_raw=ep\n$/,
  );
  await volume.good('cd $MNT && rm cap && mkfifo p && [ -p p ] && df . > /dev/null && rm -r big p');
});
