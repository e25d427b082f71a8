import { existsSync } from 'node:fs';
import { humanByteSize } from '@xtreemos/base';
import type { Check } from '../check.ts';
import type { FileSystemSpace } from '../examined-host.ts';
import { type Finding, failure, ok, problemsOr, unchecked, warning } from '../finding.ts';

const mebibyte = 1024 * 1024;

/** A full disk stops leases, registrations and logs. */
export const disk: Check = {
  name: 'disk',
  about: 'free space and inodes where state, runtime files and homes are',
  examine: async (host) => {
    const { stateDirectory, runDirectory, configurationDirectory } = host.paths;
    const paths = [stateDirectory, runDirectory, configurationDirectory, host.at('/home'), host.at('/tmp')];
    const seen = new Map<string, { readonly path: string; readonly space: FileSystemSpace }>();
    for (const path of paths.filter((candidate) => existsSync(candidate))) {
      const space = await host.space(path);
      if (!seen.has(space.device)) seen.set(space.device, { path, space });
    }
    if (seen.size === 0) return [unchecked('nothing of the product is kept here')];
    const findings = [...seen.values()].flatMap(({ path, space }) => judge(path, space));
    return problemsOr(findings, () => {
      const least = [...seen.values()].sort((a, b) => a.space.freeBytes - b.space.freeBytes)[0];
      return ok(`at least ${humanByteSize(least?.space.freeBytes ?? 0)} free (${least?.path})`);
    });
  },
};

function judge(path: string, space: FileSystemSpace): readonly Finding[] {
  const findings: Finding[] = [];
  const free = humanByteSize(space.freeBytes);
  const look = `df -h ${path}; journalctl --disk-usage`;
  if (space.freeBytes < 8 * mebibyte) findings.push(failure(`${path} is full (${free} free)`, look));
  else if (space.freeBytes < 256 * mebibyte && space.freeBytes < space.totalBytes / 10)
    findings.push(warning(`${path} has ${free} left`, look));
  if (space.totalInodes > 0 && space.freeInodes < 100) {
    findings.push(failure(`${path} has no inodes left (${space.freeInodes})`, `df -i ${path}`));
  } else if (space.totalInodes > 0 && space.freeInodes < space.totalInodes / 50) {
    findings.push(warning(`${path} has ${space.freeInodes} inodes left`, `df -i ${path}`));
  }
  return findings;
}
