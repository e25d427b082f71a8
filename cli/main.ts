#!/usr/bin/env node
import { failureOf } from './output/failure.ts';
import { buildProgram } from './program.ts';

/** The `xos` command: builds the command tree, runs what was typed, ends with the exit codes of xos(1). */
async function main(): Promise<number> {
  let exitCode = 0;
  const program = buildProgram({
    environment: process.env,
    standardOutput: process.stdout,
    standardError: process.stderr,
    nowMs: Date.now,
    setExitCode: (code) => {
      exitCode = code;
    },
  });
  // `xos ... | head`: a reader that has seen enough is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  try {
    await program.parseAsync(process.argv);
    return exitCode;
  } catch (error) {
    const failure = failureOf(error);
    if (failure.line !== undefined) process.stderr.write(`xos: ${failure.line}\n`);
    return failure.exitCode;
  }
}

process.exit(await main());
