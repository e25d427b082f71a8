import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Issuer, parseCertificate } from '@xtreemos/identity';
import type { HostPaths } from '../host-paths.ts';
import { loadHostPaths } from '../host-paths.ts';
import { readHostVoRecord } from '../vo-record.ts';
import type { Check } from './check.ts';
import { type CheckResult, examine } from './examination.ts';
import type { CommandOutcome, ExaminedHost } from './examined-host.ts';
import { findInstalledParts } from './installed-parts.ts';

export const vo = 'physics.example.org';
export const hostname = 'node1.example.org';
export const now = new Date('2026-06-01T12:00:00Z');
export const day = 86_400_000;

/** Whoever runs the tests owns the files; root's rules are tried where that is root. */
export const accountsId = 992;

type Program = (args: readonly string[]) => Partial<CommandOutcome>;

/**
 * A host in a directory: files are real, everything else is what a test says. New ones are a resource host that joined no
 * VO and has nothing wrong with it.
 */
export class HostFixture {
  readonly root: string = mkdtempSync(join(tmpdir(), 'xos-doctor-'));
  readonly paths: HostPaths;
  readonly programs = new Map<string, Program>();
  nowMs = now.getTime();
  /** Replaces parts of the host. */
  changes: Partial<ExaminedHost> = {};

  constructor() {
    this.paths = loadHostPaths(this.root, { HOME: join(this.root, 'root') }).paths;
    this.write('/etc/passwd', 'root:x:0:0::/root:/bin/sh\nxos-accounts:x:992:992::/:/bin/false\n');
    this.write('/etc/group', 'root:x:0:\nxos-accounts:x:992:\n');
    this.write('/usr/lib/xtreemos/daemons/accounts.js', '');
    this.write('/usr/lib/xtreemos/daemons/helper.js', '');
    this.write('/usr/lib/xtreemos/bin/node', '');
    this.write('/usr/lib/x86_64-linux-gnu/libnss_xos.so.2', '');
    this.write('/usr/lib/x86_64-linux-gnu/security/pam_xos.so', '');
    this.write('/run/systemd/system/.keep', '');
    this.program('true', () => ({}));
  }

  /** Writes a file below the root with its directories. */
  write(path: string, content: string | Buffer, mode = 0o644): string {
    const file = join(this.root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    chmodSync(file, mode);
    return file;
  }

  directory(path: string, mode: number, id = 0): string {
    const directory = join(this.root, path);
    mkdirSync(directory, { recursive: true });
    chmodSync(directory, mode);
    this.own(directory, id, id);
    return directory;
  }

  /** Time goes by (or back). */
  pass(lengthMs: number): void {
    this.nowMs += lengthMs;
  }

  /** Only root can give files away; for others every file is their own. */
  own(file: string, uid: number, gid: number): void {
    if (process.geteuid?.() === 0) chownSync(file, uid, gid);
  }

  /** What a program answers; status 0 and no output unless said otherwise. */
  program(name: string, answer: Program): void {
    this.programs.set(name, answer);
  }

  /** Makes the host a member of the VO, by its record alone. */
  join(extra = ''): void {
    this.write(
      `/etc/xtreemos/vo.d/${vo}.conf`,
      `[VO]\nId=${vo}\nServiceUrl=https://head.example.org:7443\n${extra}`,
    );
  }

  host(): ExaminedHost {
    const record = readHostVoRecord(this.paths, vo);
    return {
      paths: this.paths,
      parts: findInstalledParts(this.root, 'x64'),
      vos: record === undefined ? [] : [record],
      badRecords: [],
      isRoot: true,
      architecture: 'x64',
      version: '0.1.0',
      nowMs: () => this.nowMs,
      at: (path) => join(this.root, path),
      run: async (program, args) => {
        const answer = this.programs.get(
          program.startsWith(this.root) ? program.slice(this.root.length) : program,
        );
        if (answer === undefined) return { status: null, stdout: '', stderr: '', isMissing: true };
        return { status: 0, stdout: '', stderr: '', isMissing: false, ...answer(args) };
      },
      lookUp: async () => [],
      hostname: async () => hostname,
      askService: async () => ({ version: '0.1.0', tookMs: 12, skewMs: 0 }),
      askFileSystem: async () => {
        throw new Error('no DIR here');
      },
      askAccounts: async () => ({ version: '0.1.0', vos: [] }),
      space: async () => ({ device: '1', totalBytes: 1e12, freeBytes: 5e11, totalInodes: 0, freeInodes: 0 }),
      ...this.changes,
    };
  }

  async examine(check: Check): Promise<CheckResult> {
    const [result] = await examine(this.host(), [check]);
    if (result === undefined) throw new Error('no result');
    return result;
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** What a check says, a line per finding, for readable comparisons. */
export function told({ findings }: CheckResult): string {
  return findings
    .map(({ state, text, action }) => `${state}: ${text}${action === undefined ? '' : ` -> ${action}`}`)
    .join('\n');
}

export interface KeyPair {
  readonly key: KeyObject;
  readonly publicKey: KeyObject;
}

export function keyPair(): KeyPair {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  return { key, publicKey: createPublicKey(key) };
}

/** An issuer from what identity's issuing functions answer. */
export function issuer(key: KeyObject, der: Buffer): Issuer {
  return { key, certificate: parseCertificate(der) };
}
