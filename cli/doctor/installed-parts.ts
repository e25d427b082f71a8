import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Which parts of the product this host has. A check of a part that is not installed has nothing to say. */
export interface InstalledParts {
  /** xos-accounts and xos-helper: people log in here. */
  readonly accounts: boolean;
  /** xos-vo: the VO service runs here. */
  readonly vo: boolean;
  /** The servers of XtreemFS, whichever of them run here. */
  readonly fileServers: boolean;
  /** Path of libnss_xos.so.2, below the root; undefined where there is none. */
  readonly nssModule: string | undefined;
  readonly pamModule: string | undefined;
  readonly sshd: boolean;
  /** PID 1 is systemd. */
  readonly systemd: boolean;
}

/** GNU triplets of the architectures that packages exist for (Debian's multiarch directories). */
const tripletOf: Readonly<Record<string, string>> = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' };

/** Where the loader of this architecture looks for libraries, multiarch directories first. */
function libraryDirectories(architecture: string): readonly string[] {
  const triplet = tripletOf[architecture];
  const multiarch = triplet === undefined ? [] : [`/usr/lib/${triplet}`, `/lib/${triplet}`];
  return [...multiarch, '/usr/lib64', '/lib64', '/usr/lib', '/lib'];
}

export function findInstalledParts(root: string, architecture: string): InstalledParts {
  const has = (...paths: readonly string[]): boolean => paths.some((path) => existsSync(join(root, path)));
  const find = (name: string): string | undefined =>
    libraryDirectories(architecture)
      .map((directory) => join(root, directory, name))
      .find((path) => existsSync(path));
  const unit = (name: string): readonly string[] => [
    `/usr/lib/systemd/system/${name}`,
    `/lib/systemd/system/${name}`,
    `/etc/systemd/system/${name}`,
  ];
  return {
    accounts: has('/usr/lib/xtreemos/daemons/accounts.js', ...unit('xos-accounts.service')),
    vo: has('/usr/lib/xtreemos/daemons/vo.js', ...unit('xos-vo.service')),
    fileServers: has('/usr/lib/xtreemos/daemons/dir.js', ...unit('xos-dir.service')),
    nssModule: find('libnss_xos.so.2'),
    pamModule: find('security/pam_xos.so'),
    sshd: has('/usr/sbin/sshd', '/usr/bin/sshd'),
    systemd: has('/run/systemd/system'),
  };
}
