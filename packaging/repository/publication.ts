/**
 * Publishing without a moment in which half of a repository is served: the served name is a link to a generation, a folder
 * beside it, and swapping the link is one rename(2).
 */
import {
  chmod,
  copyFile,
  link,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readlink,
  rename,
  rm,
  symlink,
} from 'node:fs/promises';
import path from 'node:path';

export class Publication {
  /** Where the generation that comes is built; nobody is served from it yet. */
  readonly folder: string;
  /** The generation that is served now. */
  readonly previous: string | undefined;
  readonly #served: string;

  private constructor(served: string, folder: string, previous: string | undefined) {
    this.#served = served;
    this.folder = folder;
    this.previous = previous;
  }

  /** @param served the name that a web server knows. @throws Error when something else lies there. */
  static async begin(served: string): Promise<Publication> {
    const parent = path.dirname(served);
    await mkdir(parent, { recursive: true });
    const previous = await currentGeneration(served);
    // What a run that was killed left behind; the caller holds a lock, no other run is at work.
    for (const name of await generations(served)) {
      const folder = path.join(parent, name);
      if (folder !== previous) await rm(folder, { recursive: true });
    }
    const folder = await mkdtemp(path.join(parent, prefix(served)));
    await chmod(folder, 0o755);
    return new Publication(served, folder, previous);
  }

  /** Serves the new generation; the previous one is removed. */
  async publish(): Promise<void> {
    const temporary = `${this.folder}.link`;
    await symlink(path.basename(this.folder), temporary);
    await rename(temporary, this.#served);
    if (this.previous !== undefined) await rm(this.previous, { recursive: true });
  }

  async abandon(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Takes a file over as it is, sharing the disk space where that can be: nothing published is ever written to. */
export async function takeOver(source: string, target: string): Promise<void> {
  await mkdir(path.dirname(target), { recursive: true });
  try {
    await link(source, target);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (code === 'EEXIST') return;
    if (!['EXDEV', 'EPERM', 'EMLINK'].includes(code)) throw error;
    await copyFile(source, target);
  }
}

const prefix = (served: string): string => `${path.basename(served)}.generation-`;

async function generations(served: string): Promise<string[]> {
  const names = await readdir(path.dirname(served));
  return names.filter((name) => name.startsWith(prefix(served)));
}

async function currentGeneration(served: string): Promise<string | undefined> {
  try {
    if ((await lstat(served)).isSymbolicLink()) {
      const target = await readlink(served);
      if (target.startsWith(prefix(served))) return path.join(path.dirname(served), target);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  throw new Error(
    `${served} is not what this command publishes (a link to a folder beside it): move it away`,
  );
}
