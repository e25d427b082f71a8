/** The Debian packages of the last `packaging/build`, as files. */
import assert from 'node:assert/strict';
import { globSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { succeed } from '../sandbox/one-host-grid.ts';

const root = path.resolve(import.meta.dirname, '../..');

export class DebianPackage {
  readonly file: string;
  readonly name: string;
  readonly version: string;
  readonly architecture: string;

  constructor(file: string) {
    const [, name, version, architecture] = /([^/]+)_([^/]+)_([^/]+)\.deb$/.exec(file) ?? [];
    assert.ok(name !== undefined && version !== undefined && architecture !== undefined, file);
    this.file = file;
    this.name = name;
    this.version = version;
    this.architecture = architecture;
  }

  /** A field of the control file; empty where absent. */
  async field(name: string): Promise<string> {
    return (await succeed(['dpkg-deb', '--field', this.file, name])).trim();
  }

  /** Absolute paths of all files and links, without folders. */
  async files(): Promise<readonly string[]> {
    const listing = await succeed(['dpkg-deb', '--contents', this.file]);
    return listing
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('d'))
      .map((line) => line.replace(/^.* \.\//, '/').replace(/ -> .*/, ''));
  }

  /** Where the folder has links for folders (/lib to usr/lib), they stay, as dpkg leaves them. */
  async extract(folder: string): Promise<void> {
    mkdirSync(folder, { recursive: true });
    const unpack = 'dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2"';
    await succeed(['bash', '-o', 'pipefail', '-c', unpack, '_', this.file, folder]);
  }
}

/** @param architecture packages for this one and for all; every package where absent. */
export function debianPackages(architecture?: 'amd64' | 'arm64'): readonly DebianPackage[] {
  return globSync(path.join(root, 'build/packages/deb/*.deb'))
    .sort()
    .map((file) => new DebianPackage(file))
    .filter((found) => architecture === undefined || [architecture, 'all'].includes(found.architecture));
}

export async function ownArchitecture(): Promise<'amd64' | 'arm64'> {
  const name = (await succeed(['dpkg', '--print-architecture'])).trim();
  assert.ok(name === 'amd64' || name === 'arm64', name);
  return name;
}
