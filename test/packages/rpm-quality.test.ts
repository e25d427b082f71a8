/** RPM packages as files: what rpmlint says, the same bytes from the same files, groups. Needs `./packaging/build rpm` before. */
import assert from 'node:assert/strict';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { checkout } from '../hosts/ground.ts';
import { debianRoot } from '../hosts/hosts.ts';
import { command, succeed } from '../sandbox/one-host-grid.ts';
import { ownPackages, packAgain } from './rpm-packages.ts';
import { RpmRepository } from './rpm-repository.ts';

const packages = path.join(checkout, 'build/packages/rpm');

test('rpmlint finds nothing in the packages but what rpmlint.toml argues away', {
  timeout: 300_000,
}, async () => {
  const files = globSync([path.join(packages, '*.rpm'), path.join(packages, 'debug/*.rpm')]);
  assert.ok(files.length > ownPackages().length, 'there are no packages with debugging information');
  const configuration = path.join(checkout, 'packaging/rpm/rpmlint.toml');
  const { stdout } = await command(['rpmlint', '--config', configuration, ...files], { timeoutMs: 300_000 });
  assert.match(
    stdout,
    new RegExp(`${files.length} packages and 0 specfiles checked; 0 errors, 0 warnings`),
    stdout,
  );
});

test('the same files, packed elsewhere and later, are the same packages', { timeout: 600_000 }, async (t) => {
  const output = mkdtempSync(path.join(checkout, 'build/rpm-other.'));
  t.after(() => rmSync(output, { recursive: true, force: true }));
  const [first = ''] = ownPackages();
  const query = [
    'rpm',
    '--query',
    '--package',
    '--nosignature',
    '--queryformat=%{VERSION} %{BUILDTIME}',
    first,
  ];
  const [version = '', epoch = ''] = (await succeed(query)).split(' ');
  await packAgain(version, output, Number(epoch));
  for (const file of ownPackages()) {
    const again = readFileSync(path.join(output, path.basename(file)));
    assert.ok(again.equals(readFileSync(file)), `${path.basename(file)} differs`);
  }
});

test('dnf installs the groups of comps.xml', { timeout: 600_000 }, async (t) => {
  // This machine's dnf: python3-libcomps of Debian 13 crashes wherever a group is named.
  const work = mkdtempSync(path.join(checkout, 'build/rpm-group.'));
  t.after(() => rmSync(work, { recursive: true, force: true }));
  const root = path.join(checkout, path.relative('/mnt/checkout', await debianRoot('trixie', 'rpm')));
  const repository = await RpmRepository.make(root);
  t.after(() => repository.remove());
  writeFileSync(
    path.join(work, 'xtreemos.repo'),
    `[xtreemos]\nname=XtreemOS\nbaseurl=file://${repository.folder}\ngpgcheck=0\n`,
  );
  writeFileSync(path.join(work, 'dnf.conf'), '[main]\n');
  mkdirSync(path.join(work, 'log'));
  for (const [group, needed] of [
    ['xtreemos-resource', ['xtreemos-accounts', 'xtreemos-cli', 'libnss-xtreemos', 'libpam-xtreemos']],
    ['xtreemos-client', ['xtreemos-cli']],
    ['xtreemos-head', ['xtreemos-cli', 'xtreemos-vo']],
    ['xtreemos-fs-server', ['xtreemos-accounts', 'xtreemos-cli']],
  ] as const) {
    const dnf = [
      'dnf',
      '--assumeyes',
      `--config=${work}/dnf.conf`,
      `--installroot=${work}/${group}`,
      `--setopt=reposdir=${work}`,
      `--setopt=cachedir=${work}/cache`,
      `--setopt=logdir=${work}/log`,
      '--setopt=tsflags=noscripts',
      '--setopt=install_weak_deps=False',
      '--releasever=1',
    ];
    await succeed([...dnf, 'group', 'install', group], { timeoutMs: 120_000 });
    const installed = await succeed([
      'rpm',
      `--root=${work}/${group}`,
      '--query',
      '--all',
      '--queryformat=%{NAME}\n',
    ]);
    const ours = installed.split('\n').filter((name) => name.includes('xtreemos'));
    assert.deepEqual(ours.sort(), [group, ...needed, 'xtreemos-native', 'xtreemos-runtime'].sort());
  }
});
