import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { fakeAccounts } from './test/fake-accounts.ts';
import { build } from './test/login.ts';

before(() => build('all'));

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function ask(socket: string, ...args: readonly string[]): Promise<Outcome> {
  const program = join(import.meta.dirname, 'build/xos-ssh-principals');
  return new Promise((resolve) => {
    execFile(program, ['--socket', socket, ...args], { timeout: 10_000 }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
    );
  });
}

function temporarySocket(): { readonly path: string } & Disposable {
  const folder = mkdtempSync(join(tmpdir(), 'xos-principals-'));
  return { path: join(folder, 'pam.sock'), [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

test('principals are printed one a line; what is no principal is not', async () => {
  using socket = temporarySocket();
  await using daemon = await fakeAccounts(socket.path, async (connection) => {
    await connection.next();
    connection.working();
    connection.send({
      type: 'principalList',
      names: ['alice@physics.example', 'no-pty root', '*', 'second', 'a\nb', ''],
    });
    await connection.next();
  });
  const outcome = await ask(socket.path, 'alice@physics', 'key 1', '42', 'SHA256:abc', 'AAAA');
  assert.deepEqual(outcome, { code: 0, stdout: 'alice@physics.example\nsecond\n', stderr: '' });
  assert.deepEqual(daemon.received, [
    {
      type: 'principals',
      user: 'alice@physics',
      keyId: 'key 1',
      serial: '42',
      caFingerprint: 'SHA256:abc',
      certificate: 'AAAA',
    },
  ]);
});

test('a local name has no principals and asks nobody', async () => {
  using socket = temporarySocket();
  assert.deepEqual(await ask(socket.path, 'root', '', '1', 'x', 'x'), { code: 0, stdout: '', stderr: '' });
});

test('no daemon, a wrong answer or too long arguments print no principal and fail', async () => {
  using socket = temporarySocket();
  const none = await ask(socket.path, 'alice@physics', '', '1', 'x', 'x');
  assert.equal(none.code, 1);
  assert.match(none.stderr, /No such file/);
  await using _daemon = await fakeAccounts(socket.path, async (connection) => {
    await connection.next();
    connection.send({ type: 'notFound' });
    await connection.next();
  });
  const wrong = await ask(socket.path, 'alice@physics', '', '1', 'x', 'x');
  assert.deepEqual([wrong.code, wrong.stdout], [1, '']);
  assert.equal((await ask(socket.path, 'alice@physics', '', '1'.repeat(30), 'x', 'x')).code, 1);
  assert.equal((await ask(socket.path, 'alice@physics')).code, 2);
});
