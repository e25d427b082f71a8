/** One home on every host: written on the console of one node, read on another by ssh, while the host that stores it boots anew. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { waitFor } from '../sandbox/daemon.ts';
import type { Terminal } from '../sandbox/terminal.ts';
import { logInWithCertificate, shellOutput } from './console-login.ts';
import { createVo, enrol, join, plugIn } from './grid.ts';
import { type Host, hosts } from './hosts.ts';

const home = '/home/demo/alice';

test('a grid user finds the same home on two nodes, across a boot of the host that stores it', {
  timeout: 600_000,
}, async (t) => {
  const [head, node1, node2] = await hosts(t, ['head', 'node1', 'node2'], { installed: true });
  await createVo(head, 'demo');
  await join(head, head, 'demo', ['accounts', 'dir', 'mrc', 'osd']);
  await Promise.all([join(head, node1, 'demo'), join(head, node2, 'demo')]);
  await waitFor(
    async () => (await head.run('xos volume create home --owner admin@demo --mode 0711')).status === 0,
    60_000,
    'no volume can be made',
  );
  await waitFor(
    async () => /, 1 OSDs;/.test(await head.succeed('systemctl show --value -p StatusText xos-mrc')),
    60_000,
    'the MRC knows no OSD',
  );
  await enrol(head, 'alice', 'demo', head);
  await head.succeed(
    `mkdir -m 700 -p ~/.ssh && ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519
     xos cert ssh --key ~/.ssh/id_ed25519.pub --credential ~/alice.p12 --passphrase-file ~/alice.passphrase`,
    { user: 'local', timeoutMs: 60_000 },
  );
  await plugIn(head, 'alice', 'demo', node1);
  await waitFor(
    async () => (await node2.run('getent passwd alice@demo')).status === 0,
    30_000,
    'node2 does not resolve alice@demo',
  );
  for (const node of [node1, node2]) {
    await node.succeed(
      `printf 'HomeVolume=home\\nDirectory=head.xos.test\\n' >>/etc/xtreemos/vo.d/demo.conf
       systemctl reload xos-accounts.service`,
    );
  }

  const first = await session(node1);
  assert.match(
    await shellOutput(
      first,
      'echo written on node1 > letter && cp /usr/bin/bash program && echo "all""done"',
    ),
    /alldone/,
  );
  const uid = (await node1.succeed('id -u alice@demo')).trim();
  const unit = `xos-home@${uid}.service`;
  assert.match(await node1.succeed(`systemctl status --no-pager ${unit}`), /Active: active.*[\s\S]*home on/);
  // Whoever else looks is refused by the kernel.
  assert.equal((await node1.run(`timeout 5 ls ${home}`)).status, 2);
  await logOut(first, node1);
  assert.equal((await node1.run(`systemctl is-failed ${unit}`)).stdout.trim(), 'inactive');

  await head.reboot();
  const reached = async () => (await node2.run('xos fs status --directory head.xos.test')).status === 0;
  await waitFor(reached, 90_000, 'node2 does not reach the DIR any more');
  // On node2 there is no stick: she comes with the SSH certificate of her VO.
  const remote = await head.run(
    `ssh -o StrictHostKeyChecking=accept-new -o BatchMode=yes -o IdentitiesOnly=yes -i ~/.ssh/id_ed25519 alice@demo@node2 \
       'findmnt -n -o FSTYPE $HOME; cat letter; cmp program /usr/bin/bash && echo the same; ls -A .profile'`,
    { user: 'local', timeoutMs: 60_000 },
  );
  assert.equal(remote.status, 0, `${remote.stderr}\n${await node2.succeed('journalctl --no-pager -n 60')}`);
  assert.equal(remote.stdout, 'fuse.xtreemfs\nwritten on node1\nthe same\n.profile\n');
  await expectUnmounted(node2);
});

/** Logs in on the console, into a home that is a volume. */
async function session(node: Host): Promise<Terminal> {
  const console = await logInWithCertificate(node, 'alice@demo');
  const shown = await shellOutput(console, 'findmnt -n -o FSTYPE $HOME');
  if (!shown.includes('fuse.xtreemfs'))
    assert.fail(`${shown}\n${console.screen}\n${await node.succeed('journalctl --no-pager -n 60')}`);
  return console;
}

async function logOut(console: Terminal, node: Host): Promise<void> {
  console.type('exit');
  await console.expect(/login: $/, 30_000);
  await expectUnmounted(node);
}

async function expectUnmounted(node: Host): Promise<void> {
  // Her own service manager takes 10 s to end, and homes are looked at every 15 s.
  const isGone = async () => (await node.run(`findmnt ${home}`)).status !== 0;
  await waitFor(isGone, 60_000, 'the home is mounted still').catch(async (error: unknown) => {
    throw new Error(`${String(error)}\n${await node.succeed('journalctl --no-pager -n 60')}`);
  });
}
