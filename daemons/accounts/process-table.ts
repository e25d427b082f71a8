import { readFileSync } from 'node:fs';

/** What /proc says of processes. */
export interface ProcessTable {
  /** Field 22 of /proc/PID/stat, clock ticks since boot, as text; undefined when there is no such process. */
  startTime(pid: number): string | undefined;
}

export const hostProcesses: ProcessTable = {
  startTime(pid) {
    if (pid <= 0) return undefined;
    let stat: string;
    try {
      stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    } catch {
      return undefined;
    }
    // The command name is in parentheses and may itself hold spaces and parentheses: count from the last one (proc(5)).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const state = fields[0];
    // A zombie leads nothing any more.
    return state === 'Z' || state === 'X' ? undefined : fields[19];
  },
};
