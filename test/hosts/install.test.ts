/** Our packages as an administrator gets them, on booted hosts. Needs `./packaging/build deb` before. */
import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { waitFor } from '../sandbox/daemon.ts';
import type { Terminal } from '../sandbox/terminal.ts';
import { checkout } from './ground.ts';
import { type Host, hosts, localPassword } from './hosts.ts';

const passphrase = 'correct horse battery staple';

/** Installs every package of the last build; what they need of Debian is in the root already. */
async function install(host: Host): Promise<void> {
  const found = globSync(path.join(checkout, 'build/packages/*.deb'));
  assert.notEqual(found.length, 0, 'no packages in build/packages: run ./packaging/build deb');
  await host.succeed('DEBIAN_FRONTEND=noninteractive apt-get install -y /srv/packages/*.deb', {
    timeoutMs: 180_000,
  });
}

/** Fails with the unit's status and journal. */
async function assertActive(host: Host, unit: string): Promise<void> {
  const { stdout } = await host.run(`systemctl is-active ${unit}`);
  if (stdout.trim() === 'active') return;
  const status = await host.run(`systemctl status --no-pager --full --lines=30 ${unit}`);
  assert.fail(`${host.name}: ${unit} is ${stdout.trim()}\n${status.stdout}${status.stderr}`);
}

/** Certificate login at getty's prompt; hers is the only certificate on the stick, so that Enter chooses it. */
async function logInAsAlice(host: Host): Promise<Terminal> {
  const console = host.console();
  await console.expect(/login: $/);
  for (const answer of ['alice@demo', '', passphrase]) {
    assert.doesNotMatch(console.screen, /Login incorrect/);
    console.type(answer);
    assert.ok(await console.prompt(500), console.screen);
  }
  assert.match(console.screen, /alice@demo@\S+\$ $/);
  return console;
}

test('packages give a grid: head node, resource node, certificate login on its console', {
  timeout: 480_000,
}, async (t) => {
  const [head, node1] = await hosts(t, ['head', 'node1']);
  await Promise.all([install(head), install(node1)]);
  for (const host of [head, node1]) {
    for (const unit of [
      'xos-helper.socket',
      'xos-accounts-pam.socket',
      'xos-accounts-nss.socket',
      'xos-accounts.service',
    ]) {
      await assertActive(host, unit);
    }
    assert.equal(await host.succeed('systemctl list-units --failed --plain --no-legend'), '');
  }

  await head.succeed('systemctl enable --now xos-vo.service', { timeoutMs: 60_000 });
  await assertActive(head, 'xos-vo.service');
  await head.succeed('xos vo create demo');
  await head.succeed('xos node token demo --out /root/node1.token');
  const token = await head.succeed('cat /root/node1.token');
  await node1.succeed('umask 077; cat >/root/node1.token', { input: token });
  await node1.succeed('xos node join --token-file /root/node1.token --yes', { timeoutMs: 60_000 });

  // alice makes her key on node1; a credential on a stick is all that a login asks of it.
  await head.succeed('xos vo invite alice@demo --out /root/alice.token');
  const invitation = await head.succeed('cat /root/alice.token');
  await node1.succeed('umask 077; cat >/root/alice.token', { input: invitation });
  await node1.succeed('umask 077; cat >/root/alice.passphrase; mkdir -p /media/stick', {
    input: `${passphrase}\n`,
  });
  await node1.succeed(
    'xos cert request alice@demo --token-file /root/alice.token --passphrase-file /root/alice.passphrase --out /media/stick/alice.p12',
    { timeoutMs: 60_000 },
  );
  await waitFor(
    async () => (await node1.run('getent passwd alice@demo')).status === 0,
    20_000,
    'node1 does not resolve alice@demo',
  );

  assert.match(await node1.succeed('userdbctl --no-pager user alice@demo'), /alice@demo/);

  const console = await logInAsAlice(node1);
  console.type('id -un; xos whoami; echo "[""done""]"');
  assert.match(await console.expect(/\[done\]/, 30_000), /VO: demo/);
  assert.match(await node1.succeed('loginctl list-sessions --no-legend'), /alice/);
  console.type('exit');

  // Back after a power cut, with no way to the head node: people log in from what the node holds.
  await node1.killPower();
  await node1.cutNetwork();
  const boot = await node1.boot();
  assert.deepEqual(boot.failedUnits, []);
  const start = performance.now();
  const local = node1.console();
  await local.expect(/login: $/);
  local.type('local');
  await local.expect(/Password: $/);
  local.type(localPassword);
  await local.expect(/\$ $/);
  const waitedMs = Math.round(performance.now() - start);
  assert.ok(waitedMs < 5_000, `a local login took ${waitedMs} ms`);
  t.diagnostic(`local login without the head node: ${waitedMs} ms`);
  local.type('exit');
  (await logInAsAlice(node1)).type('exit');
});
