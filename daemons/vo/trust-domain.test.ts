import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parseCertificate, parseCrl } from '@xtreemos/identity';
import { type ServiceFixture, startFixture } from './service-fixture.ts';

describe('trust domains', () => {
  let fixture: ServiceFixture;
  const domain = 'test.example';
  const passphrase = 'a passphrase of some length';
  before(async () => {
    fixture = await startFixture();
  });
  after(() => fixture.close());

  const keyFile = (name: string) => join(fixture.directory, 'state', 'keys', `${name}.key`);

  it('keys lie in files for their owner alone', async () => {
    await fixture.admin.createVo({ id: 'early.example' });
    for (const name of ['domain/test.example/root', 'vo/early.example/cda', 'vo/early.example/ssh-ca']) {
      assert.equal((await stat(keyFile(name))).mode & 0o777, 0o600, name);
    }
    assert.equal((await stat(join(fixture.directory, 'state', 'keys'))).mode & 0o077, 0);
  });

  it('a root goes offline once its exported key was shown, and signs with the key brought along', async () => {
    const { admin } = fixture;
    const { pem } = await admin.exportRoot(domain, passphrase);
    assert.match(pem, /^-----BEGIN ENCRYPTED PRIVATE KEY-----/);
    await assert.rejects(admin.takeRootOffline(domain, { pem, passphrase: 'another passphrase' }), {
      code: 'XOS_CREDENTIAL_PASSPHRASE',
    });
    assert.ok(existsSync(keyFile('domain/test.example/root')));
    assert.equal((await admin.takeRootOffline(domain, { pem, passphrase })).rootOffline, true);
    assert.ok(!existsSync(keyFile('domain/test.example/root')));
    await assert.rejects(admin.createVo({ id: 'late.example' }), { code: 'XOS_TRUST_DOMAIN_OFFLINE' });
    await assert.rejects(admin.publishRootCrl(domain), { code: 'XOS_TRUST_DOMAIN_OFFLINE' });
    await assert.rejects(admin.exportRoot(domain, passphrase), { code: 'XOS_TRUST_DOMAIN_OFFLINE' });
    const vo = await admin.createVo({ id: 'late.example', rootKey: { pem, passphrase } });
    assert.equal(vo.domain, domain);
    await assert.rejects(admin.createVo({ id: 'later.example' }), { code: 'XOS_TRUST_DOMAIN_OFFLINE' });
    await fixture.enrol('late.example', 'alice');
    await admin.publishRootCrl(domain, { pem, passphrase });
    assert.equal((await admin.importRoot(domain, { pem, passphrase })).rootOffline, false);
    await admin.createVo({ id: 'later.example' });
  });

  it('the key of another root is refused', async () => {
    const { admin } = fixture;
    await admin.createDomain('second.example');
    const { pem } = await admin.exportRoot('second.example', passphrase);
    await assert.rejects(admin.takeRootOffline(domain, { pem, passphrase }), {
      code: 'XOS_CREDENTIAL_NO_KEY',
    });
    await assert.rejects(admin.createDomain('second.example'), { code: 'XOS_EXISTS' });
  });

  it('authorities of a destroyed VO are on the CRL of the root', async () => {
    const { admin } = fixture;
    await admin.createVo({ id: 'doomed.example' });
    const { anchors } = await fixture.client().trust('doomed.example');
    await admin.destroyVo('doomed.example');
    const bundle = await fixture.client().crls('early.example');
    const crl = parseCrl(bundle.crls.find(({ issuer }) => issuer === 'root')?.pem ?? '');
    const revoked = anchors.filter(({ kind }) => kind === 'cda' || kind === 'rca');
    assert.equal(revoked.length, 2);
    for (const { certificate } of revoked) assert.ok(crl.revoked.has(parseCertificate(certificate).serial));
    for (const kind of ['cda', 'rca', 'ssh-ca']) assert.ok(!existsSync(keyFile(`vo/doomed.example/${kind}`)));
  });

  it('after a restart everything is as it was', async () => {
    const before = await fixture.admin.listDomains();
    const alice = await fixture.enrol('early.example', 'alice');
    fixture = await fixture.restart();
    assert.deepEqual(await fixture.admin.listDomains(), before);
    await fixture.client(alice.credential).showMember('early.example', 'alice');
    assert.equal((await fixture.admin.verifyAudit()).brokenAt, null);
  });
});
