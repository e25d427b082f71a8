/**
 * Runs the test suites and closes with `N passed, N failed, N skipped`.
 *
 * A test that cannot run has failed: node:test's skip and todo count as failures here. "Skipped" are only the suites that
 * the caller left out by naming others.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, globSync, mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { run as runStaticChecks } from './static/static-checks.ts';
import type { TestCount } from './test-count.ts';

interface Suite {
  readonly name: string;
  readonly what: string;
  readonly files: readonly string[];
  /** What is not run here, and why. */
  readonly absent?: readonly string[];
  /** Makes what the suite's files share, before the first of them; when it fails, none runs. */
  readonly first?: readonly string[];
  /** Command put before node, one run per test file: a sandbox of its own for each. */
  readonly within?: readonly string[];
  readonly secondsPerFile: number;
  /** Files run side by side; 1 where absent. */
  readonly atOnce?: number;
  /** Those that take longest, which begin first, lest the last of them run while nothing is left to run beside it. */
  readonly longest?: readonly string[];
  /** Those that nothing runs beside; they come last. */
  readonly alone?: readonly string[];
}

const root = path.resolve(import.meta.dirname, '..');
/**
 * Node keeps what it made of the sources here, for whoever starts next: tests start thousands of daemons and commands, and without it half of
 * a start goes into that. By content, so that nothing in it is ever outdated; open to all, as daemons run as users of their own.
 */
const compileCache = path.join(root, 'build/compile-cache');
const long = process.argv.includes('--long');
/** Files named x.long.test.ts run with --long alone. */
const find = (...patterns: string[]): string[] =>
  globSync(patterns, { cwd: root, exclude: ['node_modules/**', '**/node_modules/**'] })
    .filter((file) => long || !file.endsWith('.long.test.ts'))
    .sort();

/** @throws Error when one is not there: renamed, it would be run as any other. */
const inFolder = (folder: string, ...names: string[]): string[] =>
  names.map((name) => {
    const file = `${folder}/${name}.test.ts`;
    if (!existsSync(path.join(root, file)))
      throw new Error(`test/check.ts names ${file}, which is not there`);
    return file;
  });

/** Each runs with the suite posix where its variable names a built copy. */
const publicSuites = ['pjdfstest', 'ltp'].map((name) => ({
  file: `test/fs/posix/public/${name}.test.ts`,
  variable: name.toUpperCase(),
}));
const hasCopy = ({ variable }: { readonly variable: string }): boolean => Boolean(process.env[variable]);

/** Mounts that a test made are gone with its last process. */
const inMountNamespace = ['unshare', '--mount', '--propagation', 'private'];

const suites: readonly Suite[] = [
  { name: 'static', what: 'types, lint, format, layers', files: [], secondsPerFile: 600 },
  {
    name: 'unit',
    what: 'tests beside the code',
    files: find('{native,packages,daemons,cli,web,saga,pam,nss,systemd,bench}/**/*.test.ts'),
    secondsPerFile: 600,
    // Half of the time a test waits for what it started.
    atOnce: availableParallelism() + 1,
  },
  {
    name: 'fs',
    what: 'XtreemFS mounted from servers of its own: random operations, several clients, kills, programs (root)',
    files: find('test/fs/{consistency,random,kills,programs}/**/*.test.ts'),
    within: inMountNamespace,
    secondsPerFile: 900,
    atOnce: 2,
    longest: inFolder('test/fs', 'random/random', 'programs/programs'),
  },
  {
    name: 'posix',
    what: 'each call and each errno on such a mount (root); built public suites that PJDFSTEST, LTP name',
    files: [...find('test/fs/posix/*.test.ts'), ...publicSuites.filter(hasCopy).map(({ file }) => file)],
    absent: publicSuites
      .filter((suite) => !hasCopy(suite))
      .map(({ file, variable }) => `${file}: ${variable} names no built copy`),
    within: inMountNamespace,
    secondsPerFile: publicSuites.some(hasCopy) ? 4000 : 900,
  },
  {
    name: 'packages',
    what: 'packages and repositories as apt, dnf and rpm of Debian 12 and 13 take them (root)',
    files: find('test/packages/**/*.test.ts'),
    first: ['test/packages/prepare'],
    secondsPerFile: 1800,
    atOnce: availableParallelism(),
    // Builds all anew, and looks at times.
    alone: inFolder('test/packages', 'reproducible.long'),
  },
  {
    name: 'modules',
    what: 'a one-host grid with stock login, su, sshd, pamtester, getent, in a private namespace (root)',
    files: find('test/modules/**/*.test.ts'),
    within: ['test/sandbox/enter', '--installed'],
    secondsPerFile: 900,
    // Each waits much: for a login's pause after a failure, for what expires, for a daemon that does not answer.
    atOnce: 2,
    longest: inFolder('test/modules', 'daemon-outage', 'expiry', 'revocation'),
    // name-service holds getent and id to fractions of a second; the mount of home-volume has the ten seconds of its unit to start.
    alone: inFolder('test/modules', 'name-service', 'home-volume'),
  },
  {
    name: 'hosts',
    what: 'Debian 12 and 13 booted with the packages, as administrators and people use them (root)',
    files: find('test/hosts/**/*.test.ts'),
    first: ['test/hosts/prepare'],
    secondsPerFile: 900,
    // Each waits for systemd, for a login, for what a server tells another.
    atOnce: 2,
    longest: inFolder('test/hosts', 'login', 'install', 'upgrade'),
    // They compare how long a boot or a login takes.
    alone: inFolder('test/hosts', 'boot-safety', 'boot-time', 'boot-time.long', 'outage'),
  },
  {
    name: 'vm',
    what: 'QEMU machines with saved RAM state (root)',
    files: find('test/vm/**/*.test.ts'),
    first: ['test/vm/prepare'],
    secondsPerFile: 3600,
  },
  {
    name: 'quickstart',
    what: 'the main job: ./quickstart with its lines typed from a file (root)',
    files: find('test/quickstart/**/*.test.ts'),
    secondsPerFile: 900,
  },
  {
    name: 'peers',
    what: 'programs of others against ours: XtreemFS 1.6, built where XTREEMFS_PEER says (root, --long)',
    files: find('test/peers/**/*.test.ts'),
    within: inMountNamespace,
    secondsPerFile: 1800,
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
  const unknownOption = words.find((word) => word.startsWith('-') && word !== '--long');
  if (unknownOption !== undefined) {
    console.error(`check: unknown option ${unknownOption}; ./check --list names the suites`);
    return Promise.resolve(2);
  }
  const names = suites.map((suite) => suite.name);
  const chosen = words.filter((word) => names.includes(word));
  const filters = words.filter((word) => !names.includes(word) && !word.startsWith('-'));
  return runSuites(
    suites.filter((suite) => chosen.length === 0 || chosen.includes(suite.name)),
    filters,
  );
}

async function runSuites(chosen: readonly Suite[], filters: readonly string[]): Promise<number> {
  mkdirSync(compileCache, { recursive: true });
  chmodSync(compileCache, 0o1777);
  const total: TestCount = { passed: 0, failed: 0, failures: [] };
  const minutes: string[] = [];
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
    for (const line of suite.absent ?? []) console.log(`not run: ${line}`);
    const seconds = (performance.now() - started) / 1000;
    console.log(`${suite.name}: ${count.passed} passed, ${count.failed} failed, ${seconds.toFixed(1)} s`);
    minutes.push(`${suite.name} ${(seconds / 60).toFixed(1)}`);
  }
  if (matched === 0) {
    console.error(`check: nothing matches ${filters.join(' ')}`);
    return 2;
  }
  const leftOut = suites.filter((suite) => !chosen.includes(suite));
  console.log(`minutes: ${minutes.join(', ')}`);
  if (leftOut.length > 0)
    console.log(`suites left out by name: ${leftOut.map((suite) => suite.name).join(', ')}`);
  for (const failure of total.failures) console.log(`FAILED ${failure}`);
  console.log(`${total.passed} passed, ${total.failed} failed, 0 skipped`);
  return total.failed === 0 ? 0 : 1;
}

async function runFiles(suite: Suite, files: readonly string[]): Promise<TestCount> {
  const count: TestCount = { passed: 0, failed: 0, failures: [] };
  if (files.length > 0 && suite.first !== undefined) {
    const why = await runFirst(suite.first);
    if (why !== undefined)
      return { passed: 0, failed: 1, failures: [`${suite.first.join(' ')}: its files were not run: ${why}`] };
  }
  const run = async (waiting: string[], atOnce: number): Promise<void> => {
    const runNext = async (): Promise<void> => {
      const file = waiting.shift();
      if (file === undefined || interrupted) return;
      const result = await runFile(suite, file);
      count.passed += result.passed;
      count.failed += result.failed;
      count.failures.push(...result.failures);
      await runNext();
    };
    await Promise.all(Array.from({ length: atOnce }, runNext));
  };
  const { longest = [], alone = [], atOnce = 1 } = suite;
  const inOrder = [
    ...longest.filter((file) => files.includes(file)),
    ...files.filter((file) => !longest.includes(file)),
  ];
  await run(
    inOrder.filter((file) => !alone.includes(file)),
    atOnce,
  );
  await run(
    inOrder.filter((file) => alone.includes(file)),
    1,
  );
  return count;
}

/** Runs a command that says itself what it does. @returns undefined when it ended well, else the last it said of what went wrong. */
function runFirst([command = '', ...words]: readonly string[]): Promise<string | undefined> {
  const child = spawn(command, words, { cwd: root, stdio: ['ignore', 'inherit', 'pipe'], detached: true });
  running.add(child);
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    process.stderr.write(chunk);
    said = (said + chunk.toString('utf8')).slice(-3000);
  });
  child.on('error', (error) => {
    said += error.message;
  });
  return new Promise((resolve) => {
    child.on('close', (code) => {
      running.delete(child);
      resolve(code === 0 ? undefined : `ended with ${code}\n${said}`);
    });
  });
}

/** The first lines of what a test said of its failure, for the closing list. */
const beginning = (why: string): string => why.split('\n').slice(0, 4).join('\n    ').slice(0, 600).trimEnd();

interface TestEvent {
  readonly type: 'pass' | 'fail' | 'skip' | 'figure';
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
        env: { ...process.env, XTREEMOS_CHECKOUT: root, NODE_COMPILE_CACHE: compileCache },
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
    running.add(child);
    child.on('error', (error) => {
      diagnostics += error.message;
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      running.delete(child);
      const count: TestCount = { passed: 0, failed: 0, failures: [] };
      const figures: string[] = [];
      for (const line of output.split('\n')) {
        if (!line.startsWith('{"type":')) continue;
        const event = JSON.parse(line) as TestEvent;
        if (event.type === 'figure') {
          figures.push(event.name);
          continue;
        }
        if (event.type === 'pass') {
          count.passed += 1;
          continue;
        }
        count.failed += 1;
        const why = event.type === 'skip' ? 'did not run (skip)' : event.detail;
        count.failures.push(`${file}: ${event.name}: ${beginning(why)}`);
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
      for (const figure of figures) console.log(`     ${figure}`);
      resolve(count);
    });
  });
}

const running = new Set<ChildProcess>();
let interrupted = false;

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
    interrupted = true;
    if (running.size === 0) process.exit(130);
    for (const child of running) {
      child.once('close', () => {
        if (running.size === 0) process.exit(130);
      });
      endGroup(child);
    }
  });
}

process.exitCode = await main(process.argv.slice(2));
