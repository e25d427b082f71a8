/** Control groups of hosts, read and removed through the kernel's files (cgroups(7)). */
import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import path from 'node:path';

/** The process in the cgroup at `folder` that is number 1 of a pid namespace, as this process numbers it. */
export function firstProcess(folder: string): number | undefined {
  for (const line of readLines(path.join(folder, 'cgroup.procs'))) {
    const numbers = readLines(`/proc/${line}/status`).find((status) => status.startsWith('NSpid:'));
    if (numbers !== undefined && /\t\d+\t(?:.*\t)?1$/.test(numbers)) return Number(line);
  }
  return undefined;
}

/** The lines of a kernel file; none when it went away with its process or cgroup. */
function readLines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').trim().split('\n');
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'ENODEV'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}

/** Removes a cgroup and those beneath it. @returns false when a process is left in one: its death takes a moment. */
export function removeCgroup(folder: string): boolean {
  if (!existsSync(folder)) return true;
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.isDirectory() && !removeCgroup(path.join(folder, entry.name))) return false;
    }
    rmdirSync(folder);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EBUSY') return false;
    throw error;
  }
}

/** Where systemd-nspawn mirrors a cgroup on a machine that has cgroup v1 as well. */
export function mirroredCgroup(cgroup: string): string {
  return path.join('/sys/fs/cgroup/systemd', path.basename(path.dirname(cgroup)), path.basename(cgroup));
}
