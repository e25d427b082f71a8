/** The packages of this checkout in repositories: apt of Debian 12 and 13 finds all they need, dnf sees them, rpm verifies each. */
import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { checkout } from '../hosts/ground.ts';
import { succeed } from '../sandbox/one-host-grid.ts';
import { PackageClients } from './package-clients.ts';
import { makeSigningKey, publish } from './publishing.ts';

let clients: PackageClients;
const at = (...names: string[]): string => path.join(clients.folder, ...names);

before(async () => {
  const build = path.join(checkout, 'packaging/build');
  await succeed([build, 'deb', 'rpm', '--work-tree', '--if-changed'], { timeoutMs: 1_500_000 });
  clients = await PackageClients.make();
  await makeSigningKey(at('key'));
  await publish(
    { packages: path.join(checkout, 'build/packages'), out: at('built'), key: at('key') },
    ...['--url', `${clients.url}/built`],
  );
});
after(async () => await clients.remove());

for (const suite of ['bookworm', 'trixie'] as const) {
  test(`${suite}: apt fetches a resource node, a head node and a client`, async () => {
    const root = await clients.root(suite);
    await root.succeed(`wget -q -P /usr/share/keyrings ${clients.url}/built/xtreemos-archive-keyring.gpg`);
    await root.succeed(`wget -q -P /etc/apt/sources.list.d ${clients.url}/built/xtreemos.sources`);
    await root.succeed('apt-get update -o APT::Update::Error-Mode=any');
    await root.succeed('apt-get install -y --download-only xtreemos-resource xtreemos-head xtreemos-client');
    const fetched = await root.succeed('ls /var/cache/apt/archives');
    for (const name of ['xtreemos-resource', 'xtreemos-head', 'xtreemos-client', 'xtreemos-runtime'])
      assert.match(fetched, new RegExp(`^${name}_`, 'm'));
  });
}

test('dnf lists the packages under repo_gpgcheck, and rpm verifies the signature of each', async () => {
  const root = await clients.root('trixie rpm');
  await root.succeed('mkdir -p /etc/pki/rpm-gpg /etc/yum.repos.d');
  const download = `import sys, urllib.request; urllib.request.urlretrieve(*sys.argv[1:])`;
  for (const [name, file] of [
    ['xtreemos-archive-keyring.asc', '/etc/pki/rpm-gpg/RPM-GPG-KEY-xtreemos'],
    ['xtreemos.repo', '/etc/yum.repos.d/xtreemos.repo'],
  ])
    await root.succeed(`python3 -c '${download}' ${clients.url}/built/${name} ${file}`);
  const files = globSync(at('built/dnf/packages/*.rpm'));
  const listed = (
    await root.succeed('dnf -y -q repoquery --queryformat "%{name}-%{version}-%{release}.%{arch}.rpm\n"')
  )
    .split('\n')
    .filter((line) => line.endsWith('.rpm'));
  assert.deepEqual(listed.sort(), files.map((file) => path.basename(file)).sort());
  assert.ok(
    listed.some((name) => name.startsWith('xtreemos-resource-')),
    listed.join(' '),
  );

  const database = at('rpmdb');
  await succeed(['mkdir', database]);
  await succeed(['rpmkeys', '--dbpath', database, '--import', at('built/xtreemos-archive-keyring.asc')]);
  const verified = await succeed(['rpmkeys', '--dbpath', database, '--checksig', ...files], {
    timeoutMs: 120_000,
  });
  assert.equal(verified.match(/: digests signatures OK$/gm)?.length, files.length, verified);
});
