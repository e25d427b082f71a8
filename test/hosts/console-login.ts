/** People at the console of a host: getty's prompt, login, and what it says. */
import assert from 'node:assert/strict';
import type { Terminal } from '../sandbox/terminal.ts';
import { passphrase } from './grid.ts';
import { type Host, localPassword } from './hosts.ts';

/** Answers getty's and login's prompts in order. @returns the console, behind what came after the last answer. */
async function answerPrompts(host: Host, answers: readonly string[]): Promise<string> {
  const console = host.console();
  await console.expect(/login: $/, 30_000);
  const before = console.screen.length;
  for (const answer of answers) {
    if (/Login incorrect/.test(console.screen.slice(before))) break;
    console.type(answer);
    assert.ok(await console.prompt(500, 60_000), console.screen);
  }
  return console.screen.slice(before);
}

/** Certificate login of a grid user whose credential is the only one on the stick, so that Enter chooses it. */
export async function logInWithCertificate(host: Host, login: string): Promise<Terminal> {
  const shown = await answerPrompts(host, [login, '', passphrase]);
  assert.match(shown, new RegExp(`${login}@${host.name}:\\S*\\$ $`));
  return host.console();
}

/** Fails when login lets the person in. @returns what login showed. */
export async function assertRefusedOnConsole(host: Host, login: string): Promise<string> {
  const console = host.console();
  const shown = await answerPrompts(host, [login, '', passphrase]);
  assert.doesNotMatch(shown, /\$ $/, 'a shell was given');
  if (!/Login incorrect/.test(shown)) await console.expect(/Login incorrect/, 30_000);
  console.press('\u0004'); // a new getty, a new prompt
  return shown;
}

/** Logs a local user in with the password. @returns milliseconds from the name to the shell. */
export async function logInLocally(host: Host): Promise<number> {
  const console = host.console();
  await console.expect(/login: $/, 30_000);
  const start = performance.now();
  console.type('local');
  await console.expect(/Password: $/);
  console.type(localPassword);
  await console.expect(/\$ $/);
  return Math.round(performance.now() - start);
}

/** Runs a command line in the shell on a terminal. @returns what it printed, the echoed line included. */
export async function shellOutput(terminal: Terminal, line: string, timeoutMs = 30_000): Promise<string> {
  terminal.type(`${line}; echo "[""done""]"`);
  return await terminal.expect(/\[done\]/, timeoutMs);
}
