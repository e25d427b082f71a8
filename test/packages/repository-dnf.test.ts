/** dnf takes the repository with gpgcheck and repo_gpgcheck as docs/installation.md says, and nothing that was tampered with. */
import assert from 'node:assert/strict';
import { cpSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { Signer } from '../../packaging/repository/signing-key.ts';
import { succeed } from '../sandbox/one-host-grid.ts';
import { PackageClients, type Root } from './package-clients.ts';
import { makeProbePackages, writeProbeGroup } from './probe-packages.ts';
import { flipBit, makeSigningKey, mirror, publish } from './publishing.ts';

let clients: PackageClients;
const at = (...names: string[]): string => path.join(clients.folder, ...names);

before(async () => {
  clients = await PackageClients.make();
  await makeProbePackages(at('packages'), '1.0');
  writeProbeGroup(at('comps.xml'));
  await makeSigningKey(at('key'));
  await publish(
    { packages: at('packages'), out: at('good'), key: at('key') },
    ...['--url', `${clients.url}/good`, '--comps', at('comps.xml')],
  );
});
after(async () => await clients.remove());

const key = '/etc/pki/rpm-gpg/RPM-GPG-KEY-xtreemos';

/** By dnf's own interpreter: Debian's root has no curl, which is what an administrator of Fedora types. */
async function download(root: Root, name: string, file: string): Promise<void> {
  const words = `import sys, urllib.request; urllib.request.urlretrieve(*sys.argv[1:])`;
  await root.succeed(`python3 -c '${words}' ${clients.url}/${name} ${file}`);
}

/** What an administrator types. @param trusted whose key he fetches. */
async function addSource(root: Root, name: string, trusted = name): Promise<void> {
  await root.succeed('mkdir -p /etc/pki/rpm-gpg /etc/yum.repos.d');
  await download(root, `${trusted}/xtreemos-archive-keyring.asc`, key);
  await download(root, 'good/xtreemos.repo', '/etc/yum.repos.d/xtreemos.repo');
  await root.succeed(`sed -i 's,/good/,/${name}/,' /etc/yum.repos.d/xtreemos.repo`);
}

test('dnf installs from the repository', async () => {
  const root = await clients.root('trixie rpm');
  await addSource(root, 'good');
  const settings = await root.succeed('cat /etc/yum.repos.d/xtreemos.repo');
  assert.match(settings, /^gpgcheck=1$/m);
  assert.match(settings, /^repo_gpgcheck=1$/m);
  await root.succeed('dnf -y install xos-probe');
  assert.equal((await root.succeed('cat /usr/share/xos-probe/content')).trim(), '1.0');
  assert.match(await root.succeed('dnf -q repoquery --installed xos-probe'), /xos-probe-0:1\.0-1\.noarch/);
});

test('the index has the groups', () => {
  // Only that: python3-libcomps of Debian 13 crashes wherever a group is named.
  const index = readFileSync(at('good/dnf/repodata/repomd.xml'), 'utf8');
  const file = /<data type="group">[\s\S]*?<location href="([^"]+)"/.exec(index)?.[1] ?? '';
  assert.equal(readFileSync(at('good/dnf', file), 'utf8'), readFileSync(at('comps.xml'), 'utf8'));
});

test('what was tampered with is refused', async () => {
  const root = await clients.root('trixie rpm');
  const refused = async (name: string, expected: RegExp, trusted?: string): Promise<void> => {
    await addSource(root, name, trusted);
    await root.succeed('rm -rf /var/cache/dnf /var/lib/dnf');
    const { status, stdout, stderr } = await root.run('dnf -y --setopt=retries=1 install xos-probe');
    assert.notEqual(status, 0, `${name} was accepted`);
    assert.match(stdout + stderr, expected, name);
    assert.notEqual((await root.run('ls /usr/share/xos-probe')).status, 0, name);
  };

  mirror(at('good'), at('tampered-index'));
  const index = at('tampered-index/dnf/repodata/repomd.xml');
  writeFileSync(index, readFileSync(index, 'utf8').replace('<revision>1', '<revision>2'));
  await refused('tampered-index', /GPG verification|Bad GPG signature|repomd\.xml GPG signature/);

  mirror(at('good'), at('tampered-primary'));
  for (const file of globSync(at('tampered-primary/dnf/repodata/*-primary.xml.gz'))) flipBit(file);
  await refused('tampered-primary', /checksum|Checksum/);

  mirror(at('good'), at('tampered-package'));
  for (const file of globSync(at('tampered-package/dnf/packages/*.rpm'))) flipBit(file);
  await refused('tampered-package', /[Cc]hecksum/);

  await makeSigningKey(at('other-key'), '--algorithm', 'ed25519');
  await publish({ packages: at('packages'), out: at('other'), key: at('other-key') });
  await refused('other', /GPG|signature/, 'good');

  // Indexes signed by the right key over a package that is not signed.
  await publish({ packages: at('packages'), out: at('unsigned'), key: at('key') });
  mirror(at('unsigned'), at('unsigned-package'));
  await signAgainWithout(at('unsigned-package/dnf'));
  await refused('unsigned-package', /not signed|GPG check FAILED|Public key .* not installed/);

  await addSource(root, 'other');
  await root.succeed('rm -rf /var/cache/dnf /var/lib/dnf; dnf -y install xos-probe');
});

/** Puts packages without signatures in, and indexes over them which the publisher's key signs. */
async function signAgainWithout(folder: string): Promise<void> {
  for (const file of globSync(at('packages/rpm/*.rpm')))
    cpSync(file, path.join(folder, 'packages', path.basename(file)));
  await succeed(['createrepo_c', '--quiet', '--no-database', '--general-compress-type=gz', folder]);
  const signer = await Signer.open(readFileSync(at('key'), 'utf8'), undefined, new Date());
  const index = readFileSync(path.join(folder, 'repodata/repomd.xml'));
  writeFileSync(path.join(folder, 'repodata/repomd.xml.asc'), (await signer.sign(index, new Date())).armor());
}

test('rpmkeys of Debian 12 and 13 verify the packages, whichever algorithm signed', async () => {
  for (const algorithm of ['rsa3072', 'ed25519']) {
    await makeSigningKey(at(`key-${algorithm}`), '--algorithm', algorithm);
    await publish({ packages: at('packages'), out: at(algorithm), key: at(`key-${algorithm}`) });
    const [file = ''] = globSync(at(algorithm, 'dnf/packages/*.rpm'));
    const verify = (folder: string, database: string): string =>
      [
        `rm -rf ${database} && mkdir ${database}`,
        `rpmkeys --dbpath ${database} --import ${folder}/xtreemos-archive-keyring.asc`,
        `rpmkeys --dbpath ${database} --checksig --verbose ${folder}/dnf/packages/${path.basename(file)}`,
      ].join(' && ');
    const good = /Header V4 (RSA|EdDSA)\/SHA512 Signature, key ID [0-9a-f]+: OK/;
    assert.match(await succeed(['sh', '-c', verify(at(algorithm), at('rpmdb'))]), good);

    const root = await clients.root('trixie rpm');
    await root.succeed(`mkdir -p /tmp/${algorithm}/dnf/packages`);
    for (const name of ['xtreemos-archive-keyring.asc', `dnf/packages/${path.basename(file)}`])
      await download(root, `${algorithm}/${name}`, `/tmp/${algorithm}/${name}`);
    assert.match(await root.succeed(verify(`/tmp/${algorithm}`, '/tmp/rpmdb')), good);
  }
});
