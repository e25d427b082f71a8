/** Units as systemd of Debian 12 and 13 runs them. Needs `./packaging/build deb` before. */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { waitFor } from '../sandbox/daemon.ts';
import { type Host, hosts, type Suite } from './hosts.ts';
import { installPackages } from './resource-node.ts';

/** Limits of `systemd-analyze security`; what keeps the helper above the others' is argued in its unit. */
const exposureLimits = {
  'xos-accounts': 2,
  'xos-dir': 2,
  'xos-mrc': 2,
  'xos-osd': 2,
  'xos-vo': 2,
  'xos-helper': 4,
} as const;
const resourceUnits = [
  'xos-helper.socket',
  'xos-accounts-pam.socket',
  'xos-accounts-nss.socket',
  'xos-accounts.service',
] as const;
const profiles = [
  'xos-accounts',
  'xos-dir',
  'xos-helper',
  'xos-home',
  'xos-mrc',
  'xos-osd',
  'xos-vo',
] as const;

for (const suite of ['trixie', 'bookworm'] satisfies readonly Suite[]) {
  test(`the units under systemd of ${suite}`, { timeout: 600_000 }, async (t) => {
    const [node1] = await hosts(t, ['node1'], { suite });
    await installPackages(node1);
    await expectStates(node1, 'active', ...resourceUnits, 'xtreemos-resource.target');
    await expectStates(node1, 'inactive', 'xos-vo.service', 'xtreemos-head.target');
    // It has not joined in their roles.
    await expectStates(node1, 'active', 'xtreemos-fs-server.target');
    await expectStates(node1, 'inactive', 'xos-dir.service', 'xos-mrc.service', 'xos-osd.service');
    await node1.succeed('systemctl enable --now xtreemos-head.target', { timeoutMs: 90_000 });
    await node1.succeed('systemctl start xos-helper.service');

    await exposure(t, node1);
    await statusLines(node1);
    await targets(node1);
    await badConfiguration(node1);
    await watchdog(node1);
    await complaints(node1);
  });
}

async function states(host: Host, units: readonly string[]): Promise<readonly string[]> {
  return (await host.run(`systemctl is-active ${units.join(' ')}`)).stdout.trim().split('\n');
}

async function expectStates(host: Host, expected: string, ...units: readonly string[]): Promise<void> {
  const agree = async () => (await states(host, units)).every((state) => state === expected);
  await waitFor(agree, 60_000, `not all ${expected}: ${units.join(' ')}`).catch(async (error: unknown) => {
    const { stdout } = await host.run(`systemctl status --no-pager --full --lines=20 ${units.join(' ')}`);
    throw new Error(`${String(error)}\n${stdout}`);
  });
}

async function exposure(t: TestContext, host: Host): Promise<void> {
  const version = (await host.succeed('systemctl --version')).split('\n')[0];
  for (const [unit, limit] of Object.entries(exposureLimits)) {
    const table = await host.succeed(`systemd-analyze security --no-pager ${unit}.service`);
    const [, exposed] = /Overall exposure level for .*: ([\d.]+)/.exec(table) ?? [];
    t.diagnostic(`${version}: ${unit} ${exposed} (limit ${limit})`);
    assert.ok(Number(exposed) <= limit, `${unit} is exposed to ${exposed}\n${table}`);
  }
}

async function statusLines(host: Host): Promise<void> {
  const line = async (unit: string) =>
    (await host.succeed(`systemctl show --value --property=StatusText ${unit}`)).trim();
  assert.equal(await line('xos-accounts'), 'No VO joined: xos node join');
  await waitFor(async () => (await line('xos-vo')).includes('ready on'), 10_000, 'xos-vo says nothing');
  assert.match(await line('xos-vo'), /^No VO yet: xos vo create; ready on \*:7443$/);
  await host.succeed('xos vo create demo');
  await waitFor(
    async () => /^1 VO, 0 active members, 0 of 0 nodes connected; /.test(await line('xos-vo')),
    20_000,
    'xos-vo does not count',
  );
  assert.match(await line('xos-helper'), /^Idle; \d+ requests?, last: (publish-map|list-sessions) done at /);
}

async function targets(host: Host): Promise<void> {
  const slice = await host.succeed('systemctl show --value --property=Slice xos-accounts xos-helper xos-vo');
  assert.deepEqual([...new Set(slice.trim().split('\n').filter(Boolean))], ['xtreemos.slice']);
  await host.succeed('systemctl stop xtreemos-resource.target');
  assert.deepEqual([...new Set(await states(host, [...resourceUnits, 'xos-helper.service']))], ['inactive']);
  assert.equal((await host.run('ss -xlH | grep -c /run/xtreemos/accounts')).stdout.trim(), '0');
  assert.deepEqual(await states(host, ['xos-vo.service', 'xtreemos-head.target']), ['active', 'active']);
  await host.succeed('systemctl start xtreemos-resource.target', { timeoutMs: 90_000 });
  assert.deepEqual([...new Set(await states(host, resourceUnits))], ['active']);
  await host.succeed('systemctl restart xtreemos-head.target', { timeoutMs: 90_000 });
  await expectStates(host, 'active', 'xos-vo.service');
}

/** One line, no loop, sockets closed so that nothing waits for a daemon that does not come; a repair takes one command. */
async function badConfiguration(host: Host): Promise<void> {
  const since = (await host.succeed('date +"%F %T.%6N"')).trim();
  await host.succeed("printf '[Accounts]\\nLeaseTime=long\\n' >/etc/xtreemos/accounts.conf");
  assert.notEqual((await host.run('systemctl restart xos-accounts.service')).status, 0);
  // Who asks for a grid name neither waits nor starts it again.
  for (let count = 0; count < 15; count++) await host.run('getent passwd nobody@demo');
  await delay(2000);
  assert.deepEqual(await states(host, ['xos-accounts.service', 'xos-accounts-retry.timer']), [
    'failed',
    'active',
  ]);
  assert.deepEqual(
    [...new Set(await states(host, ['xos-accounts-pam.socket', 'xos-accounts-nss.socket']))],
    ['inactive'],
  );
  const reason = 'Configuration refused: /etc/xtreemos/accounts.conf:2: ';
  const journal = await host.journal('--unit=xos-accounts.service', `--since=${since}`);
  assert.equal(journal.split(reason).length - 1, 1, journal);
  assert.match(await host.succeed('systemctl show --property=NRestarts xos-accounts'), /=0$/m);
  const status = await host.run('systemctl status --no-pager xos-accounts.service');
  assert.ok(status.stdout.includes(`Status: "${reason}`), status.stdout);

  await host.succeed('rm /etc/xtreemos/accounts.conf; systemctl restart xos-accounts.service');
  await expectStates(host, 'active', ...resourceUnits);
  await expectStates(host, 'inactive', 'xos-accounts-retry.timer');
}

/** A daemon that hangs is noticed by its silence and replaced; the sockets stay open meanwhile. */
async function watchdog(host: Host): Promise<void> {
  const pid = async () =>
    (await host.succeed('systemctl show --value --property=MainPID xos-accounts')).trim();
  const before = await pid();
  await host.succeed(`kill -STOP ${before}`);
  await waitFor(async () => ![before, '0'].includes(await pid()), 90_000, 'a stopped daemon is left alone');
  await expectStates(host, 'active', ...resourceUnits);
  assert.match(await host.journal('--unit=xos-accounts.service'), /[Ww]atchdog timeout/);
}

/** Nothing in the units, the profiles or the order of boot that systemd or AppArmor's parser complains about. */
async function complaints(host: Host): Promise<void> {
  const verified = await host.run(
    'systemd-analyze verify --man=no /usr/lib/systemd/system/xos-* /usr/lib/systemd/system/xtreemos*',
    { timeoutMs: 60_000 },
  );
  const ours = `${verified.stdout}${verified.stderr}`
    .split('\n')
    .filter((line) => /xos-|xtreemos|cycle/.test(line));
  assert.deepEqual(ours, []);
  const journal = await host.journal('--boot=0');
  assert.doesNotMatch(journal, /ordering cycle/);
  assert.doesNotMatch(journal, /Unknown key.*(xos-|xtreemos)|(xos-|xtreemos).*Unknown key/);
  for (const profile of profiles) await host.succeed(`test -s /etc/apparmor.d/${profile}`);
}
