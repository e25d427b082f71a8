/** The programs of a built XtreemFS 1.6: the source tree that XTREEMFS_PEER names, after its `make client`. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Cleanup } from '../../packages/xtreemfs/server-process-fixture.ts';

const tree = process.env['XTREEMFS_PEER'];

/** Where it is; empty when none is named. */
export const peerTree = tree ?? '';

/** Why a test of the peer cannot run; false when it can. */
export const noPeer: string | false =
  tree === undefined
    ? 'XTREEMFS_PEER names no built XtreemFS'
    : !existsSync(program('mount.xtreemfs')) &&
      `${program('mount.xtreemfs')}: XTREEMFS_PEER names no built XtreemFS`;

function program(name: string): string {
  return join(tree ?? '', 'cpp/build', name);
}

/** Runs a tool of XtreemFS. @returns what it said @throws when it fails */
export async function runTool(name: string, ...words: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program(name), words, { encoding: 'utf8' });
  return stdout;
}

/** Mounts a volume by XtreemFS's client, until the test ends. @param within words before its command line @returns the directory */
export async function mountByPeer(
  context: Cleanup,
  url: string,
  options: readonly string[] = [],
  within: readonly string[] = [],
): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'xos-peer-'));
  const words = ['--foreground', '-o', 'allow_other', ...options, url, directory];
  const [command = '', ...rest] = [...within, program('mount.xtreemfs'), ...words];
  const child: ChildProcess = spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-20_000);
    });
  const ended = once(child, 'close');
  context.after(async () => {
    // The servers have ended before, and the client would ask them for minutes yet.
    await promisify(execFile)('umount', ['--lazy', directory]).catch(() => undefined);
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended;
    rmdirSync(directory);
  });
  for (let tries = 0; !readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${directory} `); tries++) {
    if (child.exitCode !== null || tries > 1000) throw new Error(`it was not mounted: ${output}`);
    await sleep(20);
  }
  return directory;
}
