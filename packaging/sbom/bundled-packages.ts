/** The npm packages that a bundle is made of, as esbuild's metafile tells. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** As its package.json says: an SPDX identifier or expression. */
  readonly license: string;
  /** SHA-512 of the package as npm delivers it, hexadecimal. */
  readonly sha512: string;
  /** Folder beneath the root of the sources. */
  readonly folder: string;
  /** Folders of the packages that its files import. */
  readonly imports: readonly string[];
}

export interface Metafile {
  readonly inputs: Readonly<Record<string, { readonly imports: readonly { readonly path: string }[] }>>;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
}

interface Lock {
  readonly packages: Readonly<Record<string, { readonly integrity?: string }>>;
}

/** The folder of the npm package that a file belongs to; undefined for files of our own. */
export function packageFolder(file: string): string | undefined {
  return /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0];
}

/**
 * @param root of the sources, with node_modules and package-lock.json.
 * @returns in the order of their folders.
 * @throws Error when a package has no licence or stands in no lock file.
 */
export function bundledPackages(root: string, metafile: Metafile): readonly BundledPackage[] {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lock;
  const imports = new Map<string, Set<string>>();
  for (const [file, input] of Object.entries(metafile.inputs)) {
    const folder = packageFolder(file);
    if (folder === undefined) continue;
    const found = imports.get(folder) ?? new Set();
    imports.set(folder, found);
    for (const { path } of input.imports) {
      const imported = packageFolder(path);
      if (imported !== undefined && imported !== folder) found.add(imported);
    }
  }
  return [...imports]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([folder, found]) => bundledPackage(root, lock, folder, [...found].sort()));
}

/** One package of node_modules. */
export function installedPackage(root: string, folder: string): BundledPackage {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lock;
  return bundledPackage(root, lock, folder, []);
}

function bundledPackage(
  root: string,
  lock: Lock,
  folder: string,
  imports: readonly string[],
): BundledPackage {
  const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Manifest;
  const { name, version, license } = manifest;
  if (typeof license !== 'string') throw new Error(`${folder}/package.json names no licence`);
  const integrity = lock.packages[folder]?.integrity;
  if (integrity?.startsWith('sha512-') !== true)
    throw new Error(`package-lock.json has no SHA-512 of ${folder}`);
  return { name, version, license, sha512: hexadecimal(integrity), folder, imports };
}

/** Turns npm's `sha512-BASE64` into hexadecimal. */
export function hexadecimal(integrity: string): string {
  return Buffer.from(integrity.slice('sha512-'.length), 'base64').toString('hex');
}
