/** The directory that is judged: of the file system that XTREEMOS_FS_DIRECTORY names, else of a volume of our own. */
import { after } from 'node:test';
import { startVolume, type TestVolume } from './test-volume.ts';

let volume: Promise<TestVolume> | undefined;
/** Last in, first out: mounts end before their servers. */
const works: (() => void | Promise<void>)[] = [];
after(async () => {
  for (const work of works.reverse()) await work();
});

export async function judgedDirectory(): Promise<string> {
  const [only = ''] = await judgedDirectories(1);
  return only;
}

/** The same directory by so many clients. The volume is the same for all tests of a file. */
export async function judgedDirectories(count: number): Promise<readonly string[]> {
  const named = process.env['XTREEMOS_FS_DIRECTORY'];
  if (named !== undefined) return Array.from({ length: count }, () => named);
  volume ??= startVolume({ after: (work) => void works.push(work) });
  const { mounts, mount } = await volume;
  while (mounts.length < count) await mount();
  return mounts.slice(0, count).map(({ directory }) => directory);
}
