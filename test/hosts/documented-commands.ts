/** Commands as the documentation has them, typed on a host by somebody who reads it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { checkout } from './ground.ts';
import type { Host } from './hosts.ts';
import { packageServerUrl } from './package-server.ts';

/** Stands in the documentation for the server that somebody puts the repository on. */
const documentedServer = 'https://packages.example.org';

/**
 * The command lines of a section's indented blocks, in order. Only the server's address is another one.
 * @param heading its text without the number signs; the section ends at the next heading of any level.
 * @throws Error when there is no such section, or no command in it.
 */
export function documentedCommands(file: string, heading: string): readonly string[] {
  const lines = readFileSync(path.join(checkout, file), 'utf8').split('\n');
  const start = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, '') === heading);
  if (start < 0) throw new Error(`${file} has no section "${heading}"`);
  const length = lines.slice(start + 1).findIndex((line) => /^#+ /.test(line));
  const section = length < 0 ? lines.slice(start + 1) : lines.slice(start + 1, start + 1 + length);
  const text = section.flatMap((line) => (line.startsWith('    ') ? [line.slice(4)] : [])).join('\n');
  const commands = text.replaceAll('\\\n', ' ').split('\n');
  if (text === '') throw new Error(`${file}, "${heading}": no commands`);
  return commands.map((line) => line.replaceAll(documentedServer, packageServerUrl));
}

/** A question that a command may ask, and what is typed then. */
export type Answer = readonly [question: RegExp, answer: string];

const consent: Answer = [/\[(Y\/n|y\/N|yes\/no)\]:? $/i, 'y'];

/**
 * Types command lines at a root shell's terminal, one after the other, and answers what they ask: yes, or one of `answers`.
 * @throws AssertionError with the screen when a command fails or asks something else.
 */
export async function typeCommands(
  host: Host,
  lines: readonly string[],
  answers: readonly Answer[] = [],
): Promise<void> {
  for (const line of lines) {
    const terminal = host.terminal(`cd /root; ${line}`);
    const deadline = performance.now() + 180_000;
    while (await terminal.prompt(1_000, deadline - performance.now())) {
      const asked = [...answers, consent].find(([question]) => question.test(terminal.screen));
      // What does not ask (a line of progress) goes on by itself.
      if (asked !== undefined) terminal.type(asked[1]);
      assert.ok(performance.now() < deadline, `${host.name}: ${line}\n${terminal.screen}`);
    }
    assert.equal(await terminal.ended, 0, `${host.name}: ${line}\n${terminal.screen}`);
  }
}
