/** packaging/repository/make and key, as who publishes runs them. */
import { chmodSync, cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { checkout } from '../hosts/ground.ts';
import { type CommandResult, command, succeed } from '../sandbox/one-host-grid.ts';

const scripts = path.join(checkout, 'packaging/repository');

export interface Published {
  readonly packages: string;
  readonly out: string;
  readonly key: string;
  /** SOURCE_DATE_EPOCH; an hour ago where absent. */
  readonly epoch?: number;
}

/** Never throws for its exit status. */
export async function runMake(published: Published, ...words: string[]): Promise<CommandResult> {
  const { packages, out, key, epoch } = published;
  const options = ['--packages', packages, '--out', out, '--key', key, ...words];
  const env = { SOURCE_DATE_EPOCH: `${epoch ?? Math.floor(Date.now() / 1000) - 3600}` };
  return await command([path.join(scripts, 'make'), ...options], { env, timeoutMs: 600_000 });
}

/** @throws Error with what it said when it fails. */
export async function publish(published: Published, ...words: string[]): Promise<void> {
  const result = await runMake(published, ...words);
  if (result.status !== 0) throw new Error(`packaging/repository/make: ${result.stderr}${result.stdout}`);
}

/** A signing key without passphrase. @returns its fingerprint. */
export async function makeSigningKey(file: string, ...words: string[]): Promise<string> {
  const options = ['--out', file, '--email', 'packages@xtreemos.example', '--without-passphrase', ...words];
  const said = await succeed([path.join(scripts, 'key'), ...options]);
  return /fingerprint ([0-9A-F]{40})/.exec(said)?.[1] ?? '';
}

/** A copy that an attacker between publisher and host, a mirror for one, may change. */
export function mirror(out: string, copy: string): void {
  cpSync(out, copy, { recursive: true, dereference: true });
}

/** Changes one bit in the middle of a file. */
export function flipBit(file: string): void {
  const bytes = readFileSync(file);
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  chmodSync(file, 0o644);
  writeFileSync(file, bytes);
}
