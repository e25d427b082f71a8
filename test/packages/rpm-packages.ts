/** The RPM packages of the last build that this machine's architecture can have, and the same files packed once more. */
import assert from 'node:assert/strict';
import { globSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { checkout } from '../hosts/ground.ts';
import { succeed } from '../sandbox/one-host-grid.ts';

const architecture = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
const timeoutMs = 300_000;

/** Paths; at least one. */
export function ownPackages(): readonly string[] {
  const packages = globSync(path.join(checkout, 'build/packages/rpm/*.rpm'))
    .filter((file) => file.endsWith(`.${architecture}.rpm`) || file.endsWith('.noarch.rpm'))
    .sort();
  assert.notEqual(packages.length, 0, 'no packages in build/packages/rpm: run ./packaging/build rpm');
  return packages;
}

/**
 * Unpacks the packages of the last build into one tree and has the spec divide it again. Debugging information is not among it.
 * @param sourceDateEpoch seconds; the time of everything in the packages.
 */
export async function packAgain(
  version: string,
  output: string,
  sourceDateEpoch = 2_000_000_000,
): Promise<void> {
  const work = mkdtempSync(path.join(checkout, 'build/rpm-again.'));
  try {
    const root = path.join(work, 'root');
    mkdirSync(root);
    for (const file of ownPackages()) {
      const unpack =
        'rpm2cpio "$1" | cpio --quiet --extract --make-directories --unconditional -m --directory="$2"';
      await succeed(['bash', '-o', 'pipefail', '-c', unpack, 'unpack', file, root], { timeoutMs });
    }
    // Made by the spec.
    rmSync(path.join(root, 'usr/lib/.build-id'), { recursive: true, force: true });
    await succeed(
      [path.join(checkout, 'packaging/rpm/pack'), checkout, root, version, architecture, output],
      { timeoutMs, env: { SOURCE_DATE_EPOCH: `${sourceDateEpoch}`, LC_ALL: 'C.UTF-8', TZ: 'UTC' } },
    );
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
