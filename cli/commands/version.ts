import { productVersion } from '@xtreemos/base';
import type { Perform } from '../invocation.ts';
import { addCommand, type XosCommand } from '../xos-command.ts';

export function addVersionCommand(program: XosCommand, perform: Perform): void {
  addCommand(program, 'version', { summary: 'print the version', examples: [['xos version', '']] }).action(
    perform(async () => {
      return {
        data: { xos: productVersion, node: process.versions.node },
        text: () => `xos ${productVersion} (node ${process.versions.node})\n`,
      };
    }),
  );
}
