import { constants } from 'node:os';
import { addon } from './addon.ts';

/**
 * A descriptor of a process (pidfd_open(2)): it stays this process's, while a number is reused. Verify whose process it
 * is (/proc/PID/…) after opening and before signalling. Close it with `fs.closeSync`.
 * @throws SystemError ESRCH
 */
export function pidfdOpen(pid: number): number {
  return addon.pidfdOpen(pid);
}

/**
 * Signals exactly the process that the descriptor was opened for.
 * @param signal a name, or a number 0 to 64 (0 only asks whether the process is there)
 * @throws SystemError ESRCH when it has ended, EPERM
 */
export function pidfdSendSignal(descriptor: number, signal: NodeJS.Signals | number): void {
  const number = typeof signal === 'number' ? signal : constants.signals[signal];
  if (number === undefined) throw new TypeError(`unknown signal ${JSON.stringify(signal)}`);
  addon.pidfdSendSignal(descriptor, number);
}
