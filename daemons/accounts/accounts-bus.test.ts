import assert from 'node:assert/strict';
import test from 'node:test';
import { connectAccounts } from '@xtreemos/accounts-client';
import { silentLogger } from '@xtreemos/base';
import { startPrivateBus } from '@xtreemos/dbus';
import { offerOnBus } from './accounts-bus.ts';
import { FakeVo } from './grid-fixtures.ts';
import { eventually, startHost, TEST_NOW } from './host-fixtures.ts';

test('the bus lists accounts, maps both ways, ends a lease and says so', async (context) => {
  const vo = new FakeVo('physics.example', TEST_NOW);
  vo.addMember('alice', { fqans: ['/physics.example', '/physics.example/atlas'] });
  vo.addMember('bob');
  const host = await startHost(context, [vo]);
  await eventually(() => host.service.counts().members === 2, 'connected');
  const bus = await startPrivateBus();
  context.after(() => bus.remove());
  const offered = offerOnBus(host.service, '1.2.3', silentLogger, bus.address);
  context.after(() => offered.close());
  const client = await connectAccounts({ address: bus.address });
  context.after(() => client.close());
  let version: string | undefined;
  for (const untilMs = performance.now() + 10_000; version === undefined && performance.now() < untilMs; ) {
    version = await client.version().catch(() => undefined);
  }
  assert.equal(version, '1.2.3');

  assert.deepEqual(
    (await client.listAccounts()).map(({ login }) => login),
    ['alice@physics', 'bob@physics'],
  );
  const alice = await client.getAccount('alice@physics');
  assert.deepEqual(alice, host.service.map.account('alice@physics'));
  assert.deepEqual(await client.mapIdentity('alice@physics.example'), alice);
  assert.deepEqual(await client.getAccountByUid(alice.uid), alice);
  await assert.rejects(client.getAccount('nobody@physics'), { code: 'XOS_NOT_FOUND' });
  await assert.rejects(client.mapIdentity('../x'), { code: 'XOS_INPUT_BAD' });
  await assert.rejects(client.getAccountByUid(0), { code: 'XOS_NOT_FOUND' });
  assert.deepEqual(await client.counts(), host.service.counts());
  assert.equal((await client.vos())[0]?.connected, true);

  const signals: string[] = [];
  await client.onAccountLeased((login) => signals.push(`leased ${login}`));
  await client.onSessionOpened((_id, login) => signals.push(`opened ${login}`));
  await client.onAccountEnded((login, uid, reason) =>
    signals.push(`ended ${login} ${uid === alice.uid} ${reason}`),
  );
  await host.ask('pam', {
    type: 'openSession',
    user: 'alice@physics',
    service: 'su',
    tty: '',
    rhost: '',
    handle: '',
    sshAuthInfo: '',
  });
  assert.equal((await client.listSessions('alice@physics'))[0]?.service, 'su');
  assert.deepEqual(
    (await client.listAccounts({ state: 'leased' })).map(({ login }) => login),
    ['alice@physics'],
  );
  await client.expireLease('alice@physics');
  await assert.rejects(client.expireLease('alice@physics'), { code: 'XOS_NOT_FOUND' });
  await client.refresh('physics');
  await assert.rejects(client.refresh('nowhere'), { code: 'XOS_VO_UNKNOWN' });
  await eventually(() => signals.length === 3, 'three signals');
  assert.deepEqual(signals, [
    'leased alice@physics',
    'opened alice@physics',
    'ended alice@physics true ended by the administrator',
  ]);
});

test('without a bus the service goes on', async (context) => {
  const vo = new FakeVo('physics.example', TEST_NOW);
  const host = await startHost(context, [vo]);
  const offered = offerOnBus(host.service, '1', silentLogger, 'unix:path=/nonexistent/bus');
  await offered.close();
  assert.equal(host.service.counts().vos, 1);
});
