/** Plain Debian hosts, nothing of ours in them: what every scenario stands on. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { waitFor } from '../sandbox/daemon.ts';
import { type Host, hosts, localPassword } from './hosts.ts';

/** Types name and password at getty's prompt and waits for a shell. */
async function logIn(host: Host, user: string): Promise<void> {
  const console = host.console();
  await console.expect(/login: $/);
  console.type(user);
  await console.expect(/Password: $/);
  console.type(localPassword);
  await console.expect(user === 'root' ? /# $/ : /\$ $/);
}

test('a host boots, and people log in on its console', { timeout: 240_000 }, async (t) => {
  const [head] = await hosts(t, ['head']);
  assert.match(await head.succeed('cat /etc/debian_version'), /^13\./);
  assert.equal((await head.succeed('hostname')).trim(), 'head');
  assert.equal((await head.succeed('systemctl is-system-running')).trim(), 'running');
  assert.equal(await head.succeed('systemctl list-units --failed --plain --no-legend'), '');
  for (const user of ['local', 'root']) {
    await logIn(head, user);
    const console = head.console();
    console.type('id -un; loginctl list-sessions --no-legend; logger -t scenario hello from $USER');
    await console.expect(new RegExp(`\\n${user}\\r`));
    console.type('exit');
  }
  // The prompt may come back before journald has what logger sent.
  const logged = async () =>
    /hello from local\n.*hello from root/.test(await head.journal('--identifier=scenario'));
  await waitFor(logged, 10_000, 'the journal does not have what both wrote');
});

test('commands have exit status, both outputs, input, user and an end', { timeout: 120_000 }, async (t) => {
  const [node1] = await hosts(t, ['node1']);
  assert.deepEqual(await node1.run('cat; echo bad >&2; exit 7', { input: 'good' }), {
    status: 7,
    stdout: 'good',
    stderr: 'bad\n',
  });
  assert.equal((await node1.succeed('id -un', { user: 'local' })).trim(), 'local');
  const start = performance.now();
  assert.notEqual((await node1.run('sleep 60', { timeoutMs: 2_000 })).status, 0);
  assert.ok(performance.now() - start < 20_000);
  await assert.rejects(node1.succeed('ls /nowhere'), /ls: cannot access/);
  assert.equal((await node1.run('modprobe dummy || true; ls /lib/modules')).status === 0, false);
});

test('hosts reach each other, until a cable is cut', { timeout: 240_000 }, async (t) => {
  const [head, node1, node2] = await hosts(t, ['head', 'node1', 'node2']);
  const ping = async (from: Host, to: string): Promise<boolean> =>
    (await from.run(`ping -c 1 -W 1 ${to}`)).status === 0;
  assert.equal(await ping(head, 'node1.xos.test'), true);
  assert.equal(await ping(node1, 'head'), true);
  assert.equal(await ping(node2, node1.address), true);
  assert.equal((await node2.run(`ping -6 -c 1 -W 1 fd77::1`)).status, 0);

  await node1.cutNetwork();
  assert.equal(await ping(head, 'node1'), false);
  assert.equal(await ping(node1, 'head'), false);
  assert.equal(await ping(head, 'node2'), true);
  assert.match(await node1.succeed('ip link show host0'), /NO-CARRIER/);
  await node1.restoreNetwork();
  assert.equal(await ping(head, 'node1'), true);

  await head.cutFrom(node1);
  assert.equal(await ping(head, 'node1'), false);
  assert.equal(await ping(node1, 'head'), false);
  assert.equal((await head.run('ping -6 -c 1 -W 1 fd77::2')).status === 0, false);
  assert.equal(await ping(head, 'node2'), true);
  assert.equal(await ping(node2, 'node1'), true);
  await node1.killPower();
  await node1.boot();
  assert.equal(await ping(node1, 'head'), false);
  await head.restoreTo(node1);
  assert.equal(await ping(node1, 'head'), true);
  assert.equal(await ping(head, 'node1'), true);

  await node2.cutNetwork();
  await node2.killPower();
  await node2.boot();
  assert.equal(await ping(node2, 'head'), false);
  await node2.restoreNetwork();
  assert.equal(await ping(node2, 'head'), true);

  // No way out: neither this machine nor what lies behind it.
  assert.equal((await head.succeed('ip route show default')).trim(), '');
});

test('power is killed and comes back: the disk is kept, no shutdown ran', { timeout: 240_000 }, async (t) => {
  const [node1, node2] = await hosts(t, ['node1', 'node2']);
  await node1.succeed(
    'echo kept >/etc/kept; echo lost >/run/lost; logger -t scenario before; journalctl --sync',
  );
  await node1.killPower();
  assert.equal((await node2.run('ping -c 1 -W 1 node1')).status === 0, false);
  assert.throws(() => node1.console(), /node1 is off/);
  assert.match(await node1.journal('--identifier=scenario'), /before/);

  const boot = await node1.boot();
  assert.deepEqual(boot.failedUnits, []);
  assert.equal((await node1.succeed('cat /etc/kept; cat /run/lost || true')).trim(), 'kept');
  assert.doesNotMatch(await node1.journal('--boot=-1'), /Reached target .*[Ss]hutdown/);
  assert.equal((await node2.run('ping -c 1 -W 1 node1')).status, 0);

  await node1.reboot();
  assert.match(await node1.journal('--boot=-1'), /Reached target .*[Ss]hutdown/);
  assert.equal((await node1.journal('--list-boots', '--quiet')).trim().split('\n').length, 3);
});

test('Debian 12 boots as well', { timeout: 300_000 }, async (t) => {
  const [node1] = await hosts(t, ['node1'], { suite: 'bookworm' });
  assert.match(await node1.succeed('cat /etc/debian_version'), /^12\./);
  await logIn(node1, 'local');
});
