/** A dnf repository for a test: our packages, a newer build of them, and what a Debian host needs to pass for Fedora. */
import assert from 'node:assert/strict';
import { copyFileSync, globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { checkout } from '../hosts/ground.ts';
import { command, succeed } from '../sandbox/one-host-grid.ts';
import { ownPackages, packAgain } from './rpm-packages.ts';

const timeoutMs = 300_000;

export class RpmRepository {
  /** Served to the hosts (hosts' option `serve`). */
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Of the packages in build/packages/rpm. @param root the root of the hosts, whose libraries are told. */
  static async make(root: string): Promise<RpmRepository> {
    const packages = ownPackages();
    const repository = new RpmRepository(mkdtempSync(path.join(checkout, 'build/rpm-repository.')));
    for (const file of packages) copyFileSync(file, path.join(repository.folder, path.basename(file)));
    await repository.addStub(root, '1');
    await repository.index();
    return repository;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Tells dnf what is there; hosts see it after `dnf clean all`. */
  async index(): Promise<void> {
    const groups = path.join(checkout, 'packaging/rpm/comps.xml');
    await succeed(['createrepo_c', '--quiet', `--groupfile=${groups}`, this.folder], { timeoutMs });
  }

  /** @param version of fedora-names and authselect-libs. */
  async addStub(root: string, version: string): Promise<void> {
    const libraries = globSync(
      ['libc.so.6', 'libm.so.6', 'libdl.so.2', 'libpthread.so.0', 'libgcc_s.so.1', 'libstdc++.so.6']
        .concat('libpam.so.0', 'ld-linux-*.so.*')
        .map((name) => path.join(root, 'usr/lib/*-linux-gnu', name)),
    );
    const provides = await command(['/usr/lib/rpm/elfdeps', '--provides'], {
      input: `${libraries.join('\n')}\n`,
    });
    assert.match(provides.stdout, /libc\.so\.6\(GLIBC_2\.34\)\(64bit\)/);
    const list = path.join(this.folder, 'library-provides');
    writeFileSync(list, provides.stdout);
    await this.#build('test/packages/fedora-names.spec', { stub_version: version, library_provides: list });
    rmSync(list);
  }

  /** The same files as a newer version. */
  async addNewerBuild(version: string): Promise<void> {
    await packAgain(version, this.folder);
  }

  async #build(spec: string, macros: Readonly<Record<string, string>>): Promise<void> {
    const work = mkdtempSync(path.join(checkout, 'build/rpm-stub.'));
    try {
      const all = {
        _topdir: work,
        _rpmdir: this.folder,
        _rpmfilename: '%%{NAME}-%%{VERSION}.rpm',
        ...macros,
      };
      const defines = Object.entries(all).flatMap(([name, value]) => ['--define', `${name} ${value}`]);
      await succeed(['rpmbuild', '-bb', '--quiet', ...defines, path.join(checkout, spec)], { timeoutMs });
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
}
