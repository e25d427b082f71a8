import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { VoState } from '@xtreemos/accounts-client';
import { XosError } from '@xtreemos/base';
import { accounts } from './checks/accounts.ts';
import { clock } from './checks/clock.ts';
import { dns } from './checks/dns.ts';
import { service } from './checks/service.ts';
import { HostFixture, now, told, vo } from './host-fixture.ts';

const answer = (skewMs: number, tookMs = 12) => ({
  askService: async () => ({ version: '0.1.0', tookMs, skewMs }),
});

const unreachable = async (): Promise<never> => {
  throw new XosError('XOS_UNREACHABLE', { what: 'the VO service', address: 'head', reason: 'refused' });
};

test('clock: in step, a little off, too far off, without NTP, and what cannot be known', async () => {
  using host = new HostFixture();
  host.join();
  host.program('timedatectl', () => ({ stdout: 'yes\n' }));
  assert.equal((await host.examine(clock)).state, 'ok');
  host.changes = answer(60_000);
  assert.match(told(await host.examine(clock)), /warning: 1 min behind the service/);
  host.changes = answer(-400_000);
  const wrong = await host.examine(clock);
  assert.equal(wrong.state, 'failure');
  assert.match(told(wrong), /6 min 40 s ahead of .*certificates are refused -> timedatectl set-ntp true/);
  host.changes = answer(0);
  host.program('timedatectl', () => ({ stdout: 'no\n' }));
  assert.match(told(await host.examine(clock)), /warning: no time service keeps this clock/);
  host.changes = { askService: unreachable };
  host.programs.delete('timedatectl');
  const unknown = await host.examine(clock);
  assert.equal(unknown.state, 'unchecked');
  assert.match(told(unknown), /there is no timedatectl[\s\S]*does not answer/);
});

test('dns: services and own name, each family', async () => {
  using host = new HostFixture();
  host.join();
  const names: Readonly<Record<string, readonly string[]>> = {
    'head.example.org 4': ['192.0.2.1'],
    'head.example.org 6': ['2001:db8::1'],
    'node1.example.org 6': ['2001:db8::2'],
  };
  host.changes = { lookUp: async (name, family) => names[`${name} ${family}`] ?? [] };
  const good = await host.examine(dns);
  assert.equal(good.state, 'ok', told(good));
  assert.match(told(good), /node1\.example\.org is 2001:db8::2 \(IPv6 only\)/);
  host.changes = { lookUp: async () => [] };
  const bad = await host.examine(dns);
  assert.equal(bad.state, 'failure');
  assert.match(told(bad), /head\.example\.org, a VO service, has no address -> getent ahosts/);
  assert.match(told(bad), /own name node1\.example\.org has no address/);
});

test('service: fast, slow, unreachable, and under another root', async () => {
  using host = new HostFixture();
  assert.equal((await host.examine(service)).state, 'unchecked');
  host.join();
  assert.match(told(await host.examine(service)), /ok: physics\.example\.org: https:\S+ answers in 12 ms/);
  host.changes = answer(0, 2_000);
  assert.equal((await host.examine(service)).state, 'warning');
  host.changes = { askService: unreachable };
  const gone = await host.examine(service);
  assert.equal(gone.state, 'failure');
  assert.match(told(gone), / -> on head\.example\.org: systemctl status xos-vo; .*port 7443/);
  host.changes = {
    askService: async () => {
      throw new XosError('XOS_CHAIN_INVALID', { subject: 'head', reason: 'its root is another' });
    },
  };
  assert.match(told(await host.examine(service)), /its root is another -> .*xos vo root list/);
});

const state: VoState = {
  vo,
  alias: 'physics',
  serviceUrl: 'https://head.example.org:7443',
  connected: true,
  membershipVersion: 3,
  members: 7,
  listExpiresAtMs: now.getTime() + 3_600_000,
  crlAgeMs: 60_000,
};

test('accounts: connected, cut off, with an expired list, without this VO, and stopped', async () => {
  using host = new HostFixture();
  host.join();
  const says = (...vos: readonly VoState[]) => ({ askAccounts: async () => ({ version: '0.1.0', vos }) });
  host.changes = says(state);
  assert.match(told(await host.examine(accounts)), /^ok: .*7 members/);
  host.changes = says({ ...state, connected: false, problem: 'refused' });
  const cut = await host.examine(accounts);
  assert.equal(cut.state, 'warning');
  assert.match(told(cut), /no connection to .*\(refused\); revocations arrive late/);
  host.changes = says({ ...state, listExpiresAtMs: now.getTime() - 1 });
  assert.equal((await host.examine(accounts)).state, 'failure');
  host.changes = says();
  assert.match(told(await host.examine(accounts)), /failure: .*does not know it -> run systemctl reload/);
  host.changes = { askAccounts: unreachable };
  assert.match(
    told(await host.examine(accounts)),
    /failure: .*over D-Bus.* -> systemctl status xos-accounts/,
  );
});
