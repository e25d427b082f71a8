/** A resource node with a member's account on it, and how long things take there. */
import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import path from 'node:path';
import { logInLocally } from './console-login.ts';
import { createVo, enrol, join, plugIn } from './grid.ts';
import { checkout } from './ground.ts';
import type { Host } from './hosts.ts';

/** Installs every package of the last build but the named ones; what they need of Debian is in the root already. */
export async function installPackages(host: Host, without: readonly string[] = []): Promise<void> {
  const architecture = (await host.succeed('dpkg --print-architecture')).trim();
  const files = globSync(`*_{all,${architecture}}.deb`, { cwd: path.join(checkout, 'build/packages/deb') })
    .filter((file) => !without.some((name) => file.startsWith(`${name}_`)))
    .map((file) => `/srv/packages/${file}`);
  assert.notEqual(files.length, 0, 'no packages in build/packages: run ./packaging/build deb');
  await host.succeed(`DEBIAN_FRONTEND=noninteractive apt-get install -y ${files.sort().join(' ')}`, {
    timeoutMs: 240_000,
  });
}

/** A VO `demo` with the member alice on `head`; `node` joins it, resolves her name and has her credential on a stick. */
export async function joinDemo(head: Host, node: Host): Promise<void> {
  await createVo(head, 'demo');
  await join(head, node, 'demo');
  await enrol(head, 'alice', 'demo', node);
  await plugIn(node, 'alice', 'demo', node);
}

/** A local user logs in on the console and out again. @returns milliseconds from the name to the shell. */
export async function timeLocalLogin(host: Host): Promise<number> {
  const tookMs = await logInLocally(host);
  host.console().type('exit');
  return tookMs;
}

/** How long a command line takes on the host, measured there. @throws Error when it does not end in `limitMs`. */
export async function timeCommand(host: Host, line: string, limitMs = 20_000): Promise<number> {
  return Number((await host.succeed(timed(line), { timeoutMs: limitMs })).trim());
}

/** A shell command line that prints how many milliseconds `line` took. */
export function timed(line: string): string {
  return `a=$(date +%s%N); ${line} >/dev/null 2>&1; b=$(date +%s%N); echo $(((b - a) / 1000000))`;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
