/** getpwnam, getpwuid and initgroups through glibc: libnss_xos beside `files`, systemd's userdb drop-ins and sssd's memory cache. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { NSS_SOCKET_PATH } from '@xtreemos/module-protocol';
import type { Bench, Report } from './bench.ts';
import {
  type Accounts,
  grid,
  installFiles,
  installUserdb,
  peer,
  publishMap,
  startSssd,
} from './nss-peers.ts';

const calls = ['getpwnam', 'getpwuid', 'initgroups'] as const;
type Call = (typeof calls)[number] | 'miss';

interface Timing {
  readonly p50: number;
  readonly p99: number;
}

interface Machine {
  /** Times a call with this order of services for passwd and group; microseconds. */
  time(services: string, call: Call, count: number, accounts: Accounts): Timing;
}

function machine(): Machine {
  const driver = `${mkdtempSync('/tmp/bench-nss-')}/driver`;
  execFileSync('gcc', ['-O2', '-o', driver, `${import.meta.dirname}/nss-driver.c`]);
  const others = readFileSync('/etc/nsswitch.conf', 'utf8').replace(/^(passwd|group|initgroups):.*\n/gm, '');
  return {
    time(services, call, count, accounts) {
      writeFileSync('/etc/nsswitch.conf', `passwd: ${services}\ngroup: ${services}\n${others}`);
      const words = [call, `${count}`, accounts.nameFormat, `${accounts.firstId}`, '1'];
      const output = execFileSync(driver, words, { encoding: 'utf8', timeout: 120_000 });
      const [p50 = 0, p99 = 0, right, taken] = output.split(' ').map(Number);
      if (right !== taken) {
        throw new Error(
          `${services}: ${call} of ${count} accounts: only ${right} of ${taken} answers were right`,
        );
      }
      return { p50: p50 / 1000, p99: p99 / 1000 };
    },
  };
}

type Timings = ReadonlyMap<Call, Timing>;

function timeAll(host: Machine, services: string, count: number, accounts: Accounts): Timings {
  return new Map(calls.map((call) => [call, host.time(services, call, count, accounts)]));
}

/** A daemon that listens at nss.sock and then is stopped or killed. */
async function brokenDaemon(signal: 'SIGSTOP' | 'SIGKILL'): Promise<AsyncDisposable> {
  mkdirSync('/run/xtreemos/accounts', { recursive: true });
  rmSync(NSS_SOCKET_PATH, { force: true });
  const listen = `require('node:net').createServer().listen(${JSON.stringify(NSS_SOCKET_PATH)}, () => console.log(1))`;
  const daemon = spawn(process.execPath, ['-e', listen], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(daemon, 'exit');
  await once(daemon.stdout, 'data');
  daemon.kill(signal);
  return {
    async [Symbol.asyncDispose]() {
      daemon.kill('SIGKILL');
      await exited;
      rmSync(NSS_SOCKET_PATH, { force: true });
    },
  };
}

/** Fewer than ours has: to sssd's advantage, whose cache then fits the processor's. */
const sssdFilled = 4000;

async function run(report: Report): Promise<void> {
  const host = machine();
  const compare = (count: number, ours: Timings, theirs: Timings, peerName: string): void => {
    for (const call of calls) {
      for (const unit of ['p50', 'p99'] as const) {
        const mine = ours.get(call)?.[unit] ?? Number.NaN;
        report.add({
          case: `${call}, ${count.toLocaleString('en-US')} accounts, alone`,
          ours: mine,
          peer: theirs.get(call)?.[unit] ?? Number.NaN,
          peerName,
          unit: `us ${unit}`,
          better: 'lower',
        });
      }
    }
  };
  const stopSssd = await startSssd(sssdFilled);
  const sssd = timeAll(host, 'sss', sssdFilled, peer);
  await stopSssd();
  for (const count of [10_000, 100_000]) {
    const { writeMs, bytes } = publishMap(count);
    report.note(`the map of ${count} accounts: written in ${writeMs.toFixed(0)} ms, ${bytes} bytes`);
    const ours = timeAll(host, 'xos', count, grid);
    const removeFiles = installFiles(count);
    compare(count, ours, timeAll(host, 'files', count, peer), 'files');
    removeFiles();
    const removeUserdb = installUserdb(count);
    compare(count, ours, timeAll(host, 'systemd', count, peer), 'systemd userdb drop-ins');
    removeUserdb();
    compare(count, ours, sssd, `sssd memory cache (${sssdFilled} in it)`);
    installedOrder(host, report, count);
  }
  for (const signal of ['SIGSTOP', 'SIGKILL'] as const) {
    const running = timeAll(host, 'xos', 100_000, grid);
    await using _daemon = await brokenDaemon(signal);
    const broken = timeAll(host, 'xos', 100_000, grid);
    for (const call of calls) {
      report.add({
        case: `${call}, 100,000 accounts, daemon ${signal === 'SIGSTOP' ? 'stopped' : 'killed'}`,
        ours: broken.get(call)?.p50 ?? Number.NaN,
        peer: running.get(call)?.p50 ?? Number.NaN,
        peerName: 'ours, no daemon needed',
        unit: 'us p50',
        better: 'lower',
      });
    }
  }
  beyondGlibc(host, report);
}

/**
 * What libnss_xos itself costs: glibc looks at /etc/nsswitch.conf at each call (a stat), whatever the service. That floor is taken with a
 * service that says no at once; the runs alternate and the quietest of each counts, because the difference is small.
 */
function beyondGlibc(host: Machine, report: Report): void {
  const local: Accounts = { nameFormat: 'localuser%u', firstId: 0 };
  const floor: number[] = [];
  const miss: number[] = [];
  const hit: number[] = [];
  for (let round = 0; round < 5; round++) {
    floor.push(host.time('benchfeed', 'miss', 1000, local).p50);
    miss.push(host.time('xos', 'miss', 1000, local).p50);
    hit.push(host.time('xos', 'getpwnam', 100_000, grid).p50);
  }
  report.note(`glibc's own cost of a call: ${Math.min(...floor).toFixed(3)} us; it is in every figure above`);
  report.add({
    case: 'getpwnam miss of a local-style name, beyond glibc',
    ours: Math.max(0, Math.min(...miss) - Math.min(...floor)),
    peer: 0.2,
    peerName: 'aim',
    unit: 'us p50',
    better: 'lower',
  });
  report.add({
    case: 'getpwnam, 100,000 accounts, beyond glibc',
    ours: Math.min(...hit) - Math.min(...floor),
    peer: 1,
    peerName: 'aim',
    unit: 'us p50',
    better: 'lower',
  });
}

/** The order the packages install: a grid name costs what `files` needs to say no, and ours. */
function installedOrder(host: Machine, report: Report, count: number): void {
  const miss = host.time('files', 'miss', count, grid).p50;
  report.add({
    case: `getpwnam, ${count.toLocaleString('en-US')} accounts, order files xos systemd`,
    ours: host.time('files xos systemd', 'getpwnam', count, grid).p50,
    peer: miss + 1,
    peerName: "files' miss + 1 us",
    unit: 'us p50',
    better: 'lower',
  });
}

export const bench: Bench = {
  name: 'nss',
  what: 'getpwnam, getpwuid, initgroups beside files, systemd userdb and sssd',
  sandbox: true,
  peers: ['sssd-proxy', 'sssd-common', 'libnss-sss', 'libnss-systemd', 'python3-minimal'],
  run,
};
