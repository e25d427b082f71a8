import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { generateKey, parseCertificate } from '@xtreemos/identity';
import { credentialOf, csrOf, run, type ServiceFixture, startFixture } from './service-fixture.ts';

describe('enrolment', () => {
  let fixture: ServiceFixture;
  before(async () => {
    fixture = await startFixture();
    await fixture.admin.createVo({ id: 'physics.example' });
  });
  after(() => fixture.close());

  const vo = 'physics.example';

  it('ask, approve, CSR: the certificate holds for openssl and names VO, GUID and FQANs', async () => {
    const { admin } = fixture;
    const person = fixture.client();
    const receipt = await person.askToJoin(vo, { user: 'alice', fullName: 'Alice', message: 'please' });
    assert.equal((await admin.showMember(vo, 'alice')).status, 'asked');
    const key = await generateKey();
    await assert.rejects(
      person.requestCertificate(vo, { csr: csrOf(key), user: 'alice', token: receipt.token }),
      {
        code: 'XOS_STATE_WRONG',
      },
    );
    await admin.createGroup(vo, 'atlas/muons');
    await admin.approve(vo, 'alice', { groups: ['atlas/muons'] });
    const issued = await person.requestCertificate(vo, {
      csr: csrOf(key),
      user: 'alice',
      token: receipt.token,
    });
    const certificate = parseCertificate(issued.certificate);
    assert.equal(certificate.subject.oneline, '/O=XtreemOS/OU=physics.example/CN=alice');
    assert.equal(certificate.xos.guid, issued.guid);
    assert.deepEqual(certificate.xos.fqans, [`/${vo}`, `/${vo}/atlas`, `/${vo}/atlas/muons`]);
    await verifyWithOpenssl(fixture, vo, issued.certificate);
  });

  it('a refused request did not use the token up', async () => {
    const { token } = await fixture.admin.invite(vo, { user: 'patient' });
    const person = fixture.client();
    await assert.rejects(person.requestCertificate(vo, { csr: 'no csr', user: 'patient', token }));
    const csr = csrOf(await generateKey());
    await assert.rejects(
      person.requestCertificate(vo, { csr, user: 'patient', token, fqans: [`/${vo}/Role=admin`] }),
      { code: 'XOS_PERMISSION' },
    );
    await person.requestCertificate(vo, { csr, user: 'patient', token });
    assert.equal((await fixture.admin.showMember(vo, 'patient')).status, 'active');
  });

  it('an accepted invitation with password signs in by it', async () => {
    const { token } = await fixture.admin.invite(vo, { user: 'bob' });
    const person = fixture.client();
    await person.acceptInvitation(vo, { user: 'bob', token, password: 'correct horse' });
    const csr = csrOf(await generateKey());
    await assert.rejects(person.requestCertificate(vo, { csr, user: 'bob', password: 'wrong horse' }), {
      code: 'XOS_AUTHENTICATION_FAILED',
    });
    await assert.rejects(person.requestCertificate(vo, { csr, user: 'nobody', password: 'correct horse' }), {
      code: 'XOS_AUTHENTICATION_FAILED',
    });
    const issued = await person.requestCertificate(vo, { csr, user: 'bob', password: 'correct horse' });
    assert.equal(issued.user, 'bob');
  });

  it('renews with the certificate for a new key, for itself only', async () => {
    const carol = await fixture.enrol(vo, 'carol');
    const key = await generateKey('ed25519');
    const renewed = await carol.client.requestCertificate(vo, { csr: csrOf(key) });
    assert.notEqual(renewed.serial, carol.issued.serial);
    assert.equal(renewed.guid, carol.issued.guid);
    const again = fixture.client(credentialOf(renewed, key));
    assert.equal((await again.showMember(vo, 'carol')).user, 'carol');
    await assert.rejects(carol.client.requestCertificate(vo, { csr: csrOf(key), user: 'bob' }), {
      code: 'XOS_CREDENTIAL_IDENTITY',
    });
    await assert.rejects(carol.client.showMember(vo, 'bob'), { code: 'XOS_PERMISSION' });
  });

  it('no certificate outlives the membership', async () => {
    const expiresAtMs = Date.now() + 3_600_000;
    const { token } = await fixture.admin.invite(vo, { user: 'guest', expiresAtMs });
    const issued = await fixture
      .client()
      .requestCertificate(vo, { csr: csrOf(await generateKey()), user: 'guest', token });
    assert.ok(issued.notAfterMs <= expiresAtMs, `${issued.notAfterMs} is after ${expiresAtMs}`);
  });

  it('a VO with a root of its own is verified by that root and not by the default one', async () => {
    await fixture.admin.createVo({ id: 'own.example', ownRoot: true });
    const person = await fixture.enrol('own.example', 'dora');
    await verifyWithOpenssl(fixture, 'own.example', person.issued.certificate);
    const other = await fixture.client().trust(vo);
    assert.notEqual((await fixture.client().trust('own.example')).rootFingerprint, other.rootFingerprint);
  });

  it('an SSH certificate has the global user id as only principal and is signed by the VO', async () => {
    const erin = await fixture.enrol(vo, 'erin');
    const file = join(fixture.directory, 'id_ed25519');
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file, '-C', 'erin laptop']);
    const { stdout: publicKey } = await run('cat', [`${file}.pub`]);
    const issued = await erin.client.requestSshCertificate(vo, { publicKey: publicKey.trim() });
    assert.deepEqual(issued.principals, [`erin@${vo}`]);
    await writeFile(`${file}-cert.pub`, `${issued.certificate}\n`);
    const { stdout } = await run('ssh-keygen', ['-L', '-f', `${file}-cert.pub`]);
    assert.match(stdout, /Type: ssh-ed25519-cert-v01@openssh\.com user certificate/);
    assert.match(stdout, new RegExp(`Serial: ${issued.serial}\\n`));
    assert.match(stdout, new RegExp(`erin@${vo}\\n`));
    const { sshUserCas } = await fixture.client().trust(vo);
    await writeFile(join(fixture.directory, 'ca.pub'), `${sshUserCas[0]}\n`);
    const { stdout: ca } = await run('ssh-keygen', ['-l', '-f', join(fixture.directory, 'ca.pub')]);
    const fingerprint = /SHA256:\S+/.exec(ca)?.[0] ?? 'none';
    assert.ok(stdout.includes(fingerprint), `${stdout} does not name ${fingerprint}`);
  });
});

/** As a host with an IGTF directory would: chain and CRLs. */
async function verifyWithOpenssl(fixture: ServiceFixture, vo: string, certificate: string): Promise<void> {
  const anonymous = fixture.client();
  const { anchors } = await anonymous.trust(vo);
  const { crls } = await anonymous.crls(vo);
  const anchorFile = join(fixture.directory, 'anchors.pem');
  const leafFile = join(fixture.directory, 'leaf.pem');
  await writeFile(
    anchorFile,
    anchors.map((anchor) => anchor.certificate).join('') + crls.map(({ pem }) => pem).join(''),
  );
  await writeFile(leafFile, certificate);
  const options = [
    'verify',
    '-auth_level',
    '2',
    '-x509_strict',
    '-crl_check_all',
    '-CAfile',
    anchorFile,
    leafFile,
  ];
  const { stdout } = await run('openssl', options);
  assert.match(stdout, /: OK/);
}
