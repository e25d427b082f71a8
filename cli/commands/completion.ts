import { bashCompletion } from '../completions/bash-completion.ts';
import type { Perform } from '../invocation.ts';
import { addCommand, type XosCommand } from '../xos-command.ts';

export function addCompletionCommand(program: XosCommand, perform: Perform): void {
  const completion = addCommand(program, 'completion', { summary: 'print shell completions' });
  addCommand(completion, 'bash', {
    summary: 'print the completion script for bash',
    examples: [['source <(xos completion bash)', 'in this shell']],
  }).action(
    perform(async () => {
      const script = bashCompletion(program);
      return { data: { script }, text: () => script };
    }),
  );
}
