/** Public suites, built outside the repository, in a directory of the file system that is judged. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { judgedDirectory } from '../../judged-directory.ts';
import { type Ran, ranProgram } from '../../ran-program.ts';

/** @param variable of the environment, names the built copy @param seconds for all of it */
export function publicSuite(
  variable: string,
  seconds: number,
  run: (copy: string, directory: string, t: TestContext) => Promise<void>,
): void {
  const copy = process.env[variable] ?? '';
  const skip = copy === '' && `${variable} names no built copy`;
  test(`the suite that ${variable} names`, { skip, timeout: seconds * 1000 }, async (t) => {
    const directory = mkdtempSync(path.join(await judgedDirectory(), 'public-'));
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    await run(copy, directory, t);
  });
}

/**
 * Runs a shell script in a new directory, in process and mount namespaces of its own: whatever it started ends with it.
 * @returns status 124 or 137 when it ran into its time
 */
export function runScript(
  script: string,
  directory: string,
  seconds: number,
  environment: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  mkdirSync(directory);
  const within = ['--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'private'];
  const limited = ['timeout', '--kill-after=5', `${seconds}`, 'sh', '-c', script];
  return ranProgram(['unshare', ...within, ...limited], {
    cwd: directory,
    env: { ...process.env, ...environment },
  });
}
