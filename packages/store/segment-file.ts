import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { fallocate } from '@xtreemos/native-sys';
import type { LogFile } from './change-log.ts';

/** Opens or makes a segment of the log, with room on disk for all of it. @throws system errors */
export async function openSegment(
  path: string,
  segmentBytes: number,
): Promise<{ readonly file: LogFile; readonly content: Buffer }> {
  const { O_RDWR, O_CREAT, O_NOFOLLOW, O_DSYNC } = constants;
  const handle = await open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_DSYNC, 0o600);
  try {
    const content = await handle.readFile();
    if (content.length < segmentBytes) {
      await handle.truncate(segmentBytes);
      await reserve(handle.fd, segmentBytes);
      await handle.sync();
    }
    const file: LogFile = {
      async write(buffers, position) {
        let left = Buffer.concat(buffers);
        let at = position;
        while (left.length > 0) {
          const { bytesWritten } = await handle.write(left, 0, left.length, at);
          left = left.subarray(bytesWritten);
          at += bytesWritten;
        }
      },
      close: () => handle.close(),
    };
    return { file, content };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** So that a change that was begun finds room. Where the file system cannot promise that, a full disk shows at a write. */
async function reserve(descriptor: number, bytes: number): Promise<void> {
  try {
    await fallocate(descriptor, 'reserve', 0, bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EOPNOTSUPP') throw error;
  }
}
