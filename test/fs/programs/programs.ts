/** Programs of others in the directory that is judged; each checks by its own means what it wrote. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { judgedDirectory } from '../judged-directory.ts';
import { ranProgram } from '../ran-program.ts';

export interface Place {
  readonly directory: string;
  /** In the directory. @throws AssertionError with its output when it fails */
  readonly good: (program: string, ...words: readonly string[]) => Promise<string>;
}

/** @param seconds for all of it */
export function programTest(
  name: string,
  seconds: number,
  run: (place: Place, t: TestContext) => Promise<void>,
): void {
  test(name, { timeout: seconds * 1000 }, async (t) => {
    const directory = mkdtempSync(path.join(await judgedDirectory(), 'programs-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const good = async (program: string, ...words: readonly string[]) => {
      const command = ['timeout', '--kill-after=5', `${seconds}`, program, ...words];
      const { status, output } = await ranProgram(command, { cwd: directory });
      assert.equal(status, 0, `${program} ${words.join(' ')}\n${output.slice(-4000)}`);
      return output;
    };
    await run({ directory, good }, t);
  });
}

/** fio(1) writes blocks with checksums in random order, reads them again and compares. */
export async function fioVerifies(
  { good }: Place,
  megabytes: number,
  engine: 'psync' | 'libaio' | 'mmap',
): Promise<void> {
  // A mapping is written in pages, O_DIRECT in blocks.
  const blocks = engine === 'psync' ? ['--bsrange=512-64k', '--bs_unaligned=1'] : ['--bsrange=4k-64k'];
  const direct = engine === 'libaio' ? ['--direct=1', '--iodepth=8'] : [];
  await good(
    'fio',
    ...['--minimal', `--name=${engine}`, `--ioengine=${engine}`, `--size=${megabytes}m`, '--rw=randwrite'],
    ...['--verify=crc32c', '--do_verify=1', '--verify_fatal=1', '--numjobs=2', '--fallocate=none'],
    ...blocks,
    ...direct,
  );
}

/** @param stressors of stress-ng(1), one after the other, each checking what it did */
export async function stressed(place: Place, stressors: readonly string[], seconds: number): Promise<void> {
  for (const stressor of stressors)
    await place.good(
      'stress-ng',
      ...[`--${stressor}`, '2', '--timeout', `${seconds}`, '--verify', '--temp-path', place.directory],
    );
}
