import { readdirSync, readFileSync } from 'node:fs';

/** What /proc says of processes. */
export interface ProcessTable {
  /** Field 22 of /proc/PID/stat, clock ticks since boot, as text; undefined when there is no such process. */
  startTime(pid: number): string | undefined;
  /** Whether a process has the uid as its real one; of zombies nothing is left that could use a file. */
  hasUser(uid: number): boolean;
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
  hasUser(uid) {
    return readdirSync('/proc').some((name) => {
      if (!/^[1-9]/.test(name)) return false;
      try {
        const status = readFileSync(`/proc/${name}/status`, 'latin1');
        return status.includes(`\nUid:\t${uid}\t`) && !/^State:\t[ZX]/m.test(status);
      } catch {
        // It ended meanwhile.
        return false;
      }
    });
  },
};
