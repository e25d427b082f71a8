import { readFileSync } from 'node:fs';

/**
 * What a thread that waits in the kernel has before it: `fatal`, a signal that ends it; `harmless`, one that its system call
 * would go on after, or none; `exiting`, it is past that and closes its files; `unknown`, it cannot be seen from here.
 */
export type PendingSignal = 'fatal' | 'harmless' | 'exiting' | 'unknown';

/** PF_EXITING of the kernel's task flags, field 9 of /proc/PID/stat. */
const exitingFlag = 4;
const bit = (signal: number): bigint => 1n << BigInt(signal - 1);
const killBit = bit(9);
/** SIGCHLD, SIGCONT, SIGURG, SIGWINCH do nothing by default, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU stop (signal(7)). */
const notFatal = [17, 18, 23, 28, 19, 20, 21, 22].reduce((bits, signal) => bits | bit(signal), 0n);

/** Reads /proc/TID/status and stat, which never wait for the thread. */
export function pendingSignal(pid: number, proc = '/proc'): PendingSignal {
  if (pid === 0) return 'unknown';
  let status: string;
  let stat: string;
  try {
    stat = readFileSync(`${proc}/${pid}/stat`, 'latin1');
    status = readFileSync(`${proc}/${pid}/status`, 'latin1');
  } catch {
    return 'unknown';
  }
  // The second field is a name in brackets, and may hold brackets and spaces.
  const flags = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[6]);
  if ((flags & exitingFlag) !== 0) return 'exiting';
  const set = (field: string): bigint => {
    const found = new RegExp(`^${field}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1];
    return found === undefined ? 0n : BigInt(`0x${found}`);
  };
  const pending = set('SigPnd') | set('ShdPnd');
  if ((pending & killBit) !== 0n) return 'fatal';
  const ends = pending & ~set('SigBlk') & ~set('SigIgn') & ~set('SigCgt') & ~notFatal;
  return ends === 0n ? 'harmless' : 'fatal';
}
