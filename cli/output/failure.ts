import { reasonOf, XosError } from '@xtreemos/base';
import { CommanderError } from 'commander';
import { PromptInterrupted } from '../prompt/controlling-terminal.ts';
import { printable } from './printable.ts';

/** How the command ends when it did not do what was asked. */
export interface Failure {
  /** One line for standard error, without the leading `xos: `; undefined where the person knows already (Ctrl-C, help shown). */
  readonly line: string | undefined;
  /** The exit codes of docs/architecture.md, "Errors"; 130 after Ctrl-C at a prompt, as shells have it. */
  readonly exitCode: number;
}

export function failureOf(error: unknown): Failure {
  if (error instanceof PromptInterrupted) return { line: undefined, exitCode: 130 };
  if (error instanceof CommanderError) return commanderFailure(error);
  if (error instanceof XosError) return { line: printable(oneLine(error.message)), exitCode: error.exitCode };
  const code = (error as NodeJS.ErrnoException | null)?.code;
  if (code === 'EACCES' || code === 'EPERM') return { line: permissionLine(error), exitCode: 4 };
  return { line: printable(oneLine(reasonOf(error))), exitCode: 1 };
}

function permissionLine(error: unknown): string {
  return `${printable(oneLine(reasonOf(error)))}; run the command as root`;
}

/**
 * Wrong usage never comes here as commander's own error (see XosCommand); what does is help and version shown on request,
 * and help shown because a noun stands without a verb.
 */
function commanderFailure(error: CommanderError): Failure {
  return { line: undefined, exitCode: error.exitCode === 0 ? 0 : 2 };
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ');
}
