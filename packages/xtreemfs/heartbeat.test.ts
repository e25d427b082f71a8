import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { manualClock, silentLogger } from '@xtreemos/base';
import { type Directory, startHeartbeat } from './heartbeat.ts';

/** A DIR in memory that checks versions as a real one does. */
function memoryDirectory() {
  const services = new Map<string, { version: bigint; data: Readonly<Record<string, string>> }>();
  const addresses = new Map<string, bigint>();
  const state = { reachable: true, services, addresses, offline: [] as string[] };
  const reach = () => {
    if (!state.reachable) throw new Error('nobody answers');
  };
  const directory: Directory = {
    async getService(uuid) {
      reach();
      return services.get(uuid);
    },
    async registerService(record, version) {
      reach();
      assert.equal(version, services.get(record.uuid)?.version ?? 0n);
      services.set(record.uuid, { version: version + 1n, data: record.data });
      return version + 1n;
    },
    async getAddressVersion(uuid) {
      reach();
      return addresses.get(uuid) ?? 0n;
    },
    async setAddresses(uuid, _list, version) {
      reach();
      assert.equal(version, addresses.get(uuid) ?? 0n);
      addresses.set(uuid, version + 1n);
    },
    async setOffline(uuid) {
      reach();
      state.offline.push(uuid);
    },
  };
  return { state, directory };
}

describe('registering at the DIR', () => {
  it('tells at each beat what is new, survives an absent DIR and says good-bye', async () => {
    const { state, directory } = memoryDirectory();
    const clock = manualClock();
    let free = 10;
    const heartbeat = startHeartbeat({
      directory,
      uuid: 'osd-1',
      addresses: [{ protocol: 'pbrpcs', address: 'node1', port: 32640 }],
      records: () => [{ type: 'osd', uuid: 'osd-1', name: 'OSD', data: { free: String(free) } }],
      intervalMs: 60_000,
      logger: silentLogger,
      clock,
    });
    assert.equal(heartbeat.ageMs(), undefined);
    assert.equal(await heartbeat.beatNow(), true);
    free = 7;
    clock.advance(500);
    assert.equal(heartbeat.ageMs(), 500);
    assert.equal(await heartbeat.beatNow(), true);
    assert.equal(state.services.get('osd-1')?.data['free'], '7');
    state.reachable = false;
    assert.equal(await heartbeat.beatNow(), false);
    state.reachable = true;
    state.services.clear();
    state.addresses.clear();
    assert.equal(await heartbeat.beatNow(), true);
    assert.deepEqual([state.services.size, state.addresses.size], [1, 1]);
    await heartbeat.stop();
    assert.deepEqual(state.offline, ['osd-1']);
  });

  it('does not hold up the end of a service while the DIR hangs', async () => {
    const { directory } = memoryDirectory();
    const heartbeat = startHeartbeat({
      directory: { ...directory, getAddressVersion: () => new Promise(() => undefined) },
      uuid: 'osd-1',
      addresses: [],
      records: () => [],
      intervalMs: 60_000,
      logger: silentLogger,
      clock: manualClock(),
    });
    const before = performance.now();
    await heartbeat.stop(50);
    assert.ok(performance.now() - before < 5000);
  });
});
