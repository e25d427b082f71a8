import { XosError } from '@xtreemos/base';
import { Command, type ErrorOptions } from 'commander';

/** A node of the command tree. Wrong usage becomes XOS_USAGE, in one line that names the help of the nearest command. */
export class XosCommand extends Command {
  override createCommand(name?: string): XosCommand {
    return new XosCommand(name);
  }

  /** commander words errors as `error: unknown command 'vp'\n(Did you mean vo?)`. */
  override error(message: string, _options?: ErrorOptions): never {
    const reason = message
      .replace(/^error: /, '')
      .replace(/\s*\n\s*/g, ' ')
      .replace(/ \(Did you mean one of (.+)\?\)$/, '; did you mean one of $1')
      .replace(/ \(Did you mean (.+)\?\)$/, '; did you mean $1')
      .replace(/\.$/, '');
    throw new XosError('XOS_USAGE', { reason, help: `\`${this.path()} --help\`` });
  }

  /** `xos vo create`. */
  path(): string {
    return this.parent === null ? this.name() : `${(this.parent as XosCommand).path()} ${this.name()}`;
  }
}

export interface VerbDescription {
  /** One line for the list of commands, lower case, no full stop. */
  readonly summary: string;
  /** More for the command's own help. */
  readonly description?: string;
  /** Complete command lines, each with what it does. */
  readonly examples?: readonly (readonly [commandLine: string, meaning: string])[];
}

/** Adds a verb (`create <vo>`) or a noun that holds verbs. */
export function addCommand(parent: XosCommand, signature: string, about: VerbDescription): XosCommand {
  const command = parent.command(signature) as XosCommand;
  command.summary(about.summary).description(about.description ?? `${capitalized(about.summary)}.`);
  if (about.examples !== undefined) command.addHelpText('after', examplesText(about.examples));
  return command;
}

function examplesText(examples: readonly (readonly [string, string])[]): string {
  const lines = examples.map(([commandLine, meaning]) => `  $ ${commandLine}\n      ${meaning}`);
  return `\nExamples:\n${lines.join('\n')}`;
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
