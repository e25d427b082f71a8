import assert from 'node:assert/strict';
import { request as httpsRequest } from 'node:https';
import { after, before, describe, it } from 'node:test';
import { connect } from 'node:tls';
import { defaultSigningPolicy, generateKey, makeTrustStore, type TrustStore } from '@xtreemos/identity';
import { type ClientCredential, VoClient } from '@xtreemos/vo-client';
import { credentialOf, csrOf, type ServiceFixture, startFixture } from './service-fixture.ts';

describe('strangers and the malevolent', () => {
  let fixture: ServiceFixture;
  const vo = 'physics.example';
  before(async () => {
    fixture = await startFixture();
    await fixture.admin.createVo({ id: vo });
    await fixture.admin.createVo({ id: 'rival.example' });
  });
  after(() => fixture.close());

  it('the administrator of one VO is nobody in another', async () => {
    const boss = await promote(fixture, 'rival.example', 'boss');
    assert.equal((await boss.listMembers('rival.example')).length, 1);
    await assert.rejects(boss.listMembers(vo), { code: 'XOS_VO_WRONG' });
    await assert.rejects(boss.invite(vo, { user: 'friend' }), { code: 'XOS_VO_WRONG' });
    await assert.rejects(boss.createNodeToken(vo), { code: 'XOS_VO_WRONG' });
    await assert.rejects(boss.audit(vo), { code: 'XOS_VO_WRONG' });
    await assert.rejects(boss.createVo({ id: 'mine.example' }), { code: 'XOS_PERMISSION' });
    await assert.rejects(boss.serviceAudit(), { code: 'XOS_PERMISSION' });
    await assert.rejects(boss.setPassword('rival.example', 'boss2', 'some password'), {
      code: 'XOS_PERMISSION',
    });
  });

  it('an administrator whose role was withdrawn is one no longer, whatever the certificate says', async () => {
    const boss = await promote(fixture, vo, 'former');
    await boss.listMembers(vo);
    await fixture.admin.withdrawRole(vo, '', 'admin', 'former');
    await assert.rejects(boss.listMembers(vo), { code: 'XOS_PERMISSION' });
  });

  it('a certificate of another VO, or another service, gets nothing', async () => {
    const rival = await fixture.enrol('rival.example', 'spy');
    const csr = csrOf(await generateKey());
    await assert.rejects(rival.client.requestCertificate(vo, { csr }), { code: 'XOS_VO_WRONG' });
    const elsewhere = await startFixture();
    try {
      await elsewhere.admin.createVo({ id: vo });
      const foreigner = await elsewhere.enrol(vo, 'alice');
      const stranger = fixture.client(foreigner.credential);
      await assert.rejects(stranger.requestCertificate(vo, { csr }), { code: /^XOS_(CHAIN|CREDENTIAL)_/ });
      await assert.rejects(stranger.status(), { code: /^XOS_(CHAIN|CREDENTIAL)_/ });
    } finally {
      await elsewhere.close();
    }
  });

  it('callers are judged by the root of their own VO, so that who holds one root speaks for no other VO', async () => {
    await fixture.admin.createVo({ id: 'own.example', ownRoot: true });
    const roots = await fixture.service.context.authorities.roots();
    const own = (await fixture.client().trust('own.example')).rootFingerprint;
    assert.notEqual(own, fixture.rootFingerprint);
    assert.equal(roots.get('own.example'), own);
    assert.equal(roots.get(vo), fixture.rootFingerprint);
    // Were the roots not asked, nobody would notice that one VO's is gone.
    const member = await fixture.enrol(vo, 'rooted');
    const { authorities } = fixture.service.context;
    const ask = authorities.roots;
    authorities.roots = async () => new Map([[vo, own]]);
    try {
      await assert.rejects(member.client.showMember(vo, 'rooted'), {
        code: 'XOS_CHAIN_INVALID',
        message: /root/,
      });
    } finally {
      authorities.roots = ask;
    }
    await fixture.client(member.credential).showMember(vo, 'rooted');
  });

  it('a certificate without its key does not pass the handshake', async () => {
    const victim = await fixture.enrol(vo, 'victim');
    const thief: ClientCredential = { ...victim.credential, privateKey: await generateKey() };
    await assert.rejects(fixture.client(thief).showMember(vo, 'victim'), { code: 'XOS_UNREACHABLE' });
  });

  it('a CSR that its key did not sign is refused', async () => {
    const person = await fixture.enrol(vo, 'forger');
    const der = Buffer.from(csrOf(await generateKey()).replace(/-----.*-----|\s/g, ''), 'base64');
    der.writeUInt8(der.readUInt8(der.length - 1) ^ 1, der.length - 1);
    const csr = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
    await assert.rejects(person.client.requestCertificate(vo, { csr }), { httpStatus: 400 });
  });

  it('nobody can be named in the CSR: the record decides', async () => {
    const mallory = await fixture.enrol(vo, 'mallory');
    const issued = await mallory.client.requestCertificate(vo, { csr: csrOf(await generateKey(), 'victim') });
    assert.equal(issued.user, 'mallory');
    await assert.rejects(
      mallory.client.requestCertificate(vo, {
        csr: csrOf(await generateKey()),
        fqans: [`/${vo}/Role=admin`],
      }),
      { code: 'XOS_PERMISSION' },
    );
  });

  it('a token is good once, also for many who bring it at the same time', async () => {
    const { token } = await fixture.admin.invite(vo, { user: 'single' });
    const csr = csrOf(await generateKey());
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, () =>
        fixture.client().requestCertificate(vo, { csr, user: 'single', token }),
      ),
    );
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
    assert.equal((await fixture.admin.listCertificates(vo, 'single')).length, 1);
    const { token: foreign } = await fixture.admin.invite('rival.example', { user: 'single' });
    await assert.rejects(fixture.client().requestCertificate(vo, { csr, user: 'single', token: foreign }), {
      code: 'XOS_TOKEN_INVALID',
    });
  });

  it('of concurrent approvals one approves', async () => {
    await fixture.client().askToJoin(vo, { user: 'popular' });
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, () => fixture.admin.approve(vo, 'popular')),
    );
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
    const entries = (await fixture.admin.audit(vo, { limit: 1000 })).filter(
      ({ action, subject }) => action === 'member.approve' && subject === 'popular',
    );
    assert.equal(entries.length, 1);
  });

  it('names with paths, SQL, NUL and length are refused as names', async () => {
    const { admin } = fixture;
    const names = [
      '..',
      '../../etc/passwd',
      '/etc',
      "x' or '1'='1",
      'x"; drop table member; --',
      'a\0b',
      'ROOT',
      'é',
      '',
      'a'.repeat(300),
    ];
    for (const name of names) {
      const refused = { httpStatus: 400 };
      await assert.rejects(admin.createVo({ id: name }), refused, `VO ${JSON.stringify(name)}`);
      await assert.rejects(admin.invite(vo, { user: name }), refused, `user ${JSON.stringify(name)}`);
      await assert.rejects(admin.createGroup(vo, name), refused, `group ${JSON.stringify(name)}`);
      await assert.rejects(admin.showVo(name), refused, `VO ${JSON.stringify(name)}`);
      await assert.rejects(admin.showMember(vo, name), refused, `member ${JSON.stringify(name)}`);
      await assert.rejects(fixture.client().trust(name), refused, `domain ${JSON.stringify(name)}`);
      await assert.rejects(
        admin.createNodeToken(vo, { hostname: name }),
        refused,
        `host ${JSON.stringify(name)}`,
      );
    }
    await assert.rejects(admin.createVo({ id: 'services' }), { code: 'XOS_INPUT_BAD' });
    await assert.rejects(admin.createGroup(vo, 'members'), { code: 'XOS_INPUT_BAD' });
    assert.ok((await admin.listMembers(vo)).length > 0);
  });

  it('text that people write is kept as it is', async () => {
    const fullName = "Robert'); DROP TABLE member;-- \u202e<script>";
    await fixture.admin.invite(vo, { user: 'bobby', fullName });
    assert.equal((await fixture.admin.showMember(vo, 'bobby')).fullName, fullName);
    await assert.rejects(fixture.admin.invite(vo, { user: 'nul', fullName: 'a\0b' }), {
      code: 'XOS_INPUT_BAD',
    });
  });

  it('a group whose name holds _ takes no other with it', async () => {
    const { admin } = fixture;
    for (const group of ['a_b/c', 'axb/c']) await admin.createGroup(vo, group);
    await admin.destroyGroup(vo, 'a_b');
    assert.deepEqual(
      (await admin.listGroups(vo)).map(({ path }) => path),
      ['axb', 'axb/c'],
    );
  });

  it('bodies: too large, no JSON, unknown fields, prototypes', async () => {
    const large = await post(fixture, `/v1/vos/${vo}/join-requests`, `{"user":"${'a'.repeat(200_000)}"}`);
    assert.equal(large.status, 413);
    assert.equal((await post(fixture, `/v1/vos/${vo}/join-requests`, '{"user":')).status, 400);
    const unknown = await post(fixture, `/v1/vos/${vo}/join-requests`, '{"user":"eve","status":"active"}');
    assert.equal(unknown.status, 400);
    const proto = await post(
      fixture,
      `/v1/vos/${vo}/join-requests`,
      '{"user":"eve","__proto__":{"admin":true}}',
    );
    assert.equal(proto.status, 400);
    for (const answer of [large, unknown, proto])
      assert.match(answer.body, /^\{"error":\{"code":"XOS_INPUT_/);
    assert.equal((await post(fixture, '/v1/nothing', '{}')).status, 404);
  });

  it('without sign-in nothing but the public routes answers', async () => {
    const anonymous = fixture.client();
    await assert.rejects(anonymous.listVos(), { code: 'XOS_AUTHENTICATION_REQUIRED' });
    await assert.rejects(anonymous.listMembers(vo), { code: 'XOS_AUTHENTICATION_REQUIRED' });
    await assert.rejects(anonymous.membership(vo), { code: 'XOS_AUTHENTICATION_REQUIRED' });
    await assert.rejects(anonymous.audit(vo), { code: 'XOS_AUTHENTICATION_REQUIRED' });
    await assert.rejects(anonymous.requestCertificate(vo, { csr: csrOf(await generateKey()) }), {
      code: 'XOS_AUTHENTICATION_REQUIRED',
    });
    const events = anonymous.events(AbortSignal.timeout(5000));
    await assert.rejects(events.next(), { code: 'XOS_AUTHENTICATION_REQUIRED' });
  });

  it('a resumed TLS session of a revoked certificate signs nobody in', async () => {
    const person = await fixture.enrol(vo, 'resumer');
    const path = `/v1/vos/${vo}/members/resumer`;
    const first = await getByTls(fixture, person.credential, path, undefined);
    assert.match(first.text, /^HTTP\/1\.1 200/);
    assert.ok(first.session !== undefined);
    const again = await getByTls(fixture, person.credential, path, first.session);
    assert.match(again.text, /^HTTP\/1\.1 200/);
    assert.ok(again.isResumed);
    await fixture.admin.revokeCertificate(vo, person.issued.serial);
    const revoked = await getByTls(fixture, person.credential, path, again.session ?? first.session);
    assert.match(revoked.text, /^HTTP\/1\.1 401.*XOS_CREDENTIAL_REVOKED/s);
  });

  it('TLS 1.2 is refused', async () => {
    const { port } = new URL(fixture.url);
    const socket = connect({
      host: '127.0.0.1',
      port: Number(port),
      maxVersion: 'TLSv1.2',
      rejectUnauthorized: false,
    });
    await assert.rejects(
      new Promise((resolve, reject) => {
        socket.once('secureConnect', resolve);
        socket.once('error', reject);
      }),
    );
    socket.destroy();
  });

  it('a client refuses another service, another root and another name', async () => {
    const wrongRoot = new VoClient({
      url: fixture.url,
      trust: { kind: 'fingerprint', rootFingerprint: '0'.repeat(64) },
    });
    await assert.rejects(wrongRoot.status(), { code: 'XOS_CHAIN_INVALID' });
    // Another VO's root is installed as well; its service could else stand in for this one and collect passwords.
    const store = await fixture.service.context.authorities.trust();
    const pinned = (rootFingerprint: string) =>
      new VoClient({
        url: fixture.url,
        trust: { kind: 'store', store: () => withPolicies(store), rootFingerprint },
      });
    const [own, others] = [pinned(fixture.rootFingerprint), pinned('0'.repeat(64))];
    await own.status();
    await assert.rejects(others.status(), { code: 'XOS_CHAIN_INVALID', message: /its root is/ });
    const { port } = new URL(fixture.url);
    const wrongName = new VoClient({
      url: `https://127.0.0.2:${port}`,
      trust: { kind: 'fingerprint', rootFingerprint: fixture.rootFingerprint },
    });
    await assert.rejects(wrongName.status(), { code: /^XOS_(CHAIN_INVALID|UNREACHABLE)$/ });
    const noTrust = new VoClient({ url: fixture.url });
    await assert.rejects(noTrust.status(), { code: 'XOS_CHAIN_INVALID' });
    for (const client of [wrongRoot, own, others, wrongName, noTrust]) client.close();
  });

  it('the audit log names every change, holds, and cannot be altered', async () => {
    const verification = await fixture.admin.verifyAudit();
    assert.equal(verification.brokenAt, null);
    const { commits } = fixture.service.context.database;
    await assert.rejects(
      commits.run((write) => write.updateTable('audit').set({ actor: 'nobody' }).execute()),
      /append-only/,
    );
    await assert.rejects(
      commits.run((write) => write.deleteFrom('audit').execute()),
      /append-only/,
    );
    const entries = await fixture.admin.serviceAudit({ limit: 1000 });
    assert.equal(entries.length, verification.entries);
    const text = JSON.stringify(entries);
    assert.doesNotMatch(text, /PRIVATE KEY|scrypt/);
  });
});

describe('rate limits', () => {
  it('anonymous requests of one address; members are not held up', async () => {
    const fixture = await startFixture({
      limits: 'AnonymousBurst=12\nAnonymousPerSecond=1\nSignInBurst=100',
    });
    try {
      await fixture.admin.createVo({ id: 'physics.example' });
      const alice = await fixture.enrol('physics.example', 'alice');
      const anonymous = fixture.client();
      const answers = await Promise.allSettled(Array.from({ length: 20 }, () => anonymous.status()));
      const refused = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason] : []));
      assert.ok(refused.length >= 5, `${refused.length} were refused`);
      for (const error of refused) assert.equal(error.code, 'XOS_RATE_LIMITED');
      await alice.client.showMember('physics.example', 'alice');
    } finally {
      await fixture.close();
    }
  });

  it('guesses at one name; success gives the attempts back', async () => {
    const fixture = await startFixture({ limits: 'AnonymousBurst=1000\nSignInBurst=4\nSignInPerMinute=1' });
    try {
      const vo = 'physics.example';
      await fixture.admin.createVo({ id: vo });
      await fixture.enrol(vo, 'alice');
      await fixture.admin.setPassword(vo, 'alice', 'the right one');
      const csr = csrOf(await generateKey());
      const person = fixture.client();
      const guess = (password: string) => person.requestCertificate(vo, { csr, user: 'alice', password });
      for (let round = 0; round < 6; round += 1) await guess('the right one');
      for (let round = 0; round < 4; round += 1) {
        await assert.rejects(guess('a wrong one'), { code: 'XOS_AUTHENTICATION_FAILED' });
      }
      await assert.rejects(guess('the right one'), { code: 'XOS_RATE_LIMITED' });
    } finally {
      await fixture.close();
    }
  });
});

/** The service's own store has no signing policies; a node installs them. */
function withPolicies(store: TrustStore): TrustStore {
  return makeTrustStore({
    anchors: store.anchors.map(({ certificate }) => ({
      certificate,
      signingPolicy: defaultSigningPolicy(certificate),
    })),
  });
}

/** A client signed in as administrator of the VO. */
async function promote(fixture: ServiceFixture, vo: string, user: string): Promise<VoClient> {
  const person = await fixture.enrol(vo, user);
  await fixture.admin.grantRole(vo, '', 'admin', user);
  const key = await generateKey();
  const issued = await person.client.requestCertificate(vo, { csr: csrOf(key) });
  return fixture.client(credentialOf(issued, key));
}

/** One request on a connection of its own, with the session of an earlier one. */
function getByTls(
  fixture: ServiceFixture,
  credential: ClientCredential,
  path: string,
  session: Buffer | undefined,
): Promise<{ readonly text: string; readonly session: Buffer | undefined; readonly isResumed: boolean }> {
  return new Promise((resolve, reject) => {
    let text = '';
    let ticket: Buffer | undefined;
    const socket = connect({
      host: '127.0.0.1',
      port: Number(new URL(fixture.url).port),
      rejectUnauthorized: false,
      cert: credential.certificateChain,
      key: credential.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      ...(session === undefined ? {} : { session }),
    });
    socket.on('session', (data) => {
      ticket = data;
    });
    socket.on('data', (chunk) => {
      text += String(chunk);
    });
    socket.once('error', reject);
    socket.once('end', () => resolve({ text, session: ticket, isResumed: socket.isSessionReused() }));
    socket.end(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  });
}

function post(
  fixture: ServiceFixture,
  path: string,
  body: string,
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(
      `${fixture.url}${path}`,
      {
        method: 'POST',
        rejectUnauthorized: false,
        agent: false,
        headers: { 'content-type': 'application/json' },
      },
      async (response) => {
        let text = '';
        for await (const chunk of response) text += String(chunk);
        resolve({ status: response.statusCode ?? 0, body: text });
      },
    );
    request.once('error', reject);
    request.end(body);
  });
}
