/** Plain Debian machines, nothing of ours in them: what every scenario stands on. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { localPassword, type Machine, machines } from './machines.ts';

async function logIn(machine: Machine, user: string): Promise<void> {
  const console = machine.console();
  console.press('\r'); // the prompt may have been shown before a saved state
  await console.expect(/login: $/);
  console.type(user);
  await console.expect(/Password: $/);
  console.type(localPassword);
  await console.expect(user === 'root' ? /# $/ : /\$ $/);
}

const ping = async (from: Machine, to: string): Promise<boolean> =>
  (await from.run(`ping -c 2 -W 5 ${to}`)).status === 0;

/** Seconds that the machine's clock is ahead of this one's. */
async function ahead(machine: Machine): Promise<number> {
  const before = Date.now() / 1000;
  const shown = Number(await machine.succeed('date +%s.%N'));
  return shown - (before + Date.now() / 1000) / 2;
}

test('machines start from one state as two, people log in on their consoles, cables can be cut', {
  timeout: 900_000,
}, async (t) => {
  const [head, node1] = await machines(t, ['head', 'node1']);

  const identity =
    'hostname; cat /etc/machine-id /sys/class/net/eth0/address /etc/ssh/ssh_host_ed25519_key.pub; head -c 16 /dev/urandom | base64';
  const [first, second] = await Promise.all([head.succeed(identity), node1.succeed(identity)]);
  const lines = [first.trim().split('\n'), second.trim().split('\n')];
  assert.deepEqual([lines[0]?.[0], lines[1]?.[0]], ['head', 'node1']);
  assert.equal(lines[0]?.length, 5);
  for (const [index, line] of lines[0]?.entries() ?? []) assert.notEqual(line, lines[1]?.[index]);
  for (const machine of [head, node1]) {
    assert.ok(Math.abs(await ahead(machine)) < 10);
    const failed = await machine.succeed('systemctl list-units --failed --plain --no-legend');
    assert.equal(failed, '', failed === '' ? '' : `${failed}${await machine.journal('-n', '100')}`);
  }

  assert.deepEqual(await node1.run('cat; echo bad >&2; exit 7', { input: 'good' }), {
    status: 7,
    stdout: 'good',
    stderr: 'bad\n',
  });
  assert.equal((await node1.succeed('id -un', { user: 'local' })).trim(), 'local');
  assert.notEqual((await node1.run('sleep 600', { timeoutMs: 2_000 })).status, 0);

  assert.equal(await ping(head, 'node1.xos.test'), true);
  assert.equal(await ping(node1, 'fd77::1'), true);
  await node1.cutNetwork();
  assert.equal(await ping(head, 'node1'), false);
  assert.match(await node1.succeed('ip link show eth0'), /NO-CARRIER/);
  await node1.restoreNetwork();
  assert.equal(await ping(node1, 'head'), true);
  // No way out: neither this machine nor what lies behind it.
  assert.equal((await head.succeed('ip route show default')).trim(), '');

  await logIn(node1, 'local');
  const console = node1.console();
  console.type('id -un; logger -t scenario hello from $USER; echo "[""done""]"');
  assert.match(await console.expect(/\[done\]/), /[\r\n]local\r/);
  assert.match(await node1.journal('--identifier=scenario'), /hello from local/);
  assert.match(await node1.succeed('loginctl list-sessions --no-legend'), /local/);
  console.type('exit');
});

test('power off loses what was not synced; the clock that jumped stays', { timeout: 900_000 }, async (t) => {
  const [node1] = await machines(t, ['node1']);
  await node1.succeed('echo kept >/var/tmp/kept; sync /var/tmp/kept; sync');
  await node1.succeed('logger -t scenario before; journalctl --sync');
  await node1.jumpClock(2 * 86_400);
  assert.ok(Math.abs((await ahead(node1)) - 2 * 86_400) < 10);
  await node1.succeed('echo lost >/var/tmp/lost');
  await node1.killPower();
  assert.throws(() => node1.console(), /node1 is off/);

  const boot = await node1.boot();
  t.diagnostic(`booted in ${boot.bootMs} ms`);
  for (const silence of boot.silences) t.diagnostic(silence);
  assert.deepEqual(boot.failedUnits, []);
  assert.equal((await node1.succeed('hostname; cat /var/tmp/kept')).trim(), 'node1\nkept');
  assert.equal((await node1.succeed('cat /var/tmp/lost 2>/dev/null || true')).trim(), '');
  assert.match(await node1.journal('--identifier=scenario'), /before/);
  assert.ok(Math.abs((await ahead(node1)) - 2 * 86_400) < 60);
  await node1.jumpClock(-2 * 86_400);
  assert.ok(Math.abs(await ahead(node1)) < 60);
  await logIn(node1, 'root');
});
