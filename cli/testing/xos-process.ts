import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The command under test, as a person's shell would start it. */
export const xosCommand: readonly string[] = [
  process.execPath,
  fileURLToPath(new URL('../main.ts', import.meta.url)),
];

export interface XosResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface XosOptions {
  readonly stdin?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Killed and failed after this long; default 30 s. */
  readonly timeoutMs?: number;
}

/** Runs `xos` to its end in a session of its own, so that it has no controlling terminal whoever runs the tests. */
export function xos(commandLine: readonly string[], options: XosOptions = {}): Promise<XosResult> {
  return new Promise((resolve, reject) => {
    const [program = '', ...words] = [...xosCommand, ...commandLine];
    const child = spawn(program, words, {
      detached: true,
      env: {
        PATH: process.env['PATH'],
        HOME: '/nonexistent',
        LANG: 'C.UTF-8',
        NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
        ...options.environment,
      },
      stdio: 'pipe',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`xos ${commandLine.join(' ')} does not end; stderr: ${stderr}`));
    }, options.timeoutMs ?? 30_000);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (code === null)
        reject(new Error(`xos ${commandLine.join(' ')} ended by ${signal}; stderr: ${stderr}`));
      else resolve({ exitCode: code, stdout, stderr });
    });
    child.stdin.on('error', () => undefined); // the command need not read its input
    child.stdin.end(options.stdin ?? '');
  });
}
