import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PseudoTerminal } from '../testing/pseudo-terminal.ts';
import { xosCommand } from '../testing/xos-process.ts';

const command = xosCommand.map((word) => `'${word}'`).join(' ');
/** The command, then its exit code and whether the terminal echoes. */
const thenState = '; echo "code=$?"; stty -a | tr " " "\\n" | grep -x -- "-\\?echo" | sed "s/^/state:/"';

test('a secret typed at a prompt does not show, and the terminal echoes again afterwards', async () => {
  const terminal = new PseudoTerminal(`${command} node join${thenState}`);
  await terminal.waitFor('Node token:');
  terminal.type('xos-node-1.hunter2\r');
  const screen = await terminal.end();
  assert.doesNotMatch(screen, /hunter2/);
  assert.match(screen, /xos: The node token is not valid/);
  assert.match(screen, /code=4/);
  assert.match(screen, /state:echo/);
});

test('the line can be corrected before it is sent', async () => {
  const terminal = new PseudoTerminal(`${command} node join${thenState}`);
  await terminal.waitFor('Node token:');
  // Ctrl-U takes back all, backspace a character of two bytes as one.
  terminal.type('nonsense\u0015xos-node-2\u00e9\u007f\u007f1.x\r');
  const screen = await terminal.end();
  assert.match(screen, /it is cut short/);
});

test('Ctrl-C at a prompt ends with 130 and restores the echo', async () => {
  const terminal = new PseudoTerminal(`${command} node join${thenState}`);
  await terminal.waitFor('Node token:');
  terminal.type('half a sec\u0003');
  const screen = await terminal.end();
  assert.match(screen, /code=130/);
  assert.match(screen, /state:echo/);
  assert.doesNotMatch(screen, /half a sec/);
});

test('Ctrl-D at an empty prompt counts as giving up', async () => {
  const terminal = new PseudoTerminal(`${command} node join${thenState}`);
  await terminal.waitFor('Node token:');
  terminal.type('\u0004');
  const screen = await terminal.end();
  assert.match(screen, /code=130/);
  assert.match(screen, /state:echo/);
});

test('a signal from outside during a prompt restores the echo too', async () => {
  const terminal = new PseudoTerminal(
    `sh -c 'echo "pid:$$."; exec ${command.replaceAll("'", '')} node join'${thenState}`,
  );
  await terminal.waitFor('Node token:');
  const pid = Number(/pid:(\d+)\./.exec(terminal.screen)?.[1]);
  process.kill(pid, 'SIGTERM');
  const screen = await terminal.end();
  assert.match(screen, /code=143/);
  assert.match(screen, /state:echo/);
});

test('destroying a VO asks for its name, and another answer changes nothing', async () => {
  const terminal = new PseudoTerminal(`${command} vo destroy physics --url unix:/nonexistent${thenState}`);
  await terminal.waitFor('Type the VO id to go on:');
  terminal.type('yes\r');
  const screen = await terminal.end();
  assert.match(screen, /Nothing was changed/);
  assert.match(screen, /code=1/);
});
