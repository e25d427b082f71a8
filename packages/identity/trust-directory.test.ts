import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { chainOf, crlOf, makeDomain, now, secondsLater } from './fixtures/domain.ts';
import { forgeRoot } from './fixtures/forgery.ts';
import {
  certificatePem,
  crlPem,
  openTrustDirectories,
  subjectHash,
  validatePath,
  writeCrl,
  writeTrustAnchor,
} from './index.ts';

const { root, cda, rca, user, host, authorities, crls } = makeDomain();
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'xos-trust-'));
});
afterEach(() => rm(directory, { recursive: true }));

async function install(): Promise<void> {
  for (const { certificate } of authorities) await writeTrustAnchor(directory, certificate);
  for (const crl of crls) await writeCrl(directory, crl);
}

const rootFile = (suffix: string): string =>
  join(directory, `${subjectHash(root.certificate.subject)}.${suffix}`);

describe('trust directories', () => {
  test('what is written validates users and hosts, and openssl finds it by its names', async () => {
    await install();
    const { current } = await openTrustDirectories({ directories: [directory] });
    assert.deepEqual(current.problems, []);
    assert.equal(validatePath(chainOf(user), { store: current, now }).user?.user, 'alice');
    assert.equal(validatePath([host.certificate], { store: current, now }).host?.role, 'vops');
    const verdict = execFileSync(
      'openssl',
      [
        'verify',
        '-crl_check_all',
        '-x509_strict',
        '-auth_level',
        '2',
        '-attime',
        String(now.getTime() / 1000),
        '-CApath',
        directory,
      ],
      { input: certificatePem(user.certificate), encoding: 'utf8' },
    );
    assert.match(verdict, /OK/);
  });

  test('a certificate written twice stands once; another of the same name beside it', async () => {
    await install();
    await writeTrustAnchor(directory, root.certificate);
    const namesake = forgeRoot('Test root');
    const { certificateFile, signingPolicyFile } = await writeTrustAnchor(directory, namesake.certificate);
    assert.equal(certificateFile, rootFile('1'));
    assert.equal(
      await readFile(signingPolicyFile, 'utf8').then((text) => text.match(/access_id_CA/g)?.length),
      1,
    );
    const { current } = await openTrustDirectories({ directories: [directory] });
    assert.equal(current.findBySubject(root.certificate.subject).length, 2);
    assert.equal(validatePath(chainOf(user), { store: current, now }).user?.user, 'alice');
  });

  test('files that cannot be used are named, the rest works', async () => {
    await install();
    await writeFile(join(directory, '00000000.0'), certificatePem(root.certificate));
    await writeFile(join(directory, '00000001.0'), 'no certificate');
    await writeFile(join(directory, '00000002.r0'), crlPem(crlOf(root).der));
    await writeFile(join(directory, '00000003.signing_policy'), 'nonsense');
    await mkdir(join(directory, '00000004.0'));
    execFileSync('mkfifo', [join(directory, '00000004.r0')]);
    await symlink('nowhere', join(directory, '00000005.0'));
    await symlink('nowhere', join(directory, '00000006.r0'));
    await writeFile(join(directory, 'README'), 'passed over');
    const { current } = await openTrustDirectories({ directories: [directory, join(directory, 'missing')] });
    assert.deepEqual(
      current.problems.map(({ file }) => file.slice(directory.length + 1)),
      [
        'missing',
        '00000000.0',
        '00000001.0',
        '00000002.r0',
        '00000003.signing_policy',
        '00000004.0',
        '00000004.r0',
        '00000005.0',
      ],
    );
    assert.match(current.problems[1]?.reason ?? '', /whose files are named/);
    assert.equal(validatePath(chainOf(user), { store: current, now }).user?.user, 'alice');
  });

  test('changes are seen by reload, and only then', async () => {
    await install();
    const trust = await openTrustDirectories({ directories: [directory] });
    const before = trust.current;
    assert.equal(await trust.reload(), false);
    assert.equal(trust.current, before);
    const revoking = crlOf(cda, [{ serial: user.certificate.serial, revokedAt: now }], {
      number: 2,
      thisUpdate: secondsLater(1),
    });
    assert.deepEqual((await writeCrl(directory, revoking)).written, true);
    assert.equal(await trust.reload(), true);
    assert.throws(() => validatePath(chainOf(user), { store: trust.current, now }), /was revoked/);
    assert.equal(before.findCrls(cda.certificate.subject)[0]?.number, 1n);
    await rm(rootFile('0'));
    assert.equal(await trust.reload(), true);
    assert.equal(trust.current.anchors.length, 2);
  });

  test('reloads at once are one after the other', async () => {
    await install();
    const trust = await openTrustDirectories({ directories: [directory] });
    await rename(rootFile('0'), join(directory, 'aside'));
    assert.deepEqual(await Promise.all([trust.reload(), trust.reload(), trust.reload()]), [
      true,
      false,
      false,
    ]);
  });

  test('the newest CRL of all directories counts, a forged one does not', async () => {
    await install();
    const second = join(directory, 'crls');
    await mkdir(second);
    const revoked = [{ serial: user.certificate.serial, revokedAt: now }];
    await writeCrl(
      second,
      crlOf({ ...cda, key: rca.key }, revoked, { number: 9, thisUpdate: secondsLater(20) }),
    );
    const where = { directories: [directory], crlDirectories: [second] };
    const trust = await openTrustDirectories(where);
    assert.ok(validatePath(chainOf(user), { store: trust.current, now }).user);
    await rm(second, { recursive: true });
    await mkdir(second);
    await writeCrl(second, crlOf(cda, revoked, { number: 9, thisUpdate: secondsLater(10) }));
    await writeFile(join(second, `${subjectHash(root.certificate.subject)}.0`), 'not read: CRLs only');
    assert.equal(await trust.reload(), true);
    assert.deepEqual(trust.current.problems, []);
    assert.throws(() => validatePath(chainOf(user), { store: trust.current, now }), /was revoked/);
  });

  test('an older CRL does not replace a newer one', async () => {
    const newer = crlOf(cda, [], { number: 2, thisUpdate: secondsLater(60) });
    const first = await writeCrl(directory, newer.der);
    assert.deepEqual(await writeCrl(directory, crlOf(cda)), { file: first.file, written: false });
    assert.deepEqual(await writeCrl(directory, newer), { file: first.file, written: false });
    assert.deepEqual(await readdir(directory), [first.file.slice(directory.length + 1)]);
  });

  test('namespaces must permit as well', async () => {
    await install();
    await writeFile(rootFile('namespaces'), 'TO Issuer SELF PERMIT Subject "/O=Elsewhere/.*"\n');
    const { current } = await openTrustDirectories({ directories: [directory] });
    assert.throws(() => validatePath(chainOf(user), { store: current, now }), /signing policy/);
  });
});
