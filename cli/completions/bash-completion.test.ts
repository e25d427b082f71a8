import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { xos } from '../testing/xos-process.ts';

const checkedIn = fileURLToPath(new URL('./xos.bash', import.meta.url));

/** What bash offers for a line whose last word is being typed; words as readline breaks them. */
function complete(words: readonly string[], directory = '/'): readonly string[] {
  const script = [
    'set -u',
    `source '${checkedIn}'`,
    'COMP_WORDS=("$@")',
    'COMP_CWORD=$(($# - 1))',
    '_xos',
    'printf "%s\\n" "$' + '{COMPREPLY[@]}"',
  ].join('\n');
  const out = execFileSync('bash', ['-c', script, 'bash', ...words], { encoding: 'utf8', cwd: directory });
  return out.split('\n').filter((word) => word !== '');
}

test('the checked-in script is the one the command tree gives', async () => {
  const { stdout } = await xos(['completion', 'bash']);
  assert.equal(
    readFileSync(checkedIn, 'utf8'),
    stdout,
    'run `xos completion bash >cli/completions/xos.bash`',
  );
});

test('bash completes nouns, verbs at every depth, and options', () => {
  assert.deepEqual(complete(['xos', 'wh']), ['whoami']);
  assert.deepEqual(complete(['xos', 'vo', 'r']), ['requests', 'reject', 'role', 'revoke', 'root']);
  assert.deepEqual(complete(['xos', 'vo', 'revoke', '']), ['member', 'certificate', 'node']);
  assert.deepEqual(complete(['xos', 'node', 'join', '--to']), ['--token-file']);
  assert.ok(complete(['xos', 'vo', 'list', '-']).includes('--json'), 'global options everywhere');
  assert.ok(!complete(['xos', '-']).includes('--root'), 'hidden options stay hidden');
});

test('options that come before the verb do not confuse it', () => {
  assert.deepEqual(complete(['xos', '--json', '=', 'short', 'vo', 'cre']), ['create']);
  assert.deepEqual(complete(['xos', 'vo', 'revoke', 'certificate', 'physics', '--ssh', '--rea']), [
    '--reason',
  ]);
});

test('the words of a choice and files complete where they belong', () => {
  assert.deepEqual(complete(['xos', 'accounts', 'list', '--state', 'l']), ['leased']);
  assert.deepEqual(complete(['xos', 'vo', 'list', '--json', '=', 'p']), ['pretty']);
  assert.deepEqual(complete(['xos', 'cert', 'request', '--format', '']), ['pem', 'pkcs12']);
  assert.deepEqual(complete(['xos', 'cert', 'export', '--format', 'c']), ['certificate', 'chain']);
  assert.deepEqual(complete(['xos', 'doctor', 'cl']), ['clock']);
  assert.deepEqual(complete(['xos', 'doctor', 'clock', 'keyr']), ['keyring'], 'an argument that may repeat');
  const directory = mkdtempSync(join(tmpdir(), 'xos-completion-'));
  try {
    writeFileSync(join(directory, 'alice.token'), '');
    assert.deepEqual(complete(['xos', 'node', 'join', '--token-file', 'ali'], directory), ['alice.token']);
    assert.deepEqual(
      complete(['xos', 'cert', 'show', 'ali'], directory),
      ['alice.token'],
      'an argument may be a file',
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
});
