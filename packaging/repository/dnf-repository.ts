/** A dnf repository (rpm-md, by createrepo_c): the packages are signed, and so is repomd.xml, which holds all other sums. */
import { copyFile, mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { output } from './command.ts';
import { takeOver } from './publication.ts';
import { signRpmPackages } from './rpm-signature.ts';
import type { Signer } from './signing-key.ts';

export interface DnfRepositoryOptions {
  /** The .rpm files that come new, signed or not. */
  readonly packages: readonly string[];
  /** Groups of packages, for `dnf group install`. */
  readonly comps: string | undefined;
  readonly folder: string;
  /** The repository that is served now; its packages stay unless `prune`. */
  readonly previous: string | undefined;
  readonly prune: boolean;
  readonly signer: Signer;
  readonly date: Date;
}

export async function makeDnfRepository(options: DnfRepositoryOptions): Promise<void> {
  const { folder, previous } = options;
  const target = path.join(folder, 'packages');
  await mkdir(target, { recursive: true });
  const published =
    previous === undefined || options.prune ? [] : await readdir(path.join(previous, 'packages'));
  for (const name of published)
    await takeOver(path.join(previous ?? '', 'packages', name), path.join(target, name));

  const added: string[] = [];
  for (const source of options.packages) {
    const file = path.join(target, path.basename(source));
    if (!published.includes(path.basename(source))) {
      await copyFile(source, file);
      added.push(file);
    } else if ((await contents(file)) !== (await contents(source))) {
      throw new Error(`${source}: another file was published under this name: give it a new release`);
    }
  }
  await signRpmPackages(added, options.signer, options.date);
  // The index carries the files' times.
  for (const file of added) await utimes(file, options.date, options.date);

  await output('createrepo_c', [
    '--quiet',
    '--no-database',
    // What every dnf and yum reads.
    '--general-compress-type=gz',
    `--revision=${options.date.getTime() / 1000}`,
    '--set-timestamp-to-revision',
    ...(options.comps === undefined ? [] : [`--groupfile=${path.resolve(options.comps)}`]),
    folder,
  ]);
  const index = await readFile(path.join(folder, 'repodata/repomd.xml'));
  const signature = await options.signer.sign(index, options.date);
  await writeFile(path.join(folder, 'repodata/repomd.xml.asc'), signature.armor());
  // zypper looks for the key here.
  await writeFile(path.join(folder, 'repodata/repomd.xml.key'), options.signer.publicKey.armor());
  if (previous !== undefined) await keepIndexes(previous, folder);
}

/** The sum of the header, which holds the sum of the payload: the same for a package with and without a signature. */
async function contents(file: string): Promise<string> {
  return await output('rpm', [
    '--query',
    '--package',
    '--nosignature',
    '--queryformat=%{SHA256HEADER}',
    file,
  ]);
}

/** A dnf that read the previous repomd.xml a moment ago still finds what that one names. */
async function keepIndexes(previous: string, folder: string): Promise<void> {
  const index = (await readFile(path.join(previous, 'repodata/repomd.xml'))).toString('utf8');
  for (const [, file = ''] of index.matchAll(/<location href="(repodata\/[A-Za-z0-9._-]+)"/g)) {
    await takeOver(path.join(previous, file), path.join(folder, file));
  }
}
