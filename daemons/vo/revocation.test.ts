import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  generateKey,
  makeTrustStore,
  parseCertificate,
  parseCrl,
  sshPublicKeyLine,
  verifyDocument,
} from '@xtreemos/identity';
import { membershipDocumentType, parseMembershipList } from '@xtreemos/vo-client';
import { republish } from './maintenance.ts';
import { expireMembers } from './member-registry.ts';
import { credentialOf, csrOf, presentClock, type ServiceFixture, startFixture } from './service-fixture.ts';

describe('revocation', () => {
  let fixture: ServiceFixture;
  const vo = 'physics.example';
  before(async () => {
    fixture = await startFixture();
    await fixture.admin.createVo({ id: vo });
  });
  after(() => fixture.close());

  it('a revoked certificate is on the CRL that openssl applies, and signs nobody in', async () => {
    const alice = await fixture.enrol(vo, 'alice');
    assert.match(await opensslVerify(fixture, vo, alice.issued.certificate), /: OK/);
    const before = await fixture.client().crls(vo);
    await fixture.admin.revokeCertificate(vo, alice.issued.serial, { reason: 'keyCompromise' });
    const bundle = await fixture.client().crls(vo);
    assert.ok(bundle.version > before.version);
    const crl = parseCrl(bundle.crls.find(({ issuer }) => issuer === 'cda')?.pem ?? '');
    assert.equal(crl.revoked.get(alice.issued.serial)?.reason, 'keyCompromise');
    assert.match(await opensslVerify(fixture, vo, alice.issued.certificate), /certificate revoked/);
    await assert.rejects(alice.client.showMember(vo, 'alice'), { code: 'XOS_CREDENTIAL_REVOKED' });
    await assert.rejects(fixture.admin.revokeCertificate(vo, alice.issued.serial), {
      code: 'XOS_STATE_WRONG',
    });
    await assert.rejects(fixture.admin.revokeCertificate(vo, 'abcdef'), { code: 'XOS_NOT_FOUND' });
  });

  it('a member revokes its own certificates, not those of others', async () => {
    const bob = await fixture.enrol(vo, 'bob');
    const carol = await fixture.enrol(vo, 'carol');
    await assert.rejects(bob.client.revokeCertificate(vo, carol.issued.serial), { code: 'XOS_PERMISSION' });
    const key = await generateKey();
    const second = await bob.client.requestCertificate(vo, { csr: csrOf(key) });
    await bob.client.revokeCertificate(vo, second.serial);
    await assert.rejects(fixture.client(credentialOf(second, key)).showMember(vo, 'bob'), {
      code: 'XOS_CREDENTIAL_REVOKED',
    });
    assert.equal((await bob.client.listCertificates(vo, 'bob')).length, 2);
  });

  it('a revoked member loses every certificate, the list entry, tokens and password, for good', async () => {
    const dave = await fixture.enrol(vo, 'dave');
    await fixture.admin.setPassword(vo, 'dave', 'long enough');
    const { token } = await fixture.admin.issueToken(vo, 'dave');
    const key = await generateKey('ed25519');
    const publicKey = sshPublicKeyLine(createPublicKey(key), 'dave');
    const ssh = await dave.client.requestSshCertificate(vo, { publicKey });
    await fixture.admin.revokeMember(vo, 'dave');
    const csr = csrOf(await generateKey());
    await assert.rejects(dave.client.requestCertificate(vo, { csr }), { code: 'XOS_CREDENTIAL_REVOKED' });
    const anonymous = fixture.client();
    await assert.rejects(anonymous.requestCertificate(vo, { csr, user: 'dave', token }), {
      code: 'XOS_TOKEN_INVALID',
    });
    await assert.rejects(anonymous.requestCertificate(vo, { csr, user: 'dave', password: 'long enough' }), {
      code: 'XOS_AUTHENTICATION_FAILED',
    });
    await assert.rejects(fixture.admin.invite(vo, { user: 'dave' }), { code: 'XOS_EXISTS' });
    await assert.rejects(fixture.admin.changeMember(vo, 'dave', { status: 'active' }), {
      code: 'XOS_STATE_WRONG',
    });
    const list = await membershipOf(fixture, vo);
    assert.equal(
      list.members.find(({ user }) => user === 'dave'),
      undefined,
    );
    assert.deepEqual(list.revokedSshSerials, [ssh.serial]);
  });

  it('a suspended member gets nothing until resumed', async () => {
    const erin = await fixture.enrol(vo, 'erin');
    await fixture.admin.changeMember(vo, 'erin', { status: 'suspended' });
    const csr = csrOf(await generateKey());
    await assert.rejects(erin.client.requestCertificate(vo, { csr }), { code: 'XOS_MEMBER_SUSPENDED' });
    await fixture.admin.changeMember(vo, 'erin', { status: 'active' });
    await erin.client.requestCertificate(vo, { csr });
  });

  it('session certificates: by SSH certificate and by password, bound to the node, not for who was revoked', async () => {
    const node = await fixture.join(vo, 'login.example');
    const fay = await fixture.enrol(vo, 'fay');
    const key = await generateKey('ed25519');
    const ssh = await fay.client.requestSshCertificate(vo, {
      publicKey: sshPublicKeyLine(createPublicKey(key), 'fay'),
      lifetimeSeconds: 600,
    });
    const csr = csrOf(await generateKey());
    const session = await node.client.requestSessionCertificate(vo, { csr, sshCertificate: ssh.certificate });
    assert.deepEqual(parseCertificate(session.certificate).xos.session, {
      hostGuid: node.guid,
      hostname: node.hostname,
    });
    assert.ok(session.notAfterMs <= ssh.notAfterMs);
    await fixture.admin.setPassword(vo, 'fay', 'open sesame');
    const byPassword = await node.client.requestSessionCertificate(vo, {
      csr,
      user: 'fay',
      password: 'open sesame',
    });
    assert.equal(byPassword.user, 'fay');
    await assert.rejects(
      node.client.requestSessionCertificate(vo, { csr, user: 'fay', password: 'open barley' }),
      {
        code: 'XOS_AUTHENTICATION_FAILED',
      },
    );
    await assert.rejects(fay.client.requestSessionCertificate(vo, { csr, sshCertificate: ssh.certificate }), {
      code: 'XOS_PERMISSION',
    });
    await fixture.admin.revokeSshCertificate(vo, ssh.serial);
    await assert.rejects(
      node.client.requestSessionCertificate(vo, { csr, sshCertificate: ssh.certificate }),
      {
        code: 'XOS_CREDENTIAL_REVOKED',
      },
    );
  });
});

describe('time', () => {
  it('a membership that ends leaves the list; lists and CRLs are made anew', async () => {
    const clock = presentClock();
    const fixture = await startFixture({ clock });
    try {
      const vo = 'physics.example';
      await fixture.admin.createVo({ id: vo });
      await fixture.enrol(vo, 'alice');
      await fixture.admin.changeMember(vo, 'alice', { expiresAtMs: clock.nowMs() + 60_000 });
      const { membershipVersion } = await fixture.admin.showVo(vo);
      clock.advance(61_000);
      await expireMembers(fixture.service.context);
      assert.equal((await fixture.admin.showMember(vo, 'alice')).status, 'expired');
      assert.ok((await fixture.admin.showVo(vo)).membershipVersion > membershipVersion);
      const before = await fixture.client().crls(vo);
      clock.advance(3_600_000);
      await republish(fixture.service.context);
      const after = await fixture.client().crls(vo);
      assert.ok(after.version > before.version);
      for (const { issuer, nextUpdateMs } of after.crls.filter(({ issuer }) => issuer !== 'root')) {
        assert.equal(nextUpdateMs, clock.nowMs() + 86_400_000, `nextUpdate of ${issuer}`);
      }
      await fixture.admin.changeMember(vo, 'alice', { expiresAtMs: null });
      assert.equal((await fixture.admin.showMember(vo, 'alice')).status, 'active');
    } finally {
      await fixture.close();
    }
  });

  it('an expired invitation is refused', async () => {
    const clock = presentClock();
    const fixture = await startFixture({ clock });
    try {
      await fixture.admin.createVo({ id: 'physics.example' });
      const { token } = await fixture.admin.invite('physics.example', {
        user: 'alice',
        tokenLifetimeSeconds: 60,
      });
      clock.advance(61_000);
      const request = { csr: csrOf(await generateKey()), user: 'alice', token };
      await assert.rejects(fixture.client().requestCertificate('physics.example', request), {
        code: 'XOS_TOKEN_INVALID',
      });
    } finally {
      await fixture.close();
    }
  });
});

async function membershipOf(fixture: ServiceFixture, vo: string) {
  const node = await fixture.join(vo, `reader${Math.floor(performance.now())}.example`);
  const bytes = await node.client.membership(vo);
  const { anchors } = await node.client.trust(vo);
  const { payload } = verifyDocument(bytes ?? Buffer.alloc(0), {
    type: membershipDocumentType,
    vo,
    role: 'vops',
    store: makeTrustStore({
      anchors: anchors.map(({ certificate }) => ({ certificate: parseCertificate(certificate) })),
    }),
    revocation: 'when-present',
    signingPolicy: 'when-present',
  });
  return parseMembershipList(JSON.parse(payload.toString('utf8')));
}

/** What `openssl verify -crl_check_all` says, accepted or not. */
async function opensslVerify(fixture: ServiceFixture, vo: string, certificate: string): Promise<string> {
  const anonymous = fixture.client();
  const { anchors } = await anonymous.trust(vo);
  const { crls } = await anonymous.crls(vo);
  const anchorFile = join(fixture.directory, 'anchors.pem');
  const leafFile = join(fixture.directory, 'leaf.pem');
  await writeFile(
    anchorFile,
    [...anchors.map((anchor) => anchor.certificate), ...crls.map(({ pem }) => pem)].join(''),
  );
  await writeFile(leafFile, certificate);
  return new Promise((resolve) => {
    execFile(
      'openssl',
      ['verify', '-crl_check_all', '-CAfile', anchorFile, leafFile],
      (_error, stdout, stderr) => resolve(stdout + stderr),
    );
  });
}
