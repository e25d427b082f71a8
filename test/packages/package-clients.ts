/** Debian 12 and 13 as clients of repositories: their roots, changed by nobody else, and a web server, on a ground of their own. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { checkout, Ground } from '../hosts/ground.ts';
import { packageServerLine, packageServerUrl, servePackages } from '../hosts/package-server.ts';
import { type CommandResult, command, succeed } from '../sandbox/one-host-grid.ts';

export type RootName = 'bookworm' | 'trixie' | 'trixie rpm';

export class PackageClients {
  /** What it holds is served; repositories of a test are made in it. */
  readonly folder: string;
  /** Of `folder`. */
  readonly url = packageServerUrl;
  readonly #ground: Ground;
  #roots = 0;

  private constructor(ground: Ground, folder: string) {
    this.#ground = ground;
    this.folder = folder;
  }

  static async make(): Promise<PackageClients> {
    mkdirSync(path.join(checkout, 'build'), { recursive: true });
    const folder = mkdtempSync(path.join(checkout, 'build/repository-test-'));
    const ground = await Ground.make();
    await servePackages(ground, folder);
    return new PackageClients(ground, folder);
  }

  async remove(): Promise<void> {
    await this.#ground.remove();
    rmSync(this.folder, { recursive: true });
  }

  /** A new Debian root with no package source. */
  async root(name: RootName): Promise<Root> {
    const made = await succeed([path.join(checkout, 'test/hosts/image'), ...name.split(' ')], {
      timeoutMs: 600_000,
    });
    const image = path.join('/mnt/checkout', path.relative(checkout, made.trim()));
    this.#roots += 1;
    const disk = `/mnt/clients/${this.#roots}`;
    const root = `${disk}/root`;
    await this.#ground.run('mkdir', '-p', `${disk}/upper`, `${disk}/work`, root);
    const layers = `lowerdir=${image},upperdir=${disk}/upper,workdir=${disk}/work`;
    await this.#ground.run('mount', '-t', 'overlay', 'client', '-o', layers, root);
    await this.#ground.run('mount', '-t', 'proc', 'proc', `${root}/proc`);
    await this.#ground.run('mount', '--bind', '/dev', `${root}/dev`);
    const client = new Root(this.#ground, root);
    await client.succeed(`echo '${packageServerLine}' >>/etc/hosts`);
    await client.succeed('rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* /etc/yum.repos.d/*');
    return client;
  }
}

export class Root {
  readonly #ground: Ground;
  readonly #folder: string;

  constructor(ground: Ground, folder: string) {
    this.#ground = ground;
    this.#folder = folder;
  }

  /** Runs a shell command line as its root user. Never throws for its exit status. */
  async run(line: string): Promise<CommandResult> {
    const words = ['chroot', this.#folder, 'env', 'DEBIAN_FRONTEND=noninteractive', '/bin/sh', '-c', line];
    return await command(this.#ground.words(words), { timeoutMs: 300_000 });
  }

  /** @returns standard output. @throws Error with all it printed when it fails. */
  async succeed(line: string): Promise<string> {
    const result = await this.run(line);
    if (result.status !== 0)
      throw new Error(`${line}: status ${result.status}\n${result.stdout}${result.stderr}`);
    return result.stdout;
  }
}
