/**
 * Runs the test suites and closes with `N passed, N failed, N skipped`.
 *
 * A test that cannot run has failed: node:test's skip and todo count as failures here. "Skipped" are only the suites that
 * the caller left out by naming others.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import path from 'node:path';
import { run as runStaticChecks } from './static/static-checks.ts';
import type { TestCount } from './test-count.ts';

interface Suite {
  readonly name: string;
  readonly what: string;
  readonly files: readonly string[];
  /** Command put before node, one run per test file: a sandbox of its own for each. */
  readonly within?: readonly string[];
  readonly secondsPerFile: number;
}

const root = path.resolve(import.meta.dirname, '..');
const find = (...patterns: string[]): string[] =>
  globSync(patterns, { cwd: root, exclude: ['node_modules/**', '**/node_modules/**'] }).sort();

const suites: readonly Suite[] = [
  { name: 'static', what: 'types, lint, format, layers', files: [], secondsPerFile: 600 },
  {
    name: 'unit',
    what: 'tests beside the code',
    files: find('{native,packages,daemons,cli,web,saga,pam,nss,systemd,bench}/**/*.test.ts'),
    secondsPerFile: 600,
  },
  {
    name: 'modules',
    what: 'a one-host grid with stock login, su, sshd, pamtester, getent, in a private namespace (root)',
    files: find('test/modules/**/*.test.ts'),
    within: ['test/sandbox/enter', '--installed'],
    secondsPerFile: 900,
  },
  {
    name: 'fuzz',
    what: 'every parser of outside bytes, bounded',
    files: find('test/fuzz/**/*.test.ts'),
    secondsPerFile: 600,
  },
];

function main(words: readonly string[]): Promise<number> {
  if (words.includes('--list')) {
    for (const suite of suites) {
      console.log(
        `${suite.name.padEnd(10)} ${suite.what}${suite.files.length > 0 ? ` (${suite.files.length} files)` : ''}`,
      );
    }
    return Promise.resolve(0);
  }
  const unknownOption = words.find((word) => word.startsWith('-'));
  if (unknownOption !== undefined) {
    console.error(`check: unknown option ${unknownOption}; ./check --list names the suites`);
    return Promise.resolve(2);
  }
  const names = suites.map((suite) => suite.name);
  const chosen = words.filter((word) => names.includes(word));
  const filters = words.filter((word) => !names.includes(word));
  return runSuites(
    suites.filter((suite) => chosen.length === 0 || chosen.includes(suite.name)),
    filters,
  );
}

async function runSuites(chosen: readonly Suite[], filters: readonly string[]): Promise<number> {
  const total: TestCount = { passed: 0, failed: 0, failures: [] };
  let matched = 0;
  for (const suite of chosen) {
    const started = performance.now();
    const files = suite.files.filter((file) => filters.every((word) => file.includes(word)));
    const count =
      suite.name === 'static'
        ? filters.length === 0
          ? await runStaticChecks(root)
          : undefined
        : await runFiles(suite, files);
    if (count === undefined) continue;
    matched += count.passed + count.failed;
    total.passed += count.passed;
    total.failed += count.failed;
    total.failures.push(...count.failures);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`${suite.name}: ${count.passed} passed, ${count.failed} failed, ${seconds} s`);
  }
  if (matched === 0) {
    console.error(`check: nothing matches ${filters.join(' ')}`);
    return 2;
  }
  const leftOut = suites.filter((suite) => !chosen.includes(suite));
  if (leftOut.length > 0)
    console.log(`suites left out by name: ${leftOut.map((suite) => suite.name).join(', ')}`);
  for (const failure of total.failures) console.log(`FAILED ${failure}`);
  console.log(`${total.passed} passed, ${total.failed} failed, 0 skipped`);
  return total.failed === 0 ? 0 : 1;
}

async function runFiles(suite: Suite, files: readonly string[]): Promise<TestCount> {
  const count: TestCount = { passed: 0, failed: 0, failures: [] };
  for (const file of files) {
    let result = await runFile(suite, file);
    if (result.failed > 0 && suite.within !== undefined) {
      // The modules give a daemon 1 s to answer; a machine that stalls longer fails a login. Said, and looked at once more.
      console.log(`AGAIN ${file}: failed once, the second run counts`);
      result = await runFile(suite, file);
    }
    count.passed += result.passed;
    count.failed += result.failed;
    count.failures.push(...result.failures);
  }
  return count;
}

interface TestEvent {
  readonly type: 'pass' | 'fail' | 'skip';
  readonly name: string;
  readonly detail: string;
}

/** Runs one test file in a process of its own; results come as JSON lines on descriptor 3. */
function runFile(suite: Suite, file: string): Promise<TestCount> {
  const [command = '', ...before] = [...(suite.within ?? []), process.execPath];
  const reporter = path.join(root, 'test/json-reporter.ts');
  const started = performance.now();
  return new Promise((resolve) => {
    const child = spawn(
      command,
      [
        ...before,
        '--test',
        `--test-timeout=${suite.secondsPerFile * 1000}`,
        '--test-concurrency=1',
        `--test-reporter=${reporter}`,
        file,
      ],
      {
        cwd: root,
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, XTREEMOS_CHECKOUT: root },
        // A group of its own: at the time limit everything the file started ends with it.
        detached: true,
      },
    );
    let output = '';
    let diagnostics = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
    });
    child.stderr.on('data', (chunk: Buffer) => {
      diagnostics = (diagnostics + chunk.toString('utf8')).slice(-20_000);
    });
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      endGroup(child);
    }, suite.secondsPerFile * 1000);
    running = child;
    child.on('error', (error) => {
      diagnostics += error.message;
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      running = undefined;
      const count: TestCount = { passed: 0, failed: 0, failures: [] };
      for (const line of output.split('\n')) {
        if (!line.startsWith('{"type":')) continue;
        const event = JSON.parse(line) as TestEvent;
        if (event.type === 'pass') {
          count.passed += 1;
          continue;
        }
        count.failed += 1;
        const why = event.type === 'skip' ? 'did not run (skip)' : event.detail;
        count.failures.push(`${file}: ${event.name}`);
        console.log(`--- ${file}: ${event.name}\n${why}`);
      }
      const ran = count.passed + count.failed;
      if (timedOut || (code !== 0 && count.failed === 0) || ran === 0) {
        const why = timedOut
          ? `took longer than ${suite.secondsPerFile} s`
          : ran === 0
            ? 'ran no test'
            : `ended with ${code}`;
        count.failed += 1;
        count.failures.push(`${file}: ${why}`);
        console.log(`--- ${file}: ${why}\n${diagnostics}${ran === 0 ? output.slice(-4000) : ''}`);
      } else if (count.failed > 0) {
        console.log(diagnostics.slice(-4000));
      }
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      console.log(
        `${count.failed === 0 ? 'ok  ' : 'FAIL'} ${file} (${count.passed} passed, ${count.failed} failed, ${seconds} s)`,
      );
      resolve(count);
    });
  });
}

let running: ChildProcess | undefined;

/** SIGTERM, so that a sandbox can clean up behind itself; SIGKILL 10 s later. */
function endGroup(child: ChildProcess): void {
  const { pid } = child;
  if (pid === undefined || child.exitCode !== null) return;
  const signal = (name: NodeJS.Signals): void => {
    try {
      process.kill(-pid, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  };
  signal('SIGTERM');
  const timer = setTimeout(() => signal('SIGKILL'), 10_000);
  child.once('close', () => clearTimeout(timer));
}

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    if (running === undefined) process.exit(130);
    running.once('close', () => process.exit(130));
    endGroup(running);
  });
}

process.exitCode = await main(process.argv.slice(2));
