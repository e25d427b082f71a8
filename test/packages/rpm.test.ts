/**
 * RPM packages as an administrator of Fedora or EL gets them, on a booted Debian that passes for one (like-fedora,
 * fedora-names.spec). Needs `./packaging/build rpm` before.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { checkout } from '../hosts/ground.ts';
import { debianRoot, type Host, hosts, localPassword } from '../hosts/hosts.ts';
import { packageServerUrl } from '../hosts/package-server.ts';
import { waitFor } from '../sandbox/daemon.ts';
import type { Terminal } from '../sandbox/terminal.ts';
import { difference, hostState } from './host-state.ts';
import { RpmRepository } from './rpm-repository.ts';

const passphrase = 'correct horse battery staple';
const sockets = ['xos-helper.socket', 'xos-accounts-pam.socket', 'xos-accounts-nss.socket'] as const;

/** The root of the hosts, as this process sees it. */
async function debianRootHere(): Promise<string> {
  return path.join(checkout, path.relative('/mnt/checkout', await debianRoot('trixie', 'rpm')));
}

/** A host that passes for Fedora, with dnf set up for the repository; nothing of ours is installed. */
async function fedoraHost(t: TestContext): Promise<readonly [Host, RpmRepository]> {
  const repository = await RpmRepository.make(await debianRootHere());
  t.after(() => repository.remove());
  const [host] = await hosts(t, ['fedora'], { variant: 'rpm', serve: repository.folder });
  await host.succeed('mkdir -p /etc/yum.repos.d; cat >/etc/yum.repos.d/xtreemos.repo', {
    input: `[xtreemos]\nname=XtreemOS\nbaseurl=${packageServerUrl}/\ngpgcheck=0\n`,
  });
  await dnf(host, 'install fedora-names authselect-libs');
  await host.succeed('ldconfig');
  await host.succeed('sh -s', { input: readFileSync(path.join(import.meta.dirname, 'like-fedora'), 'utf8') });
  return [host, repository];
}

/** Runs dnf, which has to succeed without a word about scriptlets or anything left behind. @returns what it said. */
async function dnf(host: Host, words: string): Promise<string> {
  const said = await host.succeed(`dnf --assumeyes --setopt=keepcache=0 ${words} 2>&1`, {
    timeoutMs: 300_000,
  });
  assert.doesNotMatch(
    said,
    /scriptlet failed|^(?:warning|error):|cannot remove|remove failed|xos-authselect:/im,
    said,
  );
  return said;
}

async function unitState(host: Host, unit: string): Promise<string> {
  const { stdout } = await host.run(`systemctl is-enabled ${unit}; systemctl is-active ${unit}`);
  return stdout.trim().replace('\n', ' ');
}

/** Socket inodes by path: the same before and after when they never closed. */
async function listening(host: Host): Promise<string> {
  const listing = await host.succeed(
    'awk \'$8 ~ "^/run/xtreemos/(accounts|helper)/" && $4 == "00010000" { print $8, $7 }\' /proc/net/unix',
  );
  return listing.split('\n').sort().join('\n').trim();
}

async function assertWorks(host: Host): Promise<void> {
  for (const unit of [...sockets, 'xos-accounts.service']) {
    assert.equal(await unitState(host, unit), 'enabled active', unit);
  }
  assert.equal(await host.succeed('systemctl list-units --failed --plain --no-legend'), '');
  const paths = (await listening(host)).split('\n').map((line) => line.split(' ')[0]);
  assert.deepEqual(paths, [
    '/run/xtreemos/accounts/nss.sock',
    '/run/xtreemos/accounts/pam.sock',
    '/run/xtreemos/helper/helper.sock',
  ]);
  assert.match(await host.succeed('authselect check'), /valid/);
  assert.equal((await host.succeed('authselect current --raw')).trim(), 'custom/xtreemos with-faillock');
  assert.match(await host.succeed('cat /etc/nsswitch.conf'), /^passwd:\s+files xos systemd$/m);
}

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

async function logInAsLocal(host: Host): Promise<void> {
  const console = host.console();
  await console.expect(/login: $/);
  console.type('local');
  await console.expect(/Password: $/);
  console.type(localPassword);
  await console.expect(/\$ $/);
  console.type('exit');
}

/** One host that is head node and resource node of the VO demo, with alice's credential on a stick. */
async function makeGrid(host: Host): Promise<void> {
  await host.succeed('systemctl enable --now xos-vo.service', { timeoutMs: 60_000 });
  await host.succeed('xos vo create demo');
  await host.succeed('xos node token demo --out /root/node.token');
  await host.succeed('xos node join --token-file /root/node.token --yes', { timeoutMs: 60_000 });
  await host.succeed('xos vo invite alice@demo --out /root/alice.token');
  await host.succeed('umask 077; cat >/root/alice.passphrase; mkdir -p /media/stick', {
    input: `${passphrase}\n`,
  });
  await host.succeed(
    'xos cert request alice@demo --token-file /root/alice.token --passphrase-file /root/alice.passphrase --out /media/stick/alice.p12',
    { timeoutMs: 60_000 },
  );
  await waitFor(
    async () => (await host.run('getent passwd alice@demo')).status === 0,
    20_000,
    'the host does not resolve alice@demo',
  );
}

test('RPM packages: they are installed, work, are upgraded under a session, and go without a trace', {
  timeout: 1_500_000,
}, async (t) => {
  const [host, repository] = await fedoraHost(t);
  const before = await hostState(host);

  // A host that joined nothing.
  await dnf(host, 'install xtreemos-resource xtreemos-head');
  await assertWorks(host);
  assert.equal(await unitState(host, 'xos-vo.service'), 'disabled inactive');
  assert.match(await host.succeed('getent passwd xos-accounts xos-vo'), /^xos-accounts:.*\nxos-vo:/);
  assert.match(
    await host.succeed('sshd -T -C user=alice@demo,host=h,addr=10.77.0.9'),
    /^kbdinteractiveauthentication yes$/m,
  );
  await logInAsLocal(host);
  await dnf(host, 'remove xtreemos-resource xtreemos-head');
  assert.deepEqual(difference(before, await hostState(host)), []);

  // A preset of the site has the last word.
  await host.succeed('mkdir -p /etc/systemd/system-preset');
  await host.succeed('echo disable xos-accounts.service >/etc/systemd/system-preset/00-site.preset');
  await dnf(host, 'install xtreemos-resource xtreemos-head');
  assert.equal(await unitState(host, 'xos-accounts.service'), 'disabled inactive');
  await host.succeed('rm -r /etc/systemd/system-preset; systemctl enable --now xos-accounts.service');

  await makeGrid(host);
  const session = await logInAsAlice(host);
  session.type('id -un; xos whoami; echo "[""done""]"');
  assert.match(await session.expect(/\[done\]/, 30_000), /VO: demo/);

  const openBefore = await listening(host);
  const daemon = await host.succeed('systemctl show --property=MainPID --value xos-accounts.service');
  await repository.addNewerBuild('999');
  await repository.addStub(await debianRootHere(), '2');
  await repository.index();
  await dnf(host, '--refresh upgrade');
  assert.match(await host.succeed('rpm -q xtreemos-accounts libpam-xtreemos'), /-999-1\..*\n.*-999-1\./);
  assert.equal(await listening(host), openBefore);
  assert.notEqual(
    await host.succeed('systemctl show --property=MainPID --value xos-accounts.service'),
    daemon,
    'the daemon was not restarted',
  );
  await assertWorks(host);
  session.type('id -un; echo "[""still""]"');
  assert.match(await session.expect(/\[still\]/, 30_000), /alice@demo/);
  session.type('exit');
  (await logInAsAlice(host)).type('exit');

  // Removed without a word about it, state stays: keys of the VO among it.
  await dnf(host, "remove 'xtreemos-*' 'lib*-xtreemos'");
  await logInAsLocal(host);
  await dnf(host, 'install xtreemos-resource xtreemos-head');
  await host.succeed('systemctl enable --now xos-vo.service', { timeoutMs: 60_000 });
  assert.match(await host.succeed('xos vo list'), /demo/);
  (await logInAsAlice(host)).type('exit');

  // Sessions that still run would keep their files.
  const sessions = 'find /run/xtreemos/session -mindepth 1';
  await waitFor(async () => (await host.succeed(sessions)) === '', 30_000, "alice's session does not end");
  await host.succeed('touch /var/lib/xtreemos/accounts/purge /var/lib/xtreemos/vo/purge');
  await dnf(host, "remove 'xtreemos-*' 'lib*-xtreemos'");
  assert.deepEqual(difference(before, await hostState(host)), []);
});
