/**
 * The package xtreemos-archive-keyring: hosts that installed it learn new keys of the repository by an upgrade, while the key
 * they know still signs. (Debian's own keyring works this way.)
 */
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Key } from 'openpgp';
import { output } from './command.ts';

export const keyringName = 'xtreemos-archive-keyring';

/** Binary, as apt's Signed-By takes it from a .gpg file. */
export const keyring = (keys: readonly Key[]): Buffer => Buffer.concat(keys.map((key) => key.write()));

/** @param folder the package is made there. @returns its file. The same keys give the same bytes. */
export async function makeKeyringPackage(keys: readonly Key[], folder: string): Promise<string> {
  // The set of keys grows by new ones: the youngest dates it.
  const date = new Date(Math.max(...keys.map((key) => key.getCreationTime().getTime())));
  const version = date.toISOString().slice(0, 19).replaceAll('-', '.').replace('T', '.').replaceAll(':', '');
  const tree = await mkdtemp(path.join(tmpdir(), 'xtreemos-keyring-'));
  try {
    await chmod(tree, 0o755);
    const shared = path.join(tree, 'usr/share/keyrings');
    const copyright = path.join(tree, 'usr/share/doc', keyringName);
    for (const made of [shared, copyright, path.join(tree, 'DEBIAN')])
      await mkdir(made, { recursive: true, mode: 0o755 });
    await writeFile(path.join(shared, `${keyringName}.gpg`), keyring(keys), { mode: 0o644 });
    await writeFile(path.join(copyright, 'copyright'), copyrightText, { mode: 0o644 });
    const control = [
      `Package: ${keyringName}`,
      `Version: ${version}`,
      'Architecture: all',
      'Multi-Arch: foreign',
      'Section: misc',
      'Priority: optional',
      'Maintainer: XtreemOS maintainers <maintainers@xtreemos.org>',
      'Description: keys of the XtreemOS package repository',
      ' The keys by which apt verifies the XtreemOS repository; an upgrade of this',
      ' package brings those that will sign it next.',
      '',
    ].join('\n');
    await writeFile(path.join(tree, 'DEBIAN/control'), control, { mode: 0o644 });
    const file = path.join(folder, `${keyringName}_${version}_all.deb`);
    await output('dpkg-deb', ['--root-owner-group', '-Zxz', '--build', tree, file], {
      environment: { SOURCE_DATE_EPOCH: `${date.getTime() / 1000}` },
    });
    return file;
  } finally {
    await rm(tree, { recursive: true });
  }
}

const copyrightText = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: XtreemOS

Files: *
Copyright: XtreemOS contributors
License: public-domain
 Public keys are facts; nobody claims rights in them.
`;
