import { spawn } from 'node:child_process';

export interface Ran {
  readonly status: number | null;
  readonly output: string;
}

/** @returns all that the program said, on both streams @throws the error of a program that cannot be started */
export function ranProgram(
  [program = '', ...words]: readonly string[],
  { cwd, env = process.env }: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv },
): Promise<Ran> {
  const child = spawn(program, words, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, output }));
  });
}
