/** Commands of the host that have to succeed. */
import { spawn } from 'node:child_process';

export interface CommandOptions {
  readonly input?: Uint8Array;
  /** Added to this process's. */
  readonly environment?: Readonly<Record<string, string>>;
}

export function output(command: string, words: readonly string[], options?: CommandOptions): Promise<string>;
export function output(
  command: string,
  words: readonly string[],
  options: CommandOptions,
  encoding: 'buffer',
): Promise<Buffer>;
/** @returns standard output. @throws Error with what the command said on standard error. */
export async function output(
  command: string,
  words: readonly string[],
  options: CommandOptions = {},
  encoding?: 'buffer',
): Promise<string | Buffer> {
  const child = spawn(command, words, {
    stdio: ['pipe', 'pipe', 'pipe'],
    // Messages are parsed and logged: no other language than this.
    env: { ...process.env, LC_ALL: 'C.UTF-8', ...options.environment },
  });
  child.stdin.on('error', () => undefined); // it ended without reading: its status tells
  child.stdin.end(options.input);
  const printed: Buffer[] = [];
  const said: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => printed.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
  const status = await new Promise<number | string | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? signal));
  });
  if (status !== 0)
    throw new Error(
      `${command} ${words[0] ?? ''}: ended with ${status}: ${Buffer.concat(said).toString('utf8')}`,
    );
  const bytes = Buffer.concat(printed);
  return encoding === 'buffer' ? bytes : bytes.toString('utf8');
}
