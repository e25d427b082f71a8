import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';

const run = promisify(execFile);
const here = import.meta.dirname;
const hardest = 2;
/** What keeps an exposure above `hardest`, argued in the unit. */
const limits: Readonly<Record<string, number>> = { 'xos-helper.service': 4, 'xos-home@.service': 4.5 };

describe('the systemd files', { timeout: 60_000 }, () => {
  let root: string;
  const units = async () => (await readdir(join(here, 'system'))).sort();
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'xos-units-'));
    for (const [from, to] of [
      ['system', 'usr/lib/systemd/system'],
      ['system-preset', 'usr/lib/systemd/system-preset'],
      ['sysusers.d', 'usr/lib/sysusers.d'],
      ['tmpfiles.d', 'usr/lib/tmpfiles.d'],
    ] as const) {
      await cp(join(here, from), join(root, to), { recursive: true });
    }
    for (const program of [
      'usr/lib/xtreemos/bin/node',

      'bin/kill',
      'bin/umount',
    ]) {
      await mkdir(join(root, program, '..'), { recursive: true });
      await writeFile(join(root, program), '#!/bin/sh\n');
      await chmod(join(root, program), 0o755);
    }
    for (const directory of ['etc', 'run', 'var']) await mkdir(join(root, directory), { recursive: true });
    const targets = (await readdir('/usr/lib/systemd/system')).filter((name) =>
      /^(basic|sockets|slices|timers|multi-user|sysinit|shutdown|network|network-online|nss-user-lookup|time-sync|time-set)\.target$/.test(
        name,
      ),
    );
    for (const target of targets)
      await cp(join('/usr/lib/systemd/system', target), join(root, 'usr/lib/systemd/system', target));
  });
  after(() => rm(root, { recursive: true, force: true }));

  it('are units that systemd understands without a complaint', async () => {
    const { stderr } = await run('systemd-analyze', [
      'verify',
      `--root=${root}`,
      '--man=no',
      ...(await units()),
    ]);
    assert.equal(stderr, '');
  });

  it('expose little to a daemon that was taken over', async () => {
    for (const unit of (await units()).filter((name) => name.endsWith('.service'))) {
      const file = join(here, 'system', unit);
      const { stdout } = await run('systemd-analyze', ['--offline=true', '--no-pager', 'security', file]);
      const exposure = Number(/Overall exposure level.*: ([\d.]+)/.exec(stdout)?.[1]);
      assert.ok(exposure <= (limits[unit] ?? hardest), `${unit} is exposed to ${exposure}\n${stdout}`);
    }
  });

  it('start nothing at installation but what an idle host can have', async () => {
    await run('systemctl', [`--root=${root}`, 'preset', ...(await units())]);
    const { stdout } = await run('systemctl', [`--root=${root}`, 'is-enabled', ...(await units())]).catch(
      (error) => error,
    );
    const states = Object.fromEntries(
      (await units()).map((unit, index) => [unit, stdout.split('\n')[index]]),
    );
    assert.deepEqual(states, {
      'xos-accounts-nss.socket': 'enabled',
      'xos-accounts-pam.socket': 'enabled',
      'xos-accounts-retry.timer': 'static',
      'xos-accounts.service': 'enabled',
      'xos-dir.service': 'enabled',
      'xos-helper-retry.timer': 'static',
      'xos-helper.service': 'indirect',
      'xos-helper.socket': 'enabled',
      'xos-home@.service': 'static',
      'xos-mrc.service': 'enabled',
      'xos-osd.service': 'enabled',
      'xos-vo.service': 'disabled',
      'xtreemos-fs-server.target': 'enabled',
      'xtreemos-head.target': 'disabled',
      'xtreemos-resource.target': 'enabled',
      'xtreemos.slice': 'static',
    });
  });

  it('belong to a role: its target starts, stops and restarts them, and nothing of the host waits for them', async () => {
    const roles = {
      'xtreemos-resource.target': /^xos-(accounts|helper)/,
      'xtreemos-head.target': /^xos-vo/,
      'xtreemos-fs-server.target': /^xos-(dir|mrc|osd)/,
    };
    // Homes stay while daemons go: they belong to the sessions that use them.
    const started = (await units()).filter((name) => /(?<!@)\.(service|socket)$/.test(name));
    for (const unit of await units()) {
      const text = await readFile(join(here, 'system', unit), 'utf8');
      if (/\.target$/.test(unit)) {
        assert.match(text, /^After=multi-user\.target$/m, unit);
        continue;
      }
      if (!started.includes(unit)) continue;
      const [target] = Object.entries(roles).find(([, pattern]) => pattern.test(unit)) ?? [];
      assert.match(text, new RegExp(`^PartOf=${target}$`, 'm'), unit);
      // A service before a target of the host would hold up the host for as long as it hangs in its start.
      if (unit.endsWith('.service')) {
        assert.doesNotMatch(text, /^Before=/m, unit);
        assert.match(text, /^Slice=xtreemos\.slice$/m, unit);
      }
    }
  });

  it('have AppArmor profiles that the parser takes, one for each service, which start without AppArmor too', async () => {
    const include = ['-I', join(here, 'apparmor.d'), '-I', '/etc/apparmor.d'];
    for (const unit of (await units()).filter((name) => name.endsWith('.service'))) {
      const profile = unit.replace(/@?\.service$/, '');
      const text = await readFile(join(here, 'system', unit), 'utf8');
      assert.match(text, new RegExp(`^AppArmorProfile=-${profile}$`, 'm'));
      const file = join(here, 'apparmor.d', profile);
      await run('apparmor_parser', ['--skip-kernel-load', '--skip-cache', ...include, file]);
      assert.match(await readFile(file, 'utf8'), new RegExp(`^profile ${profile} flags=`, 'm'));
    }
  });

  it('make users that cannot log in, and directories with their rights', async () => {
    await run('systemd-sysusers', [`--root=${root}`, 'xtreemos.conf']);
    const passwd = (await readFile(join(root, 'etc/passwd'), 'utf8')).trim().split('\n');
    assert.deepEqual(passwd.map((line) => line.split(':')[0]).sort(), [
      'xos-accounts',
      'xos-exec',
      'xos-fs',
      'xos-hardware',
      'xos-srds',
      'xos-vo',
    ]);
    for (const line of passwd) assert.match(line, /nologin$/);
    await run('systemd-tmpfiles', [`--root=${root}`, '--create', 'xtreemos.conf']);
    const modeOf = async (path: string) => (await stat(join(root, path))).mode & 0o7777;
    assert.equal(await modeOf('run/xtreemos/session'), 0o711);
    assert.equal(await modeOf('run/xtreemos/accounts'), 0o755);
  });

  it('guard with polkit exactly the verbs that the accounts daemon asks it about', async () => {
    const policy = await readFile(join(here, 'polkit-1/actions/org.xtreemos.accounts.policy'), 'utf8');
    const declared = [...policy.matchAll(/<action id="([^"]+)"/g)].map((match) => match[1]);
    const source = await readFile(join(here, '../daemons/accounts/accounts-bus.ts'), 'utf8');
    const asked = [...source.matchAll(/'(org\.xtreemos\.accounts\.[a-z-]+)'/g)].map((match) => match[1]);
    assert.deepEqual(declared.toSorted(), asked.toSorted());
  });

  it('let only xos-accounts own its bus name', async () => {
    const policy = await readFile(join(here, 'dbus-1/system.d/org.xtreemos.Accounts1.conf'), 'utf8');
    const owners = [
      ...policy.matchAll(/<policy user="([^"]+)">\s*<allow own="org\.xtreemos\.Accounts1"\/>/g),
    ];
    assert.deepEqual(
      owners.map((match) => match[1]),
      ['xos-accounts'],
    );
    assert.equal(policy.match(/ own=/g)?.length, 1);
  });
});
