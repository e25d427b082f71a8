import { readFileSync } from 'node:fs';

/** How many files and sockets this process may have open: LimitNOFILE= of its unit, getrlimit(2). */
export function descriptorLimit(limits = readFileSync('/proc/self/limits', 'latin1')): number {
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1];
  return soft === undefined || soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
}
