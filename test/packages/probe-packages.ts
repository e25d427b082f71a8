/** Tiny packages, made within a second: what repositories do does not depend on what is in them. */
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { succeed } from '../sandbox/one-host-grid.ts';

/** Puts `xos-probe`, which depends on `xos-probe-common`, into FOLDER/deb (amd64, arm64, all) and FOLDER/rpm (noarch). */
export async function makeProbePackages(folder: string, version: string, content = version): Promise<void> {
  for (const format of ['deb', 'rpm']) mkdirSync(path.join(folder, format), { recursive: true });
  const work = mkdtempSync(path.join(tmpdir(), 'xos-probe-'));
  try {
    for (const architecture of ['amd64', 'arm64'])
      await makeDebian(work, path.join(folder, 'deb'), 'xos-probe', version, architecture, content);
    await makeDebian(work, path.join(folder, 'deb'), 'xos-probe-common', version, 'all', content);
    await makeRpm(work, path.join(folder, 'rpm'), version, content);
  } finally {
    rmSync(work, { recursive: true });
  }
}

/** A comps file whose group `xos-probe` is the package of this name. */
export function writeProbeGroup(file: string): void {
  const group =
    '<id>xos-probe</id><name>Probe</name><description>A probe</description><uservisible>true</uservisible>';
  const list = '<packagelist><packagereq type="mandatory">xos-probe</packagereq></packagelist>';
  writeFileSync(file, `<?xml version="1.0"?>\n<comps><group>${group}${list}</group></comps>\n`);
}

async function makeDebian(
  work: string,
  target: string,
  name: string,
  version: string,
  architecture: string,
  content: string,
): Promise<void> {
  const tree = path.join(work, `${name}-${architecture}`);
  mkdirSync(path.join(tree, 'DEBIAN'), { recursive: true });
  mkdirSync(path.join(tree, 'usr/share', name), { recursive: true });
  chmodSync(tree, 0o755);
  writeFileSync(path.join(tree, 'usr/share', name, 'content'), content);
  const control = [
    `Package: ${name}`,
    'Source: xos-probe',
    `Version: ${version}`,
    `Architecture: ${architecture}`,
    'Maintainer: XtreemOS maintainers <maintainers@xtreemos.org>',
    ...(name === 'xos-probe' ? [`Depends: xos-probe-common (= ${version})`] : []),
    'Description: probe',
    ' Nothing is in it.',
    '',
  ].join('\n');
  writeFileSync(path.join(tree, 'DEBIAN/control'), control);
  const file = path.join(target, `${name}_${version}_${architecture}.deb`);
  await succeed(['dpkg-deb', '--root-owner-group', '--build', tree, file]);
}

async function makeRpm(work: string, target: string, version: string, content: string): Promise<void> {
  const spec = path.join(work, 'xos-probe.spec');
  const lines = [
    'Name: xos-probe',
    `Version: ${version}`,
    'Release: 1',
    'Summary: probe',
    'License: BSD-2-Clause',
    'BuildArch: noarch',
    '%description',
    'Nothing is in it.',
    '%install',
    'mkdir -p %{buildroot}/usr/share/xos-probe',
    `echo '${content}' >%{buildroot}/usr/share/xos-probe/content`,
    '%files',
    '/usr/share/xos-probe',
    '',
  ];
  writeFileSync(spec, lines.join('\n'));
  await succeed(['rpmbuild', '-bb', `--define=_topdir ${work}/rpmbuild`, spec], { timeoutMs: 60_000 });
  for (const name of readdirSync(path.join(work, 'rpmbuild/RPMS/noarch')))
    cpSync(path.join(work, 'rpmbuild/RPMS/noarch', name), path.join(target, name));
}
