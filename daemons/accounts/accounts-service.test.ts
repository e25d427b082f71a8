import assert from 'node:assert/strict';
import test from 'node:test';
import { makeCrl } from '@xtreemos/identity';
import type { DaemonMessage } from '@xtreemos/module-protocol';
import { PAM_CODE, PROMPT_STYLE } from '@xtreemos/module-protocol';
import { FakeVo } from './grid-fixtures.ts';
import { eventually, keySerialOf, startHost, TEST_NOW, type TestHost } from './host-fixtures.ts';

const where = { service: 'login', tty: 'tty1', rhost: '' };

function physics(): FakeVo {
  const vo = new FakeVo('physics.example', TEST_NOW);
  vo.addMember('alice', { fqans: ['/physics.example', '/physics.example/atlas'] });
  vo.addMember('bob');
  return vo;
}

async function connected(host: TestHost, members: number): Promise<void> {
  await eventually(() => host.service.counts().members === members, `${members} members`);
}

function result(messages: readonly DaemonMessage[]) {
  const last = messages.at(-1);
  assert.equal(last?.type, 'result', JSON.stringify(messages));
  return last as Extract<DaemonMessage, { type: 'result' }>;
}

async function authenticate(host: TestHost, user: string, ...answers: string[]) {
  return result(await host.ask('pam', { type: 'authenticate', user, ...where, ruser: '' }, answers));
}

async function openSession(host: TestHost, user: string, handle: string, sshAuthInfo = '') {
  const messages = await host.ask('pam', { type: 'openSession', user, ...where, handle, sshAuthInfo });
  const session = messages.find((message) => message.type === 'session');
  assert.ok(session !== undefined, JSON.stringify(messages));
  return session as Extract<DaemonMessage, { type: 'session' }>;
}

test('a member logs in with a certificate, opens a session, closes it, and nothing is left', async (context) => {
  const vo = physics();
  const host = await startHost(context, [vo]);
  await connected(host, 2);
  host.helper.files.set('alice.p12', (await vo.credential('alice', { pkcs12: true })).file);

  const login = await host.ask('pam', { type: 'authenticate', user: 'alice@physics', ...where, ruser: '' }, [
    '',
    'correct horse',
  ]);
  const prompts = login.filter((message) => message.type === 'prompt');
  assert.deepEqual(
    prompts.map(({ style }) => style),
    [PROMPT_STYLE.ECHO_ON, PROMPT_STYLE.ECHO_OFF],
  );
  const { pamCode, handle } = result(login);
  assert.equal(pamCode, PAM_CODE.SUCCESS);
  assert.equal(
    result(await host.ask('pam', { type: 'account', user: 'alice@physics', ...where })).pamCode,
    PAM_CODE.SUCCESS,
  );
  assert.equal(host.service.map.account('alice@physics').state, 'leased');

  const session = await openSession(host, 'alice@physics', handle);
  const pem = session.credential.toString('latin1');
  assert.match(pem, /BEGIN CERTIFICATE/);
  assert.match(pem, /PRIVATE KEY/);
  assert.equal(host.helper.sessions.get(session.sessionId), pem);
  assert.ok(session.credentialTimeoutSeconds > 3600);
  const environment = new Map(session.environment.map((entry) => [entry.split('=')[0], entry]));
  assert.equal(environment.get('XOS_VO'), 'XOS_VO=physics.example');
  assert.equal(environment.get('XOS_FQANS'), 'XOS_FQANS=/physics.example:/physics.example/atlas');
  assert.match(environment.get('X509_USER_PROXY') ?? '', /proxy\.pem$/);
  assert.equal(host.service.map.sessions('alice@physics').length, 1);

  const closed = await host.ask('pam', { type: 'closeSession', sessionId: session.sessionId });
  assert.equal(result(closed).pamCode, PAM_CODE.SUCCESS);
  assert.equal(host.helper.sessions.size, 0);
  assert.deepEqual(host.helper.revokedKeys, [keySerialOf(session.sessionId)]);
  assert.equal(host.service.map.sessions('').length, 0);
  const again = await host.ask('pam', { type: 'closeSession', sessionId: session.sessionId });
  assert.equal(result(again).pamCode, PAM_CODE.SUCCESS, 'closing twice is no error');
});

test('a handle works once, for its own name, for two minutes', async (context) => {
  const vo = physics();
  const host = await startHost(context, [vo]);
  await connected(host, 2);
  host.helper.files.set('alice.pem', (await vo.credential('alice')).file);
  const login = async () => (await authenticate(host, 'alice@physics', '', 'correct horse')).handle;
  const refused = async (user: string, handle: string) =>
    result(await host.ask('pam', { type: 'openSession', user, ...where, handle, sshAuthInfo: '' })).pamCode;

  const once = await login();
  await openSession(host, 'alice@physics', once);
  assert.equal(await refused('alice@physics', once), PAM_CODE.SESSION_ERR);
  const others = await login();
  assert.equal(await refused('bob@physics', others), PAM_CODE.SESSION_ERR);
  assert.equal(
    await refused('alice@physics', others),
    PAM_CODE.SESSION_ERR,
    'a handle shown under another name is used up',
  );
  const old = await login();
  host.clock.advance(120_001);
  assert.equal(await refused('alice@physics', old), PAM_CODE.SESSION_ERR);
  assert.equal(await refused('alice@physics', 'x'.repeat(43)), PAM_CODE.SESSION_ERR);
});

test('who is not the member does not get in, and is told nothing of why', async (context) => {
  const vo = physics();
  const chemistry = new FakeVo('chemistry.example', TEST_NOW);
  chemistry.addMember('alice');
  const host = await startHost(context, [vo, chemistry]);
  await connected(host, 3);
  const files = host.helper.files;
  files.set('alice.pem', (await vo.credential('alice')).file);
  files.set('bob.pem', (await vo.credential('bob')).file);
  files.set('chemistry.pem', (await chemistry.credential('alice')).file);
  files.set(
    'impostor.pem',
    (await vo.credential('alice', { guid: '00000000-0000-4000-8000-000000000000' })).file,
  );
  files.set('expired.pem', (await vo.credential('alice', { lifetimeSeconds: 1 })).file);
  files.set('plain.pem', (await vo.credential('alice', { passphrase: '' })).file);
  files.set('garbage.pem', Buffer.from('-----BEGIN CERTIFICATE-----\nAAAA\n'));
  host.clock.advance(400_000);
  for (const [file, passphrase] of [
    ['alice.pem', 'wrong'],
    ['bob.pem', 'correct horse'],
    ['chemistry.pem', 'correct horse'],
    ['impostor.pem', 'correct horse'],
    ['expired.pem', 'correct horse'],
    ['plain.pem', ''],
    ['garbage.pem', 'correct horse'],
    ['nothing.pem', 'correct horse'],
  ] as const) {
    host.clock.advance(60_000);
    const refused = await authenticate(host, 'alice@physics', file, passphrase);
    assert.equal(refused.pamCode, PAM_CODE.AUTH_ERR, `${file}: ${refused.message}`);
    assert.equal(refused.handle, '');
  }
  assert.equal(
    (await authenticate(host, 'mallory@physics', 'alice.pem', 'correct horse')).pamCode,
    PAM_CODE.AUTH_ERR,
  );
  assert.equal(
    (await authenticate(host, 'alice@nowhere', 'alice.pem', 'correct horse')).pamCode,
    PAM_CODE.AUTH_ERR,
  );
  assert.equal(
    (await authenticate(host, 'alice@physics', 'alice.pem', 'correct horse')).pamCode,
    PAM_CODE.SUCCESS,
  );
});

test('an unknown name is asked the same questions as a known one', async (context) => {
  const vo = physics();
  const host = await startHost(context, [vo]);
  await connected(host, 2);
  host.helper.files.set('alice.pem', (await vo.credential('alice')).file);
  const conversation = async (user: string) =>
    (await host.ask('pam', { type: 'authenticate', user, ...where, ruser: '' }, ['', 'wrong'])).map(
      (message) => (message.type === 'prompt' ? message.text : JSON.stringify(message)),
    );
  assert.deepEqual(await conversation('nobody@physics'), await conversation('alice@physics'));
});

test('several credentials are listed, and the named one is taken', async (context) => {
  const vo = physics();
  const host = await startHost(context, [vo]);
  await connected(host, 2);
  host.helper.files.set('alice.pem', (await vo.credential('alice')).file);
  host.helper.files.set('bob.pem', (await vo.credential('bob')).file);
  const messages = await host.ask('pam', { type: 'authenticate', user: 'bob@physics', ...where, ruser: '' }, [
    '',
    '',
    'bob.pem',
    'correct horse',
  ]);
  assert.equal(result(messages).pamCode, PAM_CODE.SUCCESS);
  assert.ok(
    messages.some((message) => message.type === 'prompt' && /alice\.pem, bob\.pem/.test(message.text)),
  );
});

test('the VO password logs in with a certificate issued on the spot', async (context) => {
  const vo = physics();
  vo.passwords.set('alice', 'a VO password');
  const host = await startHost(context, [vo]);
  await connected(host, 2);
  assert.notEqual((await authenticate(host, 'alice@physics', 'password', 'wrong')).pamCode, PAM_CODE.SUCCESS);
  assert.notEqual(
    (await authenticate(host, 'nobody@physics', 'password', 'a VO password')).pamCode,
    PAM_CODE.SUCCESS,
  );
  const { pamCode, handle } = await authenticate(host, 'alice@physics', 'password', 'a VO password');
  assert.equal(pamCode, PAM_CODE.SUCCESS);
  assert.match((await openSession(host, 'alice@physics', handle)).credential.toString(), /PRIVATE KEY/);
});

test('a member who leaves loses the session, the processes and the name, and the uid rests', async (context) => {
  const vo = physics();
  const host = await startHost(context, [vo]);
  await connected(host, 2);
  const session = await openSession(host, 'alice@physics', '');
  const { uid } = host.service.map.account('alice@physics');
  const ended: string[] = [];
  host.service.observe({
    accountLeased: () => undefined,
    accountEnded: (login, _uid, reason) => ended.push(`${login}: ${reason}`),
    sessionOpened: () => undefined,
    sessionClosed: () => undefined,
    stateChanged: () => undefined,
  });
  vo.removeMember('alice');
  vo.push({ type: 'membership', vo: vo.id, version: vo.version });
  await eventually(() => ended.length > 0, 'the account ended');
  assert.deepEqual(ended, ['alice@physics: the membership ended']);
  assert.ok(host.helper.calls.includes(`end-account ${uid}`));
  assert.ok(host.helper.calls.includes(`sweep ${uid}`));
  assert.equal(host.service.map.sessions('').length, 0);
  assert.equal(host.helper.sessions.has(session.sessionId), false);
  await eventually(() => !host.helper.mapNames.includes('alice@physics'), 'the name is off the map');
  const quarantined = host.service.map.listAccounts({ state: 'quarantined' });
  assert.deepEqual(
    quarantined.map((account) => account.uid),
    [uid],
  );
  assert.equal(
    result(await host.ask('pam', { type: 'account', user: 'alice@physics', ...where })).pamCode,
    PAM_CODE.USER_UNKNOWN,
  );
});

test('an account that ends while the leader is moved into its cgroup opens no session', async (context) => {
  const vo = physics();
  const host = await startHost(context, [vo]);
  await connected(host, 2);
  host.helper.files.set('alice.p12', (await vo.credential('alice', { pkcs12: true })).file);
  const { handle } = await authenticate(host, 'alice@physics', '', 'correct horse');
  host.helper.placing = () => host.service.expireLease('alice@physics');
  const request = { type: 'openSession', user: 'alice@physics', ...where, handle, sshAuthInfo: '' } as const;
  const messages = await host.ask('pam', request);
  assert.equal(result(messages).pamCode, PAM_CODE.SESSION_ERR);
  assert.equal(host.service.map.sessions('').length, 0);

  // One without a credential is not even told of its id.
  host.helper.placing = async () => undefined;
  await eventually(() => host.service.map.account('alice@physics').state !== 'ending', 'cleaned up');
  host.helper.placing = () => host.service.expireLease('alice@physics');
  const without = await host.ask('pam', { ...request, handle: '' });
  assert.deepEqual(
    without.map(({ type }) => type),
    ['result'],
  );
  assert.equal(result(without).pamCode, PAM_CODE.SESSION_ERR);
});

test('a certificate revoked while its session runs ends the session, and no longer logs in', async (context) => {
  const vo = physics();
  const host = await startHost(context, [vo]);
  await connected(host, 2);
  const alice = await vo.credential('alice');
  host.helper.files.set('alice.pem', alice.file);
  const { handle } = await authenticate(host, 'alice@physics', '', 'correct horse');
  await openSession(host, 'alice@physics', handle);
  vo.revoke(alice.certificate);
  vo.push({ type: 'crl', vo: vo.id, version: vo.crlNumber });
  await eventually(() => host.service.map.sessions('').length === 0, 'the session ended');
  assert.equal((await authenticate(host, 'alice@physics', '', 'correct horse')).pamCode, PAM_CODE.AUTH_ERR);
});

test('without its VO service a host goes on until the list expires', async (context) => {
  const vo = physics();
  const host = await startHost(context, [vo]);
  await connected(host, 2);
  vo.disconnect();
  await eventually(() => host.service.vos()[0]?.connected === false, 'disconnected');
  assert.match(host.service.vos()[0]?.problem ?? '', /connection/);
  const account = async () =>
    result(await host.ask('pam', { type: 'account', user: 'alice@physics', ...where }));
  assert.equal((await account()).pamCode, PAM_CODE.SUCCESS);
  host.clock.advance(86_400_000 + 1000);
  const stale = await account();
  assert.equal(stale.pamCode, PAM_CODE.AUTHINFO_UNAVAIL);
  assert.match(stale.message, /membership list of VO physics.example expired/);
});

test('a list that is older, of another VO, or signed by a stranger changes nothing', async (context) => {
  const vo = physics();
  const host = await startHost(context, [vo]);
  await connected(host, 2);
  const known = vo.version;
  const original = vo.membershipDocument.bind(vo);
  const other = new FakeVo('physics.example', TEST_NOW);
  other.addMember('mallory');
  const bad = {
    older: () => original({ version: known - 1 }),
    'of another VO': () => original({ version: known + 1, vo: 'chemistry.example' }),
    "a stranger's": () => other.membershipDocument({ version: known + 5 }),
    'longer than signed': () => Buffer.concat([original({ version: known + 1 }), Buffer.from('x')]),
    'cut short': () => original({ version: known + 1 }).subarray(0, -1),
    altered: () => {
      const document = original({ version: known + 1 });
      const at = document.indexOf('"alice"');
      document.write('"mally"', at);
      return document;
    },
    expired: () => original({ version: known + 1, notAfter: new Date(TEST_NOW.getTime() - 1000) }),
    'signed with another key': () => original({ version: known + 1, key: vo.sshAuthority }),
  };
  // The host holds `known`, so that the service hands a document over instead of saying that nothing changed.
  vo.version = known + 1;
  for (const [what, document] of Object.entries(bad)) {
    vo.membershipDocument = document;
    await assert.rejects(host.service.refresh(), Error, what);
    assert.deepEqual(
      host.service.map.listAccounts({}).map(({ user }) => user),
      ['alice', 'bob'],
      what,
    );
  }
  vo.membershipDocument = original;
  await host.service.refresh();
});

test('only root opens sessions; others may ask for themselves alone', async (context) => {
  const vo = physics();
  const host = await startHost(context, [vo]);
  await connected(host, 2);
  const { uid } = host.service.map.account('alice@physics');
  host.peer = { uid, gid: uid, pid: 1 };
  const code = async (request: Parameters<TestHost['ask']>[1]) =>
    result(await host.ask('pam', request)).pamCode;
  assert.equal(
    await code({ type: 'openSession', user: 'alice@physics', ...where, handle: '', sshAuthInfo: '' }),
    PAM_CODE.PERM_DENIED,
  );
  assert.equal(await code({ type: 'closeSession', sessionId: 'x' }), PAM_CODE.PERM_DENIED);
  assert.equal(await code({ type: 'account', user: 'bob@physics', ...where }), PAM_CODE.PERM_DENIED);
  assert.equal(await code({ type: 'account', user: 'nobody@physics', ...where }), PAM_CODE.PERM_DENIED);
  assert.equal(await code({ type: 'account', user: 'alice@physics', ...where }), PAM_CODE.SUCCESS);
});

test('su by root and cron get the newest live credential, or none', async (context) => {
  const vo = physics();
  const host = await startHost(context, [vo]);
  await connected(host, 2);
  assert.equal((await openSession(host, 'alice@physics', '')).credential.length, 0);
  host.helper.files.set('alice.pem', (await vo.credential('alice')).file);
  const { handle } = await authenticate(host, 'alice@physics', '', 'correct horse');
  const own = await openSession(host, 'alice@physics', handle);
  const borrowed = await openSession(host, 'alice@physics', '');
  assert.deepEqual(borrowed.credential, own.credential);
  assert.notEqual(borrowed.sessionId, own.sessionId);
});

test('a session whose leader died is closed without being told', async (context) => {
  const vo = physics();
  const host = await startHost(context, [vo]);
  await connected(host, 2);
  await openSession(host, 'alice@physics', '');
  await host.service.reapSessions();
  assert.equal(host.service.map.sessions('').length, 1);
  host.leader.start = '999';
  await host.service.reapSessions();
  assert.equal(host.service.map.sessions('').length, 0);
});

test('session files without a session go, those of a session that is open or being opened stay', async (context) => {
  const vo = physics();
  const host = await startHost(context, [vo]);
  await connected(host, 2);
  host.helper.files.set('alice.p12', (await vo.credential('alice', { pkcs12: true })).file);
  const { handle } = await authenticate(host, 'alice@physics', '', 'correct horse');
  host.helper.sessions.set('left-by-a-crash', 'PEM');
  host.helper.makingHome = async () => {
    await eventually(() => host.helper.sessions.size === 2, 'the files are written');
    await host.service.reapSessions();
    assert.equal(host.helper.sessions.size, 1);
  };
  await openSession(host, 'alice@physics', handle);
  await host.service.reapSessions();
  const [open] = host.service.map.sessions('');
  assert.deepEqual([...host.helper.sessions.keys()], [open?.sessionId]);
});

test('an expired credential ends the session where the site says so, and only there', async (context) => {
  for (const policy of ['keep', 'end'] as const) {
    const vo = physics();
    const host = await startHost(context, [vo], { configuration: `ExpiredSession=${policy}` });
    await connected(host, 2);
    host.helper.files.set('alice.pem', (await vo.credential('alice', { lifetimeSeconds: 3600 })).file);
    const { handle } = await authenticate(host, 'alice@physics', '', 'correct horse');
    await openSession(host, 'alice@physics', handle);
    host.clock.advance(3_700_000);
    await host.service.expireNow();
    if (policy === 'keep') assert.equal(host.service.map.sessions('').length, 1);
    else await eventually(() => host.service.map.sessions('').length === 0, 'the session ended');
  }
});

test('an unreachable helper delays a clean-up and never loses it', async (context) => {
  const vo = physics();
  const host = await startHost(context, [vo]);
  await connected(host, 2);
  await openSession(host, 'alice@physics', '');
  host.helper.down = true;
  const ending = host.service.expireLease('alice@physics');
  await eventually(() => host.service.map.account('alice@physics').state === 'ending', 'ending');
  const refused = result(await host.ask('pam', { type: 'account', user: 'alice@physics', ...where }));
  assert.equal(refused.pamCode, PAM_CODE.PERM_DENIED);
  host.helper.down = false;
  await ending;
  assert.equal(host.service.map.account('alice@physics').state, 'assigned');
});

test('look-ups on the socket answer members, never allocate, and a name that leaves the folder is no name', async (context) => {
  const vo = physics();
  const host = await startHost(context, [vo]);
  await connected(host, 2);
  const [alice] = await host.ask('nss', { type: 'getPasswdByName', name: 'alice@physics' });
  assert.equal(alice?.type, 'passwdEntry');
  assert.ok(
    alice?.type === 'passwdEntry' &&
      alice.home === '/home/physics/alice' &&
      alice.gecos === 'alice@physics.example',
  );
  const uid = alice?.type === 'passwdEntry' ? alice.uid : 0;
  assert.equal((await host.ask('nss', { type: 'getPasswdByUid', uid }))[0]?.type, 'passwdEntry');
  const [atlas] = await host.ask('nss', { type: 'getGroupByName', name: 'atlas@physics' });
  assert.ok(
    atlas?.type === 'groupEntry' && atlas.members.includes('alice@physics') && atlas.members.length === 1,
  );
  const [own] = await host.ask('nss', { type: 'getGroupByGid', gid: uid });
  assert.ok(own?.type === 'groupEntry' && own.name === 'alice@physics');
  const [groups] = await host.ask('nss', { type: 'getGroupsOfUser', name: 'alice@physics' });
  assert.ok(groups?.type === 'groupList' && groups.gids.length === 2);
  for (const name of ['../alice@physics', 'alice', '@physics', 'alice@', 'ALICE@physics', 'x@physics']) {
    assert.equal((await host.ask('nss', { type: 'getPasswdByName', name }))[0]?.type, 'notFound', name);
  }
  assert.equal(host.service.counts().leases, 0);
});

test('SSH: the certificate of the VO gives its principal, and a session certificate; a revoked or foreign one neither', async (context) => {
  const vo = physics();
  const host = await startHost(context, [vo]);
  await connected(host, 2);
  await host.service.refresh();
  const { line, blob } = vo.sshCertificate('alice', 7n);
  const { parseSshCertificate } = await import('@xtreemos/identity');
  const caFingerprint = parseSshCertificate(blob).authority.fingerprint;
  const ask = async (user: string, serial = '7', certificate = blob.toString('base64')) => {
    const [list] = await host.ask('pam', {
      type: 'principals',
      user,
      keyId: user,
      serial,
      caFingerprint,
      certificate,
    });
    assert.equal(list?.type, 'principalList');
    return list?.type === 'principalList' ? list.names : [];
  };
  assert.deepEqual(await ask('alice@physics'), ['alice@physics.example']);
  assert.deepEqual(await ask('bob@physics'), []);
  assert.deepEqual(await ask('alice@physics', '8'), []);
  assert.deepEqual(await ask('alice@physics', '7', 'AAAA'), []);
  const stranger = new FakeVo('physics.example', TEST_NOW);
  assert.deepEqual(
    await ask('alice@physics', '7', stranger.sshCertificate('alice', 7n).blob.toString('base64')),
    [],
  );

  const session = await openSession(host, 'alice@physics', '', `publickey ${line}\n`);
  assert.match(session.credential.toString(), /PRIVATE KEY/);
  vo.revokedSshSerials.push('7');
  vo.version += 1;
  vo.push({ type: 'membership', vo: vo.id, version: vo.version });
  await eventually(
    () => host.service.map.sessions('').length === 0,
    'the session of the revoked certificate ended',
  );
  assert.deepEqual(await ask('alice@physics'), []);
});

test('SSH: a good certificate gives no principal once the membership list is stale', async (context) => {
  const vo = physics();
  const host = await startHost(context, [vo]);
  await connected(host, 2);
  await host.service.refresh();
  const { blob } = vo.sshCertificate('alice', 7n, 2 * 86_400_000);
  const { parseSshCertificate } = await import('@xtreemos/identity');
  const caFingerprint = parseSshCertificate(blob).authority.fingerprint;
  const ask = async () =>
    await host.ask('pam', {
      type: 'principals',
      user: 'alice@physics',
      keyId: 'alice',
      serial: '7',
      caFingerprint,
      certificate: blob.toString('base64'),
    });
  assert.deepEqual(await ask(), [{ type: 'principalList', names: ['alice@physics.example'] }]);
  vo.disconnect();
  host.clock.advance(86_401_000);
  assert.deepEqual(await ask(), [{ type: 'principalList', names: [] }]);
});

test('an SSH session that got no credential ends with its certificate all the same', async (context) => {
  const vo = physics();
  const host = await startHost(context, [vo]);
  await connected(host, 2);
  await host.service.refresh();
  vo.refusesSessions = true;
  const session = await openSession(
    host,
    'alice@physics',
    '',
    `publickey ${vo.sshCertificate('alice', 7n).line}\n`,
  );
  assert.equal(session.credential.length, 0);
  vo.revokedSshSerials.push('7');
  vo.version += 1;
  vo.push({ type: 'membership', vo: vo.id, version: vo.version });
  await eventually(() => host.service.map.sessions('').length === 0, 'the session ended');
});

test('a CRL that one VO forges in the name of another is not kept', async (context) => {
  const vo = physics();
  const chemistry = new FakeVo('chemistry.example', TEST_NOW);
  const host = await startHost(context, [vo, chemistry]);
  await connected(host, 2);
  chemistry.forgedCrls = [vo.cda, vo.rca, vo.root].map(({ certificate }) =>
    makeCrl({
      issuer: { certificate, key: chemistry.sshAuthority },
      number: 1000,
      revoked: [],
      thisUpdate: new Date(TEST_NOW.getTime() + 365 * 86_400_000),
      nextUpdate: new Date(TEST_NOW.getTime() + 366 * 86_400_000),
    }),
  );
  await host.service.refresh();
  const alice = await vo.credential('alice');
  host.helper.files.set('alice.pem', alice.file);
  assert.equal((await authenticate(host, 'alice@physics', '', 'correct horse')).pamCode, PAM_CODE.SUCCESS);
  vo.revoke(alice.certificate);
  await host.service.refresh();
  assert.equal((await authenticate(host, 'alice@physics', '', 'correct horse')).pamCode, PAM_CODE.AUTH_ERR);
});

test('what is known survives a restart without the VO service', async (context) => {
  const vo = physics();
  const first = await startHost(context, [vo]);
  await connected(first, 2);
  await openSession(first, 'alice@physics', '');
  const before = first.service.map.account('alice@physics');
  await first.service.stop();
  vo.disconnect();
  const second = await startHost(context, [vo], { directory: first.directory });
  assert.deepEqual(second.service.map.account('alice@physics'), before);
  await eventually(
    () => second.helper.mapNames.length === 2,
    'the map is published from what is on the disk',
  );
});
