/** Stock login(1) as a person at the console meets it. */
import assert from 'node:assert/strict';
import { Terminal } from './terminal.ts';

/** Answers the prompts of login in order and leaves the terminal at what comes then. */
export async function loginOnConsole(...answers: readonly string[]): Promise<Terminal> {
  const terminal = new Terminal('login');
  for (const answer of answers) {
    assert.ok(await terminal.prompt(), `no prompt for another answer:\n${terminal.screen}`);
    if (/Login incorrect/.test(terminal.screen)) break;
    terminal.type(answer);
  }
  return terminal;
}

/** Fails when login lets the person in or says nothing. @returns what login showed. */
export async function assertRefused(...answers: readonly string[]): Promise<string> {
  const terminal = await loginOnConsole(...answers);
  try {
    while (!/Login incorrect/.test(terminal.screen)) {
      assert.ok(await terminal.prompt(), `login ended without a word:\n${terminal.screen}`);
      assert.doesNotMatch(terminal.screen, /@node1:/, 'a shell was given');
    }
    return terminal.screen;
  } finally {
    await terminal.close();
  }
}

/** Runs a command line in the shell on the terminal. @returns what it printed, the echoed line included. */
export async function shellOutput(terminal: Terminal, line: string, timeoutMs = 15_000): Promise<string> {
  terminal.type(`${line}; echo "[""done""]"`);
  return await terminal.expect(/\[done\]/, timeoutMs);
}

/** Leaves the shell; login has to end well. */
export async function logOut(terminal: Terminal): Promise<void> {
  terminal.type('exit');
  assert.equal(await terminal.ended, 0, terminal.screen);
}
