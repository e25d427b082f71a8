import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  type DaemonMessage,
  encodeMessage,
  FrameReader,
  GID_MIN,
  type Message,
  type NssMapContent,
  UID_MIN,
  writeNssMap,
} from '@xtreemos/module-protocol';

const nssFolder = join(import.meta.dirname, '..');

/** Builds targets of nss/Makefile; flock, because test files run side by side. */
export function build(...targets: readonly string[]): void {
  execFileSync('flock', ['Makefile', 'make', '-s', ...targets], {
    cwd: nssFolder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** Accounts as the driver's `threads` expects them: user<n>@physics with uid UID_MIN + 7 n. */
export function physics(accounts: number): NssMapContent {
  return {
    passwd: Array.from({ length: accounts }, (_, n) => ({
      name: `user${n}@physics`,
      uid: UID_MIN + 7 * n,
      gid: UID_MIN + 7 * n,
      gecos: `Person ${n}`,
      home: `/home/physics/user${n}`,
      shell: '/bin/bash',
      groups: [GID_MIN, GID_MIN + 1 + (n % 3)],
    })),
    groups: [
      { name: 'members@physics', gid: GID_MIN, members: ['user0@physics', 'user1@physics'] },
      { name: 'atlas@physics', gid: GID_MIN + 1, members: [] },
    ],
  };
}

export interface Driver extends AsyncDisposable {
  /** the driver's answer to one command */
  ask(command: string): Promise<string>;
}

export interface Host extends Disposable {
  readonly folder: string;
  readonly map: string;
  readonly socket: string;
  /** Replaces the map file by rename, as xos-helper does. */
  publish(content: NssMapContent | Buffer, mode?: number): void;
  /** Starts the driver of a variant; its environment may be added to. */
  driver(variant?: 'test' | 'asan' | 'tsan', environment?: Readonly<Record<string, string>>): Driver;
}

export function host(): Host {
  const folder = mkdtempSync(join(tmpdir(), 'xos-nss-'));
  const map = join(folder, 'accounts.map');
  const socket = join(folder, 'nss.sock');
  return {
    folder,
    map,
    socket,
    publish(content, mode = 0o644) {
      writeFileSync(`${map}.new`, Buffer.isBuffer(content) ? content : writeNssMap(content));
      chmodSync(`${map}.new`, mode);
      renameSync(`${map}.new`, map);
    },
    driver: (variant = 'test', environment = {}) =>
      startDriver(join(nssFolder, 'build', variant, 'driver'), {
        XOS_NSS_MAP: map,
        XOS_NSS_SOCKET: socket,
        ...environment,
      }),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

function startDriver(path: string, environment: Readonly<Record<string, string>>): Driver {
  const child = spawn(path, [], { env: environment, stdio: ['pipe', 'pipe', 'inherit'] });
  const waiting: { resolve: (line: string) => void; reject: (error: Error) => void }[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.resolve(line));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const failure = ended.then((code) => {
    for (const { reject } of waiting) reject(new Error(`the driver ended with ${code}`));
    return code;
  });
  return {
    ask(command) {
      return new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        child.stdin.write(`${command}\n`);
      });
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      const code = await failure;
      if (code !== 0) throw new Error(`the driver ended with ${code}`);
    },
  };
}

export interface FakeDaemon extends AsyncDisposable {
  readonly asked: readonly Message[];
}

/** A fake xos-accounts: answers each question with a message, raw bytes, or nothing at all. */
export async function fakeDaemon(
  path: string,
  answer: (question: Message) => DaemonMessage | Buffer | undefined,
): Promise<FakeDaemon> {
  const asked: Message[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const reader = new FrameReader();
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (chunk: Buffer) => {
      for (const question of reader.push(chunk)) {
        asked.push(question);
        const reply = answer(question);
        if (reply !== undefined) socket.write(Buffer.isBuffer(reply) ? reply : encodeMessage(reply));
      }
    });
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve));
  return {
    asked,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
