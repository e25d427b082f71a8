import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { writeNssMap } from '@xtreemos/module-protocol';
import { type MountedVolume, mountedVolume } from './mount-fixtures.ts';

const uid = 2_030_043_200;

/** A home volume as alice's session has it. `asAlice` runs a script as she does. */
async function homeOfAlice(context: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'xos-home-mount-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const map = join(folder, 'accounts.map');
  const skeleton = join(folder, 'skel');
  mkdirSync(skeleton);
  const alice = { name: 'alice@physics', uid, gid: uid, gecos: 'alice@physics.example.org' };
  writeFileSync(
    map,
    writeNssMap({
      passwd: [{ ...alice, home: '/home/physics/alice', shell: '/bin/sh', groups: [] }],
      groups: [],
    }),
  );
  const mounted = () =>
    mountedVolume(context, {
      options: ['home', `user_id=${uid}`, `group_id=${uid}`, `identity_map=${map}`, `skeleton=${skeleton}`],
    });
  const asAliceIn = (volume: MountedVolume) => (script: string) =>
    volume.good(`setpriv --reuid ${uid} --regid ${uid} --clear-groups sh -c '${script}'`);
  return { skeleton, mounted, asAliceIn };
}

test("a home: the user's directory of the volume, closed to everybody else by the kernel", {
  timeout: 120_000,
}, async (context) => {
  const { mounted, asAliceIn } = await homeOfAlice(context);
  const volume = await mounted();
  const asAlice = asAliceIn(volume);
  assert.equal(
    await asAlice('cd $MNT && stat -c "%u %a" . && echo hello > a && mkdir d && mv a d && cat d/a && ls -a'),
    `${uid} 700\nhello\n.\n..\nd\n`,
  );
  await asAlice(
    'cd $MNT/d && mv a .. && ln ../a b && cd .. && cp a c && rm a && [ -z "$(ls d | grep -v b)" ] && rm -r d c && [ -z "$(ls)" ]',
  );
  await asAlice('cd $MNT && df . > /dev/null && ls -la .. > /dev/null && echo kept > letter');

  // Neither root nor another user gets in, and neither waits for the servers.
  const statuses = async (who: string) => {
    const one = (command: string) => `${who} timeout 5 ${command} $MNT >/dev/null 2>&1; echo -n "$? "`;
    return (await volume.run(['stat', 'ls', 'df'].map(one).join('; '))).output;
  };
  volume.client.kill('SIGSTOP');
  // 124 would be the time limit: they are refused, at once.
  assert.equal(await statuses(''), '1 2 1 ', 'root');
  assert.equal(await statuses('setpriv --reuid 65533 --regid 65533 --clear-groups'), '1 2 1 ');
  volume.client.kill('SIGCONT');
  assert.equal(await asAlice('cat $MNT/letter'), 'kept\n');

  // The volume has it as hers, when she comes again.
  assert.equal(await volume.killClient('SIGTERM'), 0);
  assert.equal(await volume.good('ls -A $MNT'), '');
  await volume.mount();
  assert.equal(await asAlice('cat $MNT/letter'), 'kept\n');
});

test('a new home begins with the skeleton, whose files take no place that is taken, from whatever hosts they come', {
  timeout: 120_000,
}, async (context) => {
  const { skeleton, mounted, asAliceIn } = await homeOfAlice(context);
  mkdirSync(join(skeleton, 'bin/closed'), { recursive: true });
  writeFileSync(join(skeleton, '.profile'), 'umask 022\n', { mode: 0o644 });
  writeFileSync(join(skeleton, 'empty'), '');
  writeFileSync(join(skeleton, 'bin/run'), '#!/bin/sh\necho ran\n');
  writeFileSync(join(skeleton, 'bin/closed/large'), Buffer.alloc(1_000_000, 'x'));
  chmodSync(join(skeleton, 'bin/run'), 0o6755);
  chmodSync(join(skeleton, 'bin/closed'), 0o500);
  symlinkSync('/etc/shadow', join(skeleton, 'link'));
  const volume = await mounted();
  const asAlice = asAliceIn(volume);
  const list = 'cd $MNT && find . -mindepth 1 -printf "%P %U:%G %m %s %l\\n" | sort';
  const owned = `${uid}:${uid}`;
  const entries = [
    `.profile ${owned} 644 10 `,
    `bin ${owned} 755 SIZE `,
    `bin/closed ${owned} 500 SIZE `,
    `bin/closed/large ${owned} 644 1000000 `,
    `bin/run ${owned} 755 19 `,
    `empty ${owned} 644 0 `,
    `link ${owned} 777 11 /etc/shadow`,
  ];
  const listed = async () =>
    (await asAlice(list)).trimEnd().replaceAll(/^(bin|bin\/closed) (\S+) (\S+) \d+ /gm, '$1 $2 $3 SIZE ');
  assert.equal(await listed(), entries.join('\n').trimEnd());
  assert.equal(await asAlice('$MNT/bin/run; cat $MNT/bin/closed/large | tr -d x'), 'ran\n');
  const marked = 'cd $MNT && getfattr --absolute-names -d -m - .';
  assert.equal(await asAlice(marked), '');

  // What she removes stays away.
  await asAlice('cd $MNT && rm empty && echo mine > .profile && rm bin/run && mkdir bin/run');
  assert.equal(await volume.killClient('SIGTERM'), 0);
  await volume.mount();
  assert.equal(await asAlice('cd $MNT && ls -A && cat .profile'), '.profile\nbin\nlink\nmine\n');

  // As one that two hosts come to while it is new: what is there stays, what is missing comes once.
  await asAlice('cd $MNT && setfattr -n user.xtreemos.wants-skeleton . && rm link && ln -s elsewhere link');
  assert.equal(await volume.killClient('SIGTERM'), 0);
  await Promise.all([volume.mount(), volume.mountOther()]);
  assert.equal(
    await asAlice('cd $MNT && ls -A . bin && cat .profile && readlink link && ls bin/run'),
    '.:\n.profile\nbin\nempty\nlink\n\nbin:\nclosed\nrun\nmine\nelsewhere\n',
  );
  assert.equal(await asAlice(marked), '');
  assert.equal(await asAlice('cat $OTHER/.profile'), 'mine\n');
});
