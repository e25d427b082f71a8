import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { XosError } from '@xtreemos/base';
import type { DaemonMessage } from '@xtreemos/module-protocol';
import { PAM_CODE } from '@xtreemos/module-protocol';
import { FakeVo } from './grid-fixtures.ts';
import { eventually, startHost, TEST_NOW, type TestHost } from './host-fixtures.ts';
import { hostProcesses } from './process-table.ts';

const where = { service: 'login', tty: 'tty1', rhost: '' };
const user = 'alice@physics';

function physics({ homeVolume }: { homeVolume: string | undefined } = { homeVolume: 'home' }): FakeVo {
  const vo = new FakeVo('physics.example', TEST_NOW);
  vo.homeVolume = homeVolume;
  vo.addMember('alice');
  return vo;
}

async function started(
  context: TestContext,
  vo: FakeVo,
  options: Parameters<typeof startHost>[2] = {},
): Promise<TestHost> {
  const host = await startHost(context, [vo], options);
  await eventually(() => host.service.counts().members === 1, 'the member is known');
  host.helper.files.set('alice.pem', (await vo.credential('alice')).file);
  return host;
}

async function login(host: TestHost): Promise<Extract<DaemonMessage, { type: 'session' }>> {
  const proved = await host.ask('pam', { type: 'authenticate', user, ...where, ruser: '' }, [
    '',
    'correct horse',
  ]);
  const last = proved.at(-1);
  assert.equal(last?.type, 'result');
  const handle = (last as Extract<DaemonMessage, { type: 'result' }>).handle;
  const messages = await host.ask('pam', { type: 'openSession', user, ...where, handle, sshAuthInfo: '' });
  const session = messages.find((message) => message.type === 'session');
  assert.ok(session !== undefined, JSON.stringify(messages));
  return session as Extract<DaemonMessage, { type: 'session' }>;
}

async function logout(host: TestHost, { sessionId }: { readonly sessionId: string }): Promise<void> {
  const [answer] = await host.ask('pam', { type: 'closeSession', sessionId });
  assert.deepEqual(answer, { type: 'result', pamCode: PAM_CODE.SUCCESS, message: '', handle: '' });
}

/** What the helper was asked about homes and session files, in its order. */
const ofHomes = (host: TestHost) =>
  host.helper.calls.filter((call) => /home|write-session|remove-session|end-account/.test(call));
const uidOf = (host: TestHost): number => {
  const [uid] = host.helper.mountedHomes;
  assert.ok(uid !== undefined, 'no home is mounted');
  return uid;
};
const start = `start-home ${user} home of physics.example at dir.example:32638`;

test('the first session mounts the home once its proxy is there, the last one unmounts it before that goes', async (context) => {
  const host = await started(context, physics());
  const first = await login(host);
  assert.equal(first.message, '');
  assert.deepEqual(ofHomes(host), ['write-session', start]);
  assert.equal(host.helper.homes.size, 0, 'no local home is made');
  const second = await login(host);
  await logout(host, first);
  assert.equal(host.helper.mountedHomes.size, 1);
  await logout(host, second);
  assert.equal(host.helper.mountedHomes.size, 0);
  assert.deepEqual(ofHomes(host).slice(-3), ['remove-session', 'stop-home', 'remove-session']);
});

test('without a home volume nothing is mounted and homes are local', async (context) => {
  const host = await started(context, physics({ homeVolume: undefined }));
  await logout(host, await login(host));
  assert.deepEqual(ofHomes(host).toSorted(), [`home ${user}`, 'remove-session', 'write-session']);
});

test('a volume that cannot be reached does not keep anybody out, and the person is told', async (context) => {
  const host = await started(context, physics());
  host.helper.mounting = async () => {
    throw new XosError('XOS_LAUNCH_FAILED', {
      what: 'xos-home@1.service',
      uid: 1,
      reason: 'no DIR\u001b[2J',
    });
  };
  const session = await login(host);
  assert.match(
    session.message,
    /^Your home volume home is not reachable: .*no DIR\\x1b\[2J\. .*empty.*later\.$/,
  );
  await logout(host, session);
  host.helper.mounting = async () => {
    throw new XosError('XOS_EXISTS', { what: 'A local home', name: '/home/physics/alice' });
  };
  assert.match((await login(host)).message, /local one is in its place.*administrator/);
});

test('what runs on after the logout keeps the home until it ends', async (context) => {
  const host = await started(context, physics());
  const session = await login(host);
  host.busyUids.add(uidOf(host));
  await logout(host, session);
  await host.service.reapSessions();
  assert.equal(host.helper.mountedHomes.size, 1);
  host.busyUids.clear();
  await host.service.reapSessions();
  assert.equal(host.helper.mountedHomes.size, 0);
});

test('a session that opens while the home is unmounted gets it mounted again', async (context) => {
  const host = await started(context, physics());
  const session = await login(host);
  const unmounting = Promise.withResolvers<void>();
  host.helper.unmounting = () => unmounting.promise;
  const closed = logout(host, session);
  await eventually(() => host.helper.calls.includes('stop-home'), 'unmounting');
  const again = login(host);
  await delay(50);
  unmounting.resolve();
  await closed;
  assert.equal((await again).message, '');
  assert.equal(host.helper.mountedHomes.size, 1);
});

test('no logout waits for a server that is away', async (context) => {
  const host = await started(context, physics());
  const session = await login(host);
  const unmounting = Promise.withResolvers<void>();
  host.helper.unmounting = () => unmounting.promise;
  const startedAt = performance.now();
  await logout(host, session);
  assert.ok(performance.now() - startedAt < 9_000);
  assert.equal(host.service.map.sessions('').length, 0);
  unmounting.resolve();
  await eventually(() => host.helper.mountedHomes.size === 0, 'unmounted in the background');
});

test('the end of an account unmounts after its processes and before its session files', async (context) => {
  const host = await started(context, physics());
  await login(host);
  const uid = uidOf(host);
  await host.service.expireLease(user);
  assert.deepEqual(ofHomes(host).slice(-3), [`end-account ${uid}`, 'stop-home', 'remove-session']);
  assert.equal(host.service.map.account(user).state, 'assigned');
});

test('an account is not clean while its home cannot be unmounted', async (context) => {
  const host = await started(context, physics());
  await login(host);
  host.helper.unmounting = async () => {
    host.helper.unmounting = async () => undefined;
    throw new XosError('XOS_TIMEOUT', { what: 'PID 1', timeoutMs: 1, attempt: 'stop' });
  };
  await host.service.expireLease(user);
  assert.equal(host.helper.calls.filter((call) => call === 'stop-home').length, 2);
  assert.equal(host.helper.mountedHomes.size, 0);
});

test('mounts outlive a restart, and those whose sessions ended meanwhile are found', async (context) => {
  const vo = physics();
  const first = await started(context, vo);
  const session = await login(first);
  await first.service.stop();
  assert.equal(first.helper.mountedHomes.size, 1);
  const second = await started(context, vo, { directory: first.directory });
  await second.service.reapSessions();
  assert.equal(second.helper.calls.includes('stop-home'), false);
  second.leader.start = undefined;
  await second.service.reapSessions();
  assert.equal(second.helper.sessions.has(session.sessionId), false);
  assert.equal(second.helper.calls.includes('stop-home'), true);
});

test('processes of a user are found by what /proc says of them', () => {
  assert.equal(hostProcesses.hasUser(process.getuid?.() ?? 0), true);
  assert.equal(hostProcesses.hasUser(2_030_043_999), false);
});
