import { writeSync } from 'node:fs';
import { XosError } from '@xtreemos/base';
import { type HostPaths, loadHostPaths } from './host-paths.ts';
import { printable } from './output/printable.ts';
import { type ProgressStream, type TellProgress, withProgress } from './output/progress.ts';
import { isJsonMode, type JsonMode, type Report, rendered } from './output/report.ts';
import { terminalOf } from './output/terminal.ts';
import { ControllingTerminal } from './prompt/controlling-terminal.ts';
import { makePrompts, type Prompts } from './prompt/prompts.ts';
import type { XosCommand } from './xos-command.ts';

/** What a verb works with: everything of the outside world that it may touch, so that it is written once and tested anywhere. */
export interface Invocation {
  readonly environment: NodeJS.ProcessEnv;
  readonly paths: HostPaths;
  /** Where the host's files begin: `/`, or what `--root` says. */
  readonly root: string;
  readonly prompts: Prompts;
  readonly json: JsonMode;
  readonly nowMs: () => number;
  /** A line on standard error that is neither result nor failure: a warning, a hint. */
  note(text: string): void;
  /** Says `what`, and what the work tells instead, on a watched terminal while slow work goes on. */
  slowly<T>(what: string, work: (tell: TellProgress) => Promise<T>): Promise<T>;
}

/** The process around the command. */
export interface Surroundings {
  readonly environment: NodeJS.ProcessEnv;
  readonly standardOutput: { readonly isTTY?: boolean | undefined; readonly columns?: number | undefined };
  readonly standardError: ProgressStream;
  readonly nowMs: () => number;
  readonly setExitCode: (code: number) => void;
}

/** What a verb does with its options and arguments. */
export type Handler<Options, Arguments extends readonly unknown[]> = (
  invocation: Invocation,
  options: Options,
  ...parameters: Arguments
) => Promise<Report>;

/** Turns a handler into the function that commander calls with arguments, options and the command. */
export type Perform = <Options, Arguments extends readonly unknown[]>(
  handler: Handler<Options, Arguments>,
) => (...raw: unknown[]) => Promise<void>;

interface GlobalOptions {
  readonly json: string;
  readonly root: string;
}

export function makePerform(surroundings: Surroundings): Perform {
  return (handler) =>
    async (...raw) => {
      const command = raw.at(-1) as XosCommand;
      const options = raw.at(-2) as never;
      // commander calls with the arguments, the options and the command, in this order.
      const parameters = raw.slice(0, -2) as never;
      const { json, root } = command.optsWithGlobals<GlobalOptions>();
      if (!isJsonMode(json)) throw new XosError('XOS_USAGE', usageOfJson(json));
      const note = (text: string): void => {
        surroundings.standardError.write(`xos: ${printable(text)}\n`);
      };
      const { paths, warnings } = loadHostPaths(root, surroundings.environment);
      for (const warning of warnings) note(`${warning.file}:${warning.line}: ${warning.message}`);
      const prompts = makePrompts({ openTerminal: () => ControllingTerminal.open(), warn: note });
      try {
        const report = await handler(
          {
            environment: surroundings.environment,
            paths,
            root,
            prompts,
            json,
            nowMs: surroundings.nowMs,
            note,
            slowly: (what, work) => withProgress(surroundings.standardError, what, work),
          },
          options,
          ...parameters,
        );
        writeAll(rendered(report, json, terminalOf(surroundings.standardOutput, surroundings.environment)));
        surroundings.setExitCode(report.exitCode ?? 0);
      } finally {
        prompts.close();
      }
    };
}

function usageOfJson(given: string): { readonly reason: string; readonly help: string } {
  return { reason: `--json=${given} is not one of short, pretty, off`, help: '`xos --help`' };
}

/** Synchronous, so that a result is out before the exit code is seen; a reader that went away (`| head`) is no failure. */
function writeAll(text: string): void {
  const bytes = Buffer.from(text);
  let written = 0;
  const wait = new Int32Array(new SharedArrayBuffer(4));
  while (written < bytes.length) {
    try {
      written += writeSync(1, bytes, written);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPIPE') return;
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(wait, 0, 0, 5);
    }
  }
}
