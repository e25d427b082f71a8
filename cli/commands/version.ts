import { readFileSync } from 'node:fs';
import type { Perform } from '../invocation.ts';
import { addCommand, type XosCommand } from '../xos-command.ts';

export function addVersionCommand(program: XosCommand, perform: Perform): void {
  addCommand(program, 'version', { summary: 'print the version', examples: [['xos version', '']] }).action(
    perform(async () => {
      const version = packageVersion();
      return {
        data: { xos: version, node: process.versions.node },
        text: () => `xos ${version} (node ${process.versions.node})\n`,
      };
    }),
  );
}

declare const XOS_VERSION: string | undefined;

/** Bundles have the version built in; a checkout reads it from the workspace. */
function packageVersion(): string {
  if (typeof XOS_VERSION === 'string') return XOS_VERSION;
  const description: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return String((description as { readonly version: unknown }).version);
}
