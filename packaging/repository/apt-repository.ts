/** An apt repository (https://wiki.debian.org/DebianRepository/Format): one suite, one component, signed. */
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { output } from './command.ts';
import { takeOver } from './publication.ts';
import type { Signer } from './signing-key.ts';

export const suite = 'stable';

export interface AptRepositoryOptions {
  /** The .deb files that come new. */
  readonly packages: readonly string[];
  readonly folder: string;
  /** The repository that is served now; its packages stay unless `prune`. */
  readonly previous: string | undefined;
  readonly prune: boolean;
  readonly signer: Signer;
  readonly date: Date;
  /** apt refuses the indexes from then on; never where absent. */
  readonly validDays: number | undefined;
}

interface DebianPackage {
  /** Beneath the repository's folder. */
  readonly file: string;
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** The whole paragraph of an index. */
  readonly paragraph: string;
}

interface Index {
  /** Beneath dists/SUITE. */
  readonly file: string;
  readonly bytes: Buffer;
}

export async function makeAptRepository(options: AptRepositoryOptions): Promise<void> {
  const { folder, previous } = options;
  const files = new Set<string>();
  for (const source of options.packages) files.add(await addToPool(options, source));
  if (previous !== undefined && !options.prune) {
    for (const file of await poolOf(previous)) {
      if (files.has(file)) continue;
      await takeOver(path.join(previous, file), path.join(folder, file));
      files.add(file);
    }
  }
  const packages = await Promise.all([...files].map((file) => describe(folder, file)));
  packages.sort(
    (a, b) => compare(a.name, b.name) || compare(a.version, b.version) || compare(a.file, b.file),
  );

  const architectures = [...new Set(packages.map((one) => one.architecture))].filter(
    (name) => name !== 'all',
  );
  const indexes: Index[] = [];
  for (const architecture of ['all', ...architectures.sort()]) {
    const text = packages
      .filter((one) => one.architecture === architecture || one.architecture === 'all')
      .map((one) => one.paragraph)
      .join('\n');
    indexes.push(...(await compressed(`main/binary-${architecture}/Packages`, Buffer.from(text))));
  }
  const suiteFolder = path.join(folder, 'dists', suite);
  for (const { file, bytes } of indexes) {
    const target = path.join(suiteFolder, file);
    await mkdir(path.dirname(target), { recursive: true });
    await writeFile(target, bytes);
    await takeOver(target, byHash(suiteFolder, file, sha256(bytes)));
  }
  if (previous !== undefined) await keepIndexes(path.join(previous, 'dists', suite), suiteFolder);

  const release = releaseText(options, ['all', ...architectures], indexes);
  await writeFile(path.join(suiteFolder, 'Release'), release);
  const signature = await options.signer.sign(Buffer.from(release), options.date);
  await writeFile(path.join(suiteFolder, 'Release.gpg'), signature.armor());
  await writeFile(path.join(suiteFolder, 'InRelease'), await options.signer.clearsign(release, options.date));
}

/** Time of the indexes that are served: apt ignores what is older than what it has. */
export async function releaseDate(folder: string): Promise<Date | undefined> {
  const release = await readIfThere(path.join(folder, 'dists', suite, 'Release'));
  const date = /^Date: (.+)$/m.exec(release?.toString('utf8') ?? '')?.[1];
  return date === undefined ? undefined : new Date(date);
}

/** @returns the file's place beneath the repository. @throws Error when another file was published under this name. */
async function addToPool(options: AptRepositoryOptions, source: string): Promise<string> {
  const name = path.basename(source);
  if (!/^[a-z0-9][a-z0-9+.-]*_[A-Za-z0-9.+~-]+_[a-z0-9]+\.deb$/.test(name))
    throw new Error(`${source}: not named like a Debian package (NAME_VERSION_ARCHITECTURE.deb)`);
  const field = (await output('dpkg-deb', ['--field', source, 'Source', 'Package'])).trim();
  const from = /^Source: ([^\s(]+)/m.exec(field)?.[1] ?? name.split('_')[0] ?? '';
  const file = `pool/main/${from.startsWith('lib') ? from.slice(0, 4) : from.slice(0, 1)}/${from}/${name}`;
  const published =
    options.previous === undefined || options.prune
      ? undefined
      : await readIfThere(path.join(options.previous, file));
  if (published !== undefined && sha256(published) !== sha256(await readFile(source)))
    throw new Error(`${source}: another file was published under this name: give it a new version`);
  const target = path.join(options.folder, file);
  await mkdir(path.dirname(target), { recursive: true });
  await copyFile(source, target);
  return file;
}

async function poolOf(folder: string): Promise<string[]> {
  const entries = await readdir(path.join(folder, 'pool'), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.deb'))
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)));
}

async function describe(folder: string, file: string): Promise<DebianPackage> {
  const bytes = await readFile(path.join(folder, file));
  const control = (await output('dpkg-deb', ['--field', path.join(folder, file)])).trimEnd();
  const field = (name: string): string => {
    const value = new RegExp(`^${name}: (.+)$`, 'm').exec(control)?.[1];
    if (value === undefined) throw new Error(`${file}: no field ${name}`);
    return value;
  };
  return {
    file,
    name: field('Package'),
    version: field('Version'),
    architecture: field('Architecture'),
    paragraph: `${control}\nFilename: ${file}\nSize: ${bytes.length}\nSHA256: ${sha256(bytes)}\n`,
  };
}

async function compressed(file: string, bytes: Buffer): Promise<Index[]> {
  return [
    { file, bytes },
    { file: `${file}.gz`, bytes: gzipSync(bytes, { level: 9 }) },
    {
      file: `${file}.xz`,
      bytes: await output('xz', ['-9', '--threads=1', '--stdout'], { input: bytes }, 'buffer'),
    },
  ];
}

/** An apt that read the previous Release a moment ago still finds what that one names. */
async function keepIndexes(previousSuite: string, suiteFolder: string): Promise<void> {
  const release = (await readFile(path.join(previousSuite, 'Release'))).toString('utf8');
  for (const [, hash = '', file = ''] of release.matchAll(/^ ([0-9a-f]{64}) +\d+ (\S+)$/gm)) {
    await takeOver(byHash(previousSuite, file, hash), byHash(suiteFolder, file, hash));
  }
}

function releaseText(
  options: AptRepositoryOptions,
  architectures: readonly string[],
  indexes: readonly Index[],
): string {
  const { date, validDays } = options;
  const validUntil = validDays === undefined ? undefined : new Date(date.getTime() + validDays * 86_400_000);
  return [
    'Origin: XtreemOS',
    'Label: XtreemOS',
    `Suite: ${suite}`,
    `Codename: ${suite}`,
    `Date: ${date.toUTCString()}`,
    ...(validUntil === undefined ? [] : [`Valid-Until: ${validUntil.toUTCString()}`]),
    'Acquire-By-Hash: yes',
    // Each architecture's index lists them too, as Debian's do: apt need not fetch binary-all.
    'No-Support-for-Architecture-all: Packages',
    `Architectures: ${architectures.join(' ')}`,
    'Components: main',
    'Description: XtreemOS for Debian 12 and 13',
    'SHA256:',
    ...indexes.map(({ file, bytes }) => ` ${sha256(bytes)} ${bytes.length} ${file}`),
    '',
  ].join('\n');
}

const byHash = (suiteFolder: string, file: string, hash: string): string =>
  path.join(suiteFolder, path.dirname(file), 'by-hash/SHA256', hash);

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** By code points: the order does not depend on a locale. */
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

async function readIfThere(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
