/** The checks that run no product code: types, lint and format, layers, the format of C code. */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import type { TestCount } from '../test-count.ts';
import { layerViolations } from './layers.ts';

/** @param root the checkout */
export function run(root: string): Promise<TestCount> {
  const count: TestCount = { passed: 0, failed: 0, failures: [] };
  const record = (name: string, complaints: string): void => {
    if (complaints === '') {
      count.passed += 1;
      return;
    }
    count.failed += 1;
    count.failures.push(`static: ${name}`);
    console.log(`--- ${name}\n${complaints}`);
  };
  const command = (program: string, ...words: string[]): string => {
    const result = spawnSync(program, words, { cwd: root, encoding: 'utf8', maxBuffer: 64 << 20 });
    if (result.error !== undefined) return `${program}: ${result.error.message}`;
    return result.status === 0
      ? ''
      : `${result.stdout}${result.stderr}` || `${program} ended with ${result.status}`;
  };
  record('tsc', command('node_modules/.bin/tsc', '--pretty', 'false'));
  record(
    'biome',
    command(
      `node_modules/@biomejs/cli-linux-${process.arch}/biome`,
      'ci',
      '--diagnostic-level=warn',
      '--error-on-warnings',
      '--colors=off',
      '--max-diagnostics=50',
      '.',
    ),
  );
  record('layers', layerViolations(root).join('\n'));
  const sources = globSync(['{native,pam,nss,daemons,test}/**/*.{c,cc,h}'], {
    cwd: root,
    exclude: ['**/build/**'],
  });
  record(
    'clang-format',
    sources.length === 0 ? '' : command('clang-format', '--dry-run', '--Werror', ...sources),
  );
  return Promise.resolve(count);
}
