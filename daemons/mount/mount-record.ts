/** Which process serves a mount: who unmounts waits for it, since it may still have data to write. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const recordDirectory = '/run/xtreemos/mount';

interface MountTableEntry {
  /** `major:minor`: differs from mount to mount. */
  readonly device: string;
  readonly mountPoint: string;
  readonly type: string;
}

/** @param text of /proc/self/mountinfo (proc(5)); a mount point may come several times, the last one is on top */
export function parseMountInfo(text: string): readonly MountTableEntry[] {
  return text.split('\n').flatMap((line) => {
    const fields = line.split(' ');
    const [device, mountPoint] = [fields[2], fields[4]];
    const type = fields[fields.indexOf('-') + 1];
    if (device === undefined || mountPoint === undefined || type === undefined) return [];
    return [{ device, mountPoint: unescaped(mountPoint), type }];
  });
}

/** Blanks and the like stand as octal numbers. */
function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_match, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

export function findMount(mountPoint: string): MountTableEntry | undefined {
  const entries = parseMountInfo(readFileSync('/proc/self/mountinfo', 'utf8'));
  return entries.findLast((entry) => entry.mountPoint === mountPoint && entry.type === 'fuse.xtreemfs');
}

/** @param connection minor number of the mount's device. @returns what takes the record away */
export function recordMount(connection: number, directory = recordDirectory): () => void {
  const file = join(directory, String(connection));
  try {
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    writeFileSync(file, `${process.pid}\n`, { mode: 0o644 });
  } catch {
    // Nobody waits then, and nothing else depends on it.
  }
  return () => rmSync(file, { force: true });
}

/** True while the process that serves the mount has not ended. */
export function isServed({ device }: Pick<MountTableEntry, 'device'>, directory = recordDirectory): boolean {
  try {
    const pid = Number(readFileSync(join(directory, device.split(':')[1] ?? ''), 'utf8'));
    return pid > 0 && process.kill(pid, 0);
  } catch {
    return false;
  }
}
