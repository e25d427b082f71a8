import assert from 'node:assert/strict';
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { writeNssMap } from '@xtreemos/module-protocol';
import { configuration } from './checks/configuration.ts';
import { databases } from './checks/databases.ts';
import { disk } from './checks/disk.ts';
import { map } from './checks/map.ts';
import { permissions } from './checks/permissions.ts';
import { units } from './checks/units.ts';
import { versions } from './checks/versions.ts';
import type { CommandOutcome } from './examined-host.ts';
import { accountsId, HostFixture, told, vo } from './host-fixture.ts';
import { runProgram } from './this-host.ts';

const names = [
  'xos-accounts.service',
  'xos-accounts-nss.socket',
  'xos-accounts-pam.socket',
  'xos-helper.service',
  'xos-helper.socket',
  'xos-vo.service',
  'xos-osd.service',
];

/** systemd that knows these units, each with the properties given over those of one that is well. */
function systemd(
  host: HostFixture,
  changes: Readonly<Record<string, Readonly<Record<string, string>>>> = {},
): void {
  host.program('systemctl', (args) => ({
    stdout: args
      .filter((word) => names.includes(word))
      .map((name) => {
        const fields = {
          Id: name,
          LoadState: 'loaded',
          ActiveState: 'active',
          Result: 'success',
          UnitFileState: 'enabled',
          NRestarts: '0',
          ExecMainStartTimestamp: '@4000000000',
          MainPID: '17',
          ...changes[name],
        };
        return Object.entries(fields)
          .map(([key, value]) => `${key}=${value}\n`)
          .join('');
      })
      .join('\n'),
  }));
}

test('units: well, failed, stopped, restarted, masked, unknown; the helper may wait for its socket', async () => {
  using host = new HostFixture();
  systemd(host);
  assert.match(told(await host.examine(units)), /^ok: xos-accounts, xos-helper active; 3 sockets listen/);
  systemd(host, { 'xos-helper.service': { ActiveState: 'inactive' } });
  assert.equal((await host.examine(units)).state, 'ok');
  for (const [change, expected, state] of [
    [{ ActiveState: 'failed', Result: 'watchdog' }, /failed \(watchdog\) -> .*systemctl restart/, 'failure'],
    [{ NRestarts: '5' }, /restarted 5 times.* -> .*journalctl/, 'warning'],
    [{ LoadState: 'masked' }, /masked.* -> systemctl unmask/, 'failure'],
    [{ LoadState: 'not-found' }, /does not know/, 'failure'],
    [{ ActiveState: 'inactive' }, /is inactive -> systemctl start/, 'warning'],
  ] as const) {
    systemd(host, { 'xos-accounts.service': change });
    const result = await host.examine(units);
    assert.equal(result.state, state, told(result));
    assert.match(told(result), expected);
  }
  host.join();
  assert.equal((await host.examine(units)).state, 'failure', 'stopped on a host that has joined');
  host.program('systemctl', () => ({ status: 1 }));
  assert.equal((await host.examine(units)).state, 'unchecked');
  rmSync(join(host.root, 'run'), { recursive: true });
  assert.match(told(await host.examine(units)), /PID 1 is not systemd/);
});

test('units: a head node whose service was never started is told how', async () => {
  using host = new HostFixture();
  host.write('/usr/lib/systemd/system/xos-vo.service', '');
  systemd(host, { 'xos-vo.service': { ActiveState: 'inactive', UnitFileState: 'disabled' } });
  assert.match(
    told(await host.examine(units)),
    /warning: .*never started -> systemctl enable --now xos-vo\.service/,
  );
});

test('units: servers of XtreemFS run where the host joined as such, unless they were disabled', async () => {
  using host = new HostFixture();
  host.join();
  host.write('/usr/lib/xtreemos/daemons/dir.js', '');
  systemd(host, { 'xos-osd.service': { ActiveState: 'inactive' } });
  assert.equal((await host.examine(units)).state, 'ok');
  host.write(`/etc/xtreemos/host/${vo}/osd.pem`, '');
  assert.match(told(await host.examine(units)), /failure: xos-osd\.service is inactive -> systemctl start/);
  systemd(host, { 'xos-osd.service': { ActiveState: 'inactive', UnitFileState: 'disabled' } });
  assert.equal((await host.examine(units)).state, 'ok');
});

test('versions: one, several, a daemon older than its package, a service of another release', async () => {
  using host = new HostFixture();
  host.join();
  systemd(host);
  host.program('dpkg-query', () => ({
    stdout: 'ii |xtreemos-cli|0.1.0\nii |libnss-xtreemos|0.1.0\nrc |xtreemos-vo|0.0.9\n',
  }));
  assert.match(told(await host.examine(versions)), /^ok: 2 packages of version 0\.1\.0/);
  host.program('dpkg-query', () => ({ stdout: 'ii |xtreemos-cli|0.1.0\nii |libnss-xtreemos|0.0.9\n' }));
  assert.match(told(await host.examine(versions)), /warning: packages of different versions: .*0\.0\.9/);
  host.programs.delete('dpkg-query');
  host.program('rpm', () => ({ stdout: 'xtreemos-cli|0.1.0-1\n' }));
  systemd(host, { 'xos-accounts.service': { ExecMainStartTimestamp: '@1000000000' } });
  assert.match(
    told(await host.examine(versions)),
    /xos-accounts runs since before .* -> systemctl restart xos-accounts/,
  );
  host.changes = { askService: async () => ({ version: '0.2.0~git1', tookMs: 1, skewMs: 0 }) };
  assert.match(told(await host.examine(versions)), /runs 0\.2\.0~git1, this host 0\.1\.0/);
});

test('configuration: what the daemons say, and records that cannot be read', async () => {
  using host = new HostFixture();
  const node = '/usr/lib/xtreemos/bin/node';
  host.program(node, () => ({}));
  assert.match(told(await host.examine(configuration)), /^ok: xos-accounts, xos-helper accept theirs/);
  host.program(node, (args) =>
    args[0]?.includes('helper') === true ? { status: 2, stderr: '<3>helper.conf:4: Port= is no port\n' } : {},
  );
  assert.match(
    told(await host.examine(configuration)),
    /^failure: helper\.conf:4: Port= is no port -> xos config cat helper/,
  );
  host.program(node, () => ({ stderr: '<4>accounts.conf:2: unknown key\n' }));
  assert.equal((await host.examine(configuration)).state, 'warning');
  host.changes = { badRecords: ['physics.conf:2: bad'] };
  assert.equal((await host.examine(configuration)).state, 'failure');
});

test('map: right, missing on a node, damaged', async () => {
  using host = new HostFixture();
  assert.equal((await host.examine(map)).state, 'unchecked');
  host.join();
  assert.match(told(await host.examine(map)), /warning: .*is missing.* -> systemctl restart/);
  const bytes = writeNssMap({
    passwd: [],
    groups: [{ name: 'members@physics', gid: 2013265920, members: [] }],
  });
  const file = host.write('/run/xtreemos/nss/accounts.map', bytes);
  assert.match(told(await host.examine(map)), /^ok: 0 accounts and 1 groups/);
  bytes[bytes.length - 20] = (bytes[bytes.length - 20] ?? 0) ^ 0xff;
  writeFileSync(file, bytes);
  assert.match(told(await host.examine(map)), /failure: .*wrong checksum/);
});

/** The check's own program, in the runtime that runs the tests. */
const withNode = (host: HostFixture): void => {
  host.changes = {
    run: (program: string, args: readonly string[]): Promise<CommandOutcome> => runProgram(program, args),
  };
};

test('databases: whole at rest and while open, damaged, left in the middle; nothing is written beside them', async () => {
  using host = new HostFixture();
  withNode(host);
  assert.equal((await host.examine(databases)).state, 'unchecked');
  const file = host.write('/var/lib/xtreemos/accounts/accounts.db', '');
  const database = new DatabaseSync(file);
  database.exec('PRAGMA journal_mode = WAL; CREATE TABLE lease (id TEXT); CREATE INDEX i ON lease (id)');
  for (let n = 0; n < 500; n += 1) database.exec(`INSERT INTO lease VALUES ('${'x'.repeat(50)}${n}')`);
  assert.equal((await host.examine(databases)).state, 'ok', 'held by a daemon');
  database.close();
  const before = readdirSync(join(host.root, 'var/lib/xtreemos/accounts'));
  const rest = await host.examine(databases);
  assert.equal(rest.state, 'ok', told(rest));
  assert.deepEqual(readdirSync(join(host.root, 'var/lib/xtreemos/accounts')), before);

  writeFileSync(`${file}-wal`, '');
  assert.match(
    told(await host.examine(databases)),
    /unchecked: .*was not closed.* -> systemctl start xos-accounts/,
  );
  assert.ok(!existsSync(`${file}-shm`));
  rmSync(`${file}-wal`);

  writeFileSync(file, Buffer.alloc(20_000, 7), { flag: 'r+' });
  const damaged = await host.examine(databases);
  assert.equal(damaged.state, 'failure', told(damaged));
  assert.match(told(damaged), /is damaged: .* -> systemctl stop xos-accounts; keep a copy/);
});

test('disk: room, little, none; inodes', async () => {
  using host = new HostFixture();
  host.directory('/var/lib/xtreemos', 0o755);
  const good = { device: '1', totalBytes: 1e12, freeBytes: 5e11, totalInodes: 1e6, freeInodes: 9e5 };
  const withSpace = (change: Partial<typeof good>) => ({ space: async () => ({ ...good, ...change }) });
  host.changes = withSpace({});
  assert.equal((await host.examine(disk)).state, 'ok');
  host.changes = withSpace({ totalBytes: 4e9, freeBytes: 1e8 });
  assert.match(told(await host.examine(disk)), /warning: .* left -> df -h/);
  host.changes = withSpace({ freeBytes: 1e6 });
  assert.match(told(await host.examine(disk)), /failure: .* is full/);
  host.changes = withSpace({ freeInodes: 0 });
  assert.match(told(await host.examine(disk)), /failure: .*no inodes.* -> df -i/);
  host.changes = withSpace({ freeInodes: 15_000 });
  assert.equal((await host.examine(disk)).state, 'warning');
});

test('permissions: as made by tmpfiles.d, then opened to others, given away', {
  skip: process.geteuid?.() !== 0 && 'needs root',
}, async () => {
  using host = new HostFixture();
  host.directory('/etc/xtreemos', 0o755);
  host.directory('/var/lib/xtreemos', 0o755);
  const state = host.directory('/var/lib/xtreemos/accounts', 0o755, accountsId);
  const database = host.write('/var/lib/xtreemos/accounts/accounts.db', '', 0o600);
  host.own(database, accountsId, accountsId);
  const session = host.directory('/run/xtreemos/session', 0o711);
  const good = await host.examine(permissions);
  assert.equal(good.state, 'ok', told(good));
  host.directory('/run/xtreemos/session', 0o755);
  assert.match(
    told(await host.examine(permissions)),
    new RegExp(`has mode 0755, not 0711 -> chmod 0711 ${session}`),
  );
  host.directory('/run/xtreemos/session', 0o711);
  host.own(database, 0, 0);
  assert.match(
    told(await host.examine(permissions)),
    /belongs to uid 0, not to xos-accounts.* -> chown xos-accounts/,
  );
  host.own(database, accountsId, accountsId);
  host.own(state, 1000, accountsId);
  assert.equal((await host.examine(permissions)).state, 'failure');
});
