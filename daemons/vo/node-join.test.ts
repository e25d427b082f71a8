import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import {
  generateKey,
  makeTrustStore,
  parseCertificate,
  parseCertificateChain,
  verifyDocument,
} from '@xtreemos/identity';
import {
  membershipDocumentType,
  type NodeEvent,
  parseMembershipList,
  parseNodeToken,
  VoClient,
} from '@xtreemos/vo-client';
import { csrOf, type ServiceFixture, startFixture } from './service-fixture.ts';

describe('nodes', () => {
  let fixture: ServiceFixture;
  const vo = 'physics.example';
  before(async () => {
    fixture = await startFixture();
    await fixture.admin.createVo({ id: vo });
  });
  after(() => fixture.close());

  it('a node joins with its token and gets a certificate per role and the anchors', async () => {
    const { token } = await fixture.admin.createNodeToken(vo, { roles: ['accounts', 'exec'] });
    const { url, secret, caFingerprint } = parseNodeToken(token);
    assert.equal(url, `https://localhost:${new URL(fixture.url).port}`);
    const client = new VoClient({ url, trust: { kind: 'fingerprint', rootFingerprint: caFingerprint } });
    const key = await generateKey();
    const hostname = 'one.example';
    const csrs = { accounts: csrOf(key), exec: csrOf(key) };
    const joined = await client.joinNode(vo, { secret, hostname, csrs });
    client.close();
    const [leaf, issuer] = parseCertificateChain(joined.certificates.exec ?? '');
    assert.equal(leaf?.subject.oneline, `/O=XtreemOS/OU=${vo}/OU=hosts/CN=${hostname}`);
    assert.equal(leaf?.xos.hostRole, 'exec');
    assert.equal(leaf?.xos.hostGuid, joined.node.guid);
    assert.equal(issuer?.subject.commonName, 'RCA');
    assert.deepEqual(
      joined.trust.anchors.map(({ kind }) => kind),
      ['root', 'services', 'cda', 'rca'],
    );
    assert.match(joined.trust.sshUserCas[0] ?? '', /^ssh-ed25519 /);
  });

  it('a token is good once, in its VO, for its host and roles, until its end', async () => {
    await fixture.admin.createVo({ id: 'other.example' });
    const key = await generateKey();
    const csrs = { accounts: csrOf(key) };
    const { token } = await fixture.admin.createNodeToken(vo, { hostname: 'two.example' });
    const { secret } = parseNodeToken(token);
    const client = fixture.client();
    await assert.rejects(client.joinNode('other.example', { secret, hostname: 'two.example', csrs }), {
      code: 'XOS_TOKEN_INVALID',
    });
    await assert.rejects(client.joinNode(vo, { secret, hostname: 'three.example', csrs }), {
      code: 'XOS_PERMISSION',
    });
    await assert.rejects(
      client.joinNode(vo, { secret, hostname: 'two.example', csrs: { ...csrs, mrc: csrOf(key) } }),
      { code: 'XOS_PERMISSION' },
    );
    await client.joinNode(vo, { secret, hostname: 'two.example', csrs });
    await assert.rejects(client.joinNode(vo, { secret, hostname: 'two.example', csrs }), {
      code: 'XOS_TOKEN_INVALID',
    });
    const second = await fixture.admin.createNodeToken(vo, { hostname: 'two.example' });
    await assert.rejects(
      client.joinNode(vo, { secret: parseNodeToken(second.token).secret, hostname: 'two.example', csrs }),
      { code: 'XOS_EXISTS' },
    );
  });

  it('two hosts that bring one token at the same time: one joins', async () => {
    const { token } = await fixture.admin.createNodeToken(vo);
    const { secret } = parseNodeToken(token);
    const key = await generateKey();
    const results = await Promise.allSettled(
      ['race-a.example', 'race-b.example', 'race-c.example'].map((hostname) =>
        fixture.client().joinNode(vo, { secret, hostname, csrs: { accounts: csrOf(key) } }),
      ),
    );
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
  });

  it('renews its certificates, for itself and the roles it has', async () => {
    const node = await fixture.join(vo, 'renewing.example');
    await fixture.join(vo, 'neighbour.example');
    const key = await generateKey();
    const renewed = await node.client.renewHostCertificates(vo, node.hostname, {
      csrs: { accounts: csrOf(key) },
    });
    assert.equal(parseCertificate(renewed.accounts ?? '').xos.hostGuid, node.guid);
    await assert.rejects(
      node.client.renewHostCertificates(vo, 'neighbour.example', { csrs: { accounts: csrOf(key) } }),
      { code: 'XOS_PERMISSION' },
    );
    await assert.rejects(
      node.client.renewHostCertificates(vo, node.hostname, { csrs: { exec: csrOf(key) } }),
      {
        code: 'XOS_PERMISSION',
      },
    );
  });

  it('reads a membership list that verifies, holds active members only and answers null when nothing changed', async () => {
    const node = await fixture.join(vo, 'reader.example');
    await fixture.enrol(vo, 'alice');
    await fixture.admin.invite(vo, { user: 'undecided' });
    await fixture.enrol(vo, 'suspended');
    await fixture.admin.changeMember(vo, 'suspended', { status: 'suspended' });
    await fixture.admin.createGroup(vo, 'atlas');
    await fixture.admin.addToGroup(vo, 'atlas', 'alice');
    await fixture.admin.grantRole(vo, 'atlas', 'production', 'alice');
    const bytes = await node.client.membership(vo);
    assert.ok(bytes !== null);
    const { anchors } = await node.client.trust(vo);
    const { header, payload } = verifyDocument(bytes, {
      type: membershipDocumentType,
      vo,
      role: 'vops',
      store: makeTrustStore({
        anchors: anchors.map(({ certificate }) => ({ certificate: parseCertificate(certificate) })),
      }),
      revocation: 'when-present',
      signingPolicy: 'when-present',
    });
    const list = parseMembershipList(JSON.parse(payload.toString('utf8')));
    assert.equal(header.version, list.version);
    const users = list.members.map(({ user }) => user);
    assert.deepEqual(users, ['alice']);
    const fqans = [`/${vo}`, `/${vo}/atlas`, `/${vo}/atlas/Role=production`];
    assert.deepEqual(list.members[0]?.fqans, fqans);
    assert.equal(await node.client.membership(vo, list.version), null);
    await fixture.admin.withdrawRole(vo, 'atlas', 'production', 'alice');
    assert.notEqual(await node.client.membership(vo, list.version), null);
  });

  it('is told of changes at once, of its own VO only', async () => {
    const node = await fixture.join(vo, 'listener.example');
    const alice = await fixture.enrol(vo, 'heard');
    const events = collect(node.client);
    await events.until(({ type }) => type === 'hello');
    await fixture.admin.createVo({ id: 'unheard.example' });
    await fixture.enrol('unheard.example', 'silent');
    const startedMs = performance.now();
    await fixture.admin.revokeMember(vo, alice.user);
    const { membershipVersion: version } = await fixture.admin.showVo(vo);
    await events.until((event) => event.type === 'membership' && event.version === version);
    await events.until(({ type }) => type === 'crl');
    // Milliseconds; the rest is for machines that are busy. Polling would take 10 s and more.
    assert.ok(performance.now() - startedMs < 5000);
    assert.deepEqual(
      events.seen.filter((event) => 'vo' in event && event.vo !== vo),
      [],
    );
    events.stop();
    await events.ended;
  });

  it('a revoked node is told, cut off, refused, on the CRL, and may join again as another', async () => {
    const node = await fixture.join(vo, 'rogue.example');
    const events = collect(node.client);
    await events.until(({ type }) => type === 'hello');
    await fixture.admin.revokeNode(vo, node.hostname, { reason: 'keyCompromise' });
    await events.until(({ type }) => type === 'gone');
    await events.ended;
    await assert.rejects(node.client.membership(vo), { code: 'XOS_CREDENTIAL_REVOKED' });
    const again = await fixture.join(vo, node.hostname);
    assert.notEqual(again.guid, node.guid);
    await again.client.membership(vo);
    await again.client.leaveVo(vo, node.hostname);
    const [record] = (await fixture.admin.listNodes(vo)).filter(({ hostname }) => hostname === node.hostname);
    assert.equal(record?.status, 'left');
  });

  it('a destroyed VO is gone: nodes are told, certificates refused, the id stays taken', async () => {
    const doomed = 'doomed.example';
    await fixture.admin.createVo({ id: doomed });
    const node = await fixture.join(doomed, 'last.example');
    const person = await fixture.enrol(doomed, 'last');
    const events = collect(node.client);
    await events.until(({ type }) => type === 'hello');
    await fixture.admin.destroyVo(doomed);
    await events.until(({ type }) => type === 'gone');
    await assert.rejects(person.client.showVo(doomed));
    await assert.rejects(fixture.client().crls(doomed), { code: 'XOS_NOT_FOUND' });
    await assert.rejects(fixture.admin.createVo({ id: doomed }), { code: 'XOS_EXISTS' });
  });
});

/** Reads events in the background. */
function collect(client: VoClient) {
  const abort = new AbortController();
  const seen: NodeEvent[] = [];
  const read = async () => {
    for await (const event of client.events(abort.signal)) seen.push(event);
  };
  const ended = read();
  return {
    seen,
    ended,
    stop: () => abort.abort(),
    async until(wanted: (event: NodeEvent) => boolean): Promise<NodeEvent> {
      const deadlineMs = performance.now() + 5000;
      for (;;) {
        const found = seen.find(wanted);
        if (found !== undefined) return found;
        if (performance.now() > deadlineMs) throw new Error(`not among ${JSON.stringify(seen)}`);
        await delay(5);
      }
    },
  };
}
