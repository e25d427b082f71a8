import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildProgram } from './program.ts';
import { xos } from './testing/xos-process.ts';
import type { XosCommand } from './xos-command.ts';

test('a mistyped command is one line on stderr that suggests the right one, exit code 2', async () => {
  const typed = await xos(['vo', 'crate', 'physics']);
  assert.deepEqual(typed, {
    exitCode: 2,
    stdout: '',
    stderr: "xos: unknown command 'crate'; did you mean create. See `xos vo --help`\n",
  });
  const noun = await xos(['nod', 'status']);
  assert.equal(noun.exitCode, 2);
  assert.match(noun.stderr, /^xos: unknown command 'nod'; did you mean node\. See `xos --help`\n$/);
  const option = await xos(['vo', 'list', '--ulr', 'https://x']);
  assert.equal(option.exitCode, 2);
  assert.match(
    option.stderr,
    /^xos: unknown option '--ulr'; did you mean --url\. See `xos vo list --help`\n$/,
  );
});

test('a bad argument is refused with what would be right', async () => {
  for (const [commandLine, expected] of [
    [['vo', 'create', 'Physics!'], /A VO id has lower-case letters/],
    [['vo', 'create', '../../etc'], /A VO id has lower-case letters/],
    [['cert', 'request', 'alice'], /USER@VO/],
    [['cert', 'request', 'alice@physics', '--lifetime', 'soon'], /time span/],
    [['vo', 'approve', 'bob@physics', '--expires', '31.12.2027'], /2027-03-31/],
    [['vo', 'list', '--ca-fingerprint', 'abc'], /64 hexadecimal digits/],
    [['vo', 'list', '--json=yaml'], /short, pretty, off/],
    [['node', 'join', '--role', 'king'], /accounts, dir/],
    [['vo', 'create'], /missing required argument 'vo'/],
    [['config', 'cat', '../passwd'], /no name of a configuration/],
  ] as const) {
    const result = await xos(commandLine);
    assert.equal(result.exitCode, 2, commandLine.join(' '));
    assert.match(result.stderr, expected);
    assert.equal(result.stderr.split('\n').length, 2, `one line: ${result.stderr}`);
    assert.equal(result.stdout, '');
  }
});

test('control characters in an argument reach the terminal only escaped', async () => {
  const result = await xos(['vo', 'cr\u001b]0;owned\u0007eate']);
  assert.equal(result.exitCode, 2);
  for (const control of ['\u001b', '\u0007']) assert.ok(!result.stderr.includes(control));
});

test('a noun without a verb shows its help on stderr, exit code 2; --help is on stdout, exit code 0', async () => {
  const alone = await xos(['vo']);
  assert.equal(alone.exitCode, 2);
  assert.match(alone.stderr, /^Usage: xos vo /);
  const help = await xos(['vo', '--help']);
  assert.equal(help.exitCode, 0);
  assert.match(help.stdout, /^Usage: xos vo /);
  assert.equal(help.stderr, '');
});

test('every verb has a summary, a description and an example', () => {
  const lacking: string[] = [];
  visit(buildProgram(noSurroundings), (command) => {
    if (command.commands.length > 0) return;
    let help = '';
    command.configureOutput({
      writeOut: (text) => {
        help += text;
      },
    });
    command.outputHelp();
    if (command.summary() === '' || !help.includes('Examples:')) lacking.push(command.path());
  });
  assert.deepEqual(lacking, []);
});

test('--json prints one line or indented, and the same data', async () => {
  const short = await xos(['version', '--json=short']);
  const pretty = await xos(['--json', 'pretty', 'version']);
  assert.equal(short.exitCode, 0);
  assert.equal(short.stdout.trim().split('\n').length, 1);
  assert.ok(pretty.stdout.trim().split('\n').length > 1);
  assert.deepEqual(JSON.parse(short.stdout), JSON.parse(pretty.stdout));
  assert.deepEqual(Object.keys(JSON.parse(short.stdout)), ['xos', 'node']);
});

test('a secret without a terminal is refused with the option that gives it', async () => {
  const result = await xos(['node', 'join']);
  assert.equal(result.exitCode, 2);
  assert.match(result.stderr, /no terminal to ask for the node token; give --token-file FILE/);
});

test('a destructive verb without a terminal and without --yes does nothing', async () => {
  const result = await xos(['vo', 'destroy', 'physics']);
  assert.equal(result.exitCode, 2);
  assert.match(result.stderr, /give --yes/);
});

test('config cat prints the files in the order in which they count, and says where it looked', async () => {
  const root = mkdtempSync(join(tmpdir(), 'xos-config-'));
  try {
    mkdirSync(join(root, 'usr/lib/xtreemos'), { recursive: true });
    mkdirSync(join(root, 'etc/xtreemos/accounts.conf.d'), { recursive: true });
    writeFileSync(join(root, 'usr/lib/xtreemos/accounts.conf'), '[Accounts]\nShell=/bin/sh\n');
    writeFileSync(join(root, 'etc/xtreemos/accounts.conf.d/site.conf'), '[Accounts]\nShell=/bin/zsh\n');
    const result = await xos(['--root', root, '--json=short', 'config', 'cat', 'accounts']);
    assert.equal(result.exitCode, 0, result.stderr);
    const { files } = JSON.parse(result.stdout) as { files: { file: string; content: string }[] };
    assert.deepEqual(
      files.map(({ file }) => file.slice(root.length)),
      ['/usr/lib/xtreemos/accounts.conf', '/etc/xtreemos/accounts.conf.d/site.conf'],
    );
    const none = await xos(['--root', root, 'config', 'cat', 'helper']);
    assert.equal(none.exitCode, 3);
    assert.match(none.stderr, /etc\/xtreemos/);
  } finally {
    rmSync(root, { recursive: true });
  }
});

test('a bad client.conf is refused with file and line', async () => {
  const root = mkdtempSync(join(tmpdir(), 'xos-client-'));
  try {
    mkdirSync(join(root, 'etc/xtreemos'), { recursive: true });
    writeFileSync(join(root, 'etc/xtreemos/client.conf'), '[Paths]\nRunDirectory=relative/path\n');
    const result = await xos(['--root', root, 'node', 'status']);
    assert.equal(result.exitCode, 2);
    assert.match(result.stderr, /client\.conf:2: .*absolute path/);
  } finally {
    rmSync(root, { recursive: true });
  }
});

const noSurroundings = {
  environment: {},
  standardOutput: {},
  standardError: { write: () => true },
  nowMs: () => 0,
  setExitCode: () => undefined,
};

function visit(command: XosCommand, look: (command: XosCommand) => void): void {
  look(command);
  for (const child of command.commands as readonly XosCommand[]) visit(child, look);
}
