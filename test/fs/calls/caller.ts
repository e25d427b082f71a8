import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import path from 'node:path';

const source = path.join(import.meta.dirname, 'calls.c');
const program = path.join(import.meta.dirname, '../../../build/fs/calls');

/** Builds `calls` where it is missing or old. @returns its path */
export function buildCalls(): string {
  if (existsSync(program) && statSync(program).mtimeMs > statSync(source).mtimeMs) return program;
  mkdirSync(path.dirname(program), { recursive: true });
  // Several test files may be at it.
  const unfinished = `${program}.${process.pid}`;
  execFileSync('cc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', unfinished, source]);
  renameSync(unfinished, program);
  return program;
}

export interface User {
  readonly uid: number;
  readonly gid: number;
  readonly groups?: readonly number[];
}

export type Word = string | number | Uint8Array;

/** What a system call gave: `ok` or the name of its errno, and its values. */
export interface Answer {
  readonly result: string;
  readonly values: readonly string[];
}

/** A process of some user that makes system calls one after the other, in a directory. */
export class Caller {
  readonly user: User;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void }[] = [];
  readonly #ended: Promise<void>;
  #rest = '';
  #diagnostics = '';

  constructor(directory: string, user: User) {
    this.user = user;
    const { uid, gid, groups = [gid] } = user;
    this.#child = spawn(buildCalls(), [`${uid}`, `${gid}`, groups.join(','), directory]);
    this.#child.stdout.setEncoding('latin1').on('data', (text: string) => this.#take(text));
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#diagnostics += text;
    });
    this.#child.stdin.on('error', () => undefined); // it ended: 'close' tells those who wait
    this.#ended = new Promise((resolve) => {
      this.#child.on('close', (code, signal) => {
        const error = new Error(`calls ended (${signal ?? code}) ${this.#diagnostics}`);
        for (const { reject } of this.#waiting.splice(0)) reject(error);
        resolve();
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Words are written as they are needed by the call of that name in calls.c. */
  call(name: string, ...parameters: readonly Word[]): Promise<Answer> {
    const line = [name, ...parameters.map(encoded)].join(' ');
    return new Promise((resolve, reject) => {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        reject(new Error(`calls ended ${this.#diagnostics}`));
        return;
      }
      this.#waiting.push({ resolve, reject });
      this.#child.stdin.write(`${line}\n`, 'latin1');
    });
  }

  /** The first value of a call that has to succeed. @throws Error with what it gave instead */
  async done(name: string, ...parameters: readonly Word[]): Promise<string> {
    return (await this.values(name, ...parameters))[0] ?? '';
  }

  /** All values of a call that has to succeed. @throws Error with what it gave instead */
  async values(name: string, ...parameters: readonly Word[]): Promise<readonly string[]> {
    const { result, values } = await this.call(name, ...parameters);
    if (result === 'ok') return values;
    const shown = parameters.map((word) => encoded(word).slice(0, 80)).join(' ');
    throw new Error(`uid ${this.user.uid}: ${name} ${shown}: ${result}`);
  }

  /** All that it has open is closed; kills it when it is in a call that does not return. */
  async end(): Promise<void> {
    this.#child.stdin.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5_000);
    await this.#ended;
    clearTimeout(timer);
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const [result = '', ...values] = line.split(' ');
      this.#waiting.shift()?.resolve({ result, values });
    }
  }
}

const plain = /^[!-$&-~]+$/;

function encoded(word: Word): string {
  if (typeof word === 'number') return `${word}`;
  if (typeof word === 'string' && plain.test(word)) return word;
  const bytes = Buffer.from(word);
  if (bytes.length === 0) return '%';
  let text = '';
  for (const byte of bytes)
    text +=
      byte > 0x20 && byte < 0x7f && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  return text;
}

/** The bytes of a value as it was printed. */
export function bytesOf(value: string | undefined): Buffer {
  const text = value ?? '';
  if (!text.includes('%')) return Buffer.from(text, 'latin1');
  return Buffer.from(
    text.replace(/%([0-9A-F]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16))),
    'latin1',
  );
}

export interface Status {
  readonly inode: string;
  readonly type: number;
  /** Permissions with setuid, setgid and sticky bit. */
  readonly mode: number;
  readonly links: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Of 512 bytes. */
  readonly blocks: number;
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly device: string;
}

/** What `stat`, `lstat` and `fstat` print. */
export function statusOf(values: readonly string[]): Status {
  const [inode = '', mode = '', links, uid, gid, size, blocks, atime, mtime, ctime, device = ''] = values;
  const bits = Number.parseInt(mode, 8);
  return {
    inode,
    type: bits & 0o170000,
    mode: bits & 0o7777,
    links: Number(links),
    uid: Number(uid),
    gid: Number(gid),
    size: Number(size),
    blocks: Number(blocks),
    atimeNs: nanoseconds(atime),
    mtimeNs: nanoseconds(mtime),
    ctimeNs: nanoseconds(ctime),
    device,
  };
}

function nanoseconds(text = '0.0'): bigint {
  const [seconds = '0', rest = '0'] = text.split('.');
  return BigInt(seconds) * 1_000_000_000n + BigInt(rest);
}

/** Of linux/fcntl.h and linux/stat.h on x86-64 and arm64 (O_DIRECTORY, O_NOFOLLOW, O_DIRECT, O_LARGEFILE differ there). */
const isArm = process.arch === 'arm64';
export const open = {
  read: 0,
  write: 1,
  both: 2,
  create: 0o100,
  exclusive: 0o200,
  truncate: 0o1000,
  append: 0o2000,
  direct: isArm ? 0o200000 : 0o40000,
  directory: isArm ? 0o40000 : 0o200000,
  noFollow: isArm ? 0o100000 : 0o400000,
  temporary: isArm ? 0o20040000 : 0o20200000,
} as const;

export const type = {
  fifo: 0o010000,
  character: 0o020000,
  directory: 0o040000,
  block: 0o060000,
  file: 0o100000,
  link: 0o120000,
  socket: 0o140000,
} as const;
