import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { stat, statfs } from 'node:fs/promises';
import { hostname as kernelHostname } from 'node:os';
import { join } from 'node:path';
import { productVersion, reasonOf, XosError } from '@xtreemos/base';
import { VoClient } from '@xtreemos/vo-client';
import { connectToAccounts } from '../accounts-connection.ts';
import { examineServers } from '../fs/server-examination.ts';
import type { Invocation } from '../invocation.ts';
import { readHostVoRecord, rootOf, type VoRecord } from '../vo-record.ts';
import { checkTimeoutMs } from './examination.ts';
import type { CommandOptions, CommandOutcome, ExaminedHost, ServiceAnswer } from './examined-host.ts';
import { findInstalledParts } from './installed-parts.ts';
import { spent, withinOwnTime } from './own-time.ts';

/** Less than a check may take, so that it can still say what did not answer. */
const answerTimeoutMs = checkTimeoutMs - 1_000;

/** The host this command runs on; its files below `root`. */
export function thisHost(invocation: Invocation, root: string): ExaminedHost {
  const { paths, nowMs } = invocation;
  const answers = new Map<string, Promise<ServiceAnswer>>();
  return {
    paths,
    parts: findInstalledParts(root, process.arch),
    ...readRecords(paths.voDirectory, (vo) => readHostVoRecord(paths, vo)),
    isRoot: process.geteuid?.() === 0,
    architecture: process.arch,
    version: productVersion,
    nowMs,
    at: (path) => join(root, path),
    run: runProgram,
    lookUp,
    hostname,
    askService: (record) => {
      const known = answers.get(record.vo);
      if (known !== undefined) return known;
      const asked = askService(record, paths.gridSecurityDirectory, nowMs);
      answers.set(record.vo, asked);
      // Every check that wants it handles it itself; one that is late must not end the process.
      asked.catch(() => undefined);
      return asked;
    },
    askFileSystem: ({ vo }, directory) => examineServers(paths, vo, directory, nowMs),
    askAccounts: async () => {
      const client = await connectToAccounts();
      try {
        return { version: await client.version(), vos: await client.vos() };
      } finally {
        await client.close();
      }
    },
    space: async (path) => {
      const [{ dev }, { bsize, blocks, bavail, files, ffree }] = await Promise.all([
        stat(path),
        statfs(path),
      ]);
      return {
        device: String(dev),
        totalBytes: blocks * bsize,
        freeBytes: bavail * bsize,
        totalInodes: files,
        freeInodes: ffree,
      };
    },
  };
}

/** Each record by itself: a bad one must not hide the others. */
function readRecords(
  directory: string,
  read: (vo: string) => VoRecord | undefined,
): Pick<ExaminedHost, 'vos' | 'badRecords'> {
  const vos: VoRecord[] = [];
  const badRecords: string[] = [];
  const names = existsSync(directory) ? readdirSync(directory).sort() : [];
  for (const name of names.filter((file) => file.endsWith('.conf') && !file.startsWith('.'))) {
    try {
      const record = read(name.slice(0, -'.conf'.length));
      if (record !== undefined) vos.push(record);
    } catch (error) {
      badRecords.push(reasonOf(error));
    }
  }
  return { vos, badRecords };
}

/**
 * By getent(1), which asks as every program of this host does and can be ended: getaddrinfo(3) waits for a silent resolver in
 * one of the few threads that reading files needs too.
 */
async function lookUp(name: string, family: 4 | 6): Promise<readonly string[]> {
  const { stdout } = await runProgram('getent', [family === 4 ? 'ahostsv4' : 'ahostsv6', name]);
  const found = stdout.split('\n').map((line) => line.split(' ')[0] ?? '');
  // Where a name has IPv4 addresses only, ahostsv6 gives them mapped into IPv6.
  return [...new Set(found.filter((address) => address !== '' && !address.startsWith('::ffff:')))];
}

/** As `xos node join` takes it; but no answer is no name: half of one would look like a host that was renamed. */
async function hostname(): Promise<string> {
  const { status, stdout, isMissing } = await runProgram('hostname', ['--fqdn']);
  if (status === null && !isMissing) throw new Error('hostname --fqdn gave no answer in time');
  const name = stdout.trim().toLowerCase();
  return name.includes('.') ? name : kernelHostname().toLowerCase();
}

async function askService(
  record: VoRecord,
  trustDirectory: string,
  nowMs: () => number,
): Promise<ServiceAnswer> {
  const client = new VoClient({
    url: record.serviceUrl ?? '',
    trust: { kind: 'directory', path: trustDirectory, ...rootOf(record) },
    // Ours comes first.
    timeoutMs: 4 * answerTimeoutMs,
    nowMs,
  });
  try {
    const startedAt = performance.now();
    const askedAtMs = nowMs();
    const { version, timeMs } = await withinOwnTime(answerTimeoutMs, client.status(), () => {
      throw new XosError('XOS_TIMEOUT', {
        what: `The VO service at ${record.serviceUrl}`,
        timeoutMs: answerTimeoutMs,
        attempt: 'say its status',
      });
    });
    const tookMs = Math.round(performance.now() - startedAt);
    return { version, tookMs, skewMs: Math.round(timeMs - (askedAtMs + tookMs / 2)) };
  } finally {
    client.close();
  }
}

/** Programs of the system administrator too, whatever the caller's PATH is. */
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export function runProgram(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandOutcome> {
  const done = new AbortController();
  const outcome = new Promise<CommandOutcome>((resolve) => {
    const child = execFile(
      program,
      [...args],
      {
        env: { PATH: path, LC_ALL: 'C.UTF-8', ...options.environment },
        maxBuffer: 4 * 1024 * 1024,
      },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : error.code;
        resolve({
          status: typeof code === 'number' ? code : null,
          stdout,
          stderr,
          isMissing: (code as unknown) === 'ENOENT',
        });
      },
    );
    void spent(answerTimeoutMs, done.signal).then(() => {
      if (!done.signal.aborted) child.kill('SIGKILL');
    });
  });
  return outcome.finally(() => done.abort());
}
