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
const limits: Readonly<Record<string, number>> = { 'xos-helper.service': 4 };

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
    for (const program of ['usr/lib/xtreemos/bin/node', 'bin/kill']) {
      await mkdir(join(root, program, '..'), { recursive: true });
      await writeFile(join(root, program), '#!/bin/sh\n');
      await chmod(join(root, program), 0o755);
    }
    for (const directory of ['etc', 'run', 'var']) await mkdir(join(root, directory), { recursive: true });
    const targets = (await readdir('/usr/lib/systemd/system')).filter((name) =>
      /^(basic|sockets|multi-user|sysinit|shutdown|network|network-online|nss-user-lookup|time-sync)\.target$/.test(
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
      'xos-accounts.service': 'enabled',
      'xos-helper.service': 'indirect',
      'xos-helper.socket': 'enabled',
      'xos-vo.service': 'disabled',
    });
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
