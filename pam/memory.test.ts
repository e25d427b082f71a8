import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { type ModuleConnection, PAM_CODE, PROMPT_STYLE } from '@xtreemos/module-protocol';
import { fakeAccounts, result } from './test/fake-accounts.ts';
import { build, login } from './test/login.ts';

before(() => build('test-builds', 'sanitize'));

const steps = ['authenticate', 'setcred', 'account', 'keyinit', 'open', 'env', 'close', 'chauthtok'];
const requests = ['authenticate', 'response', 'account', 'openSession', 'sessionKey', 'closeSession'];

/** Two prompts, an info, a session; hangs up instead of answering message number hangUpAt (from 1, over all connections). */
function accounts(hangUpAt = 0): (connection: ModuleConnection) => Promise<void> {
  let seen = 0;
  return async (connection) => {
    for (let message = await connection.next(); message !== undefined; message = await connection.next()) {
      seen++;
      if (seen === hangUpAt) return connection.destroy();
      connection.working();
      if (message.type === 'authenticate') {
        for (const style of [PROMPT_STYLE.ECHO_ON, PROMPT_STYLE.INFO, PROMPT_STYLE.ECHO_OFF]) {
          connection.send({ type: 'prompt', style, text: `style ${style}` });
          await connection.next();
          seen++;
          if (seen === hangUpAt) return connection.destroy();
        }
        connection.send(result(PAM_CODE.SUCCESS, { handle: 'h', message: 'Good.' }));
      } else if (message.type === 'openSession') {
        connection.send({
          type: 'session',
          sessionId: 's',
          credential: Buffer.alloc(19_000, 7),
          credentialTimeoutSeconds: 60,
          environment: ['XOS_A=1', 'XOS_B=2', 'NOT_OURS=3'],
          message: 'Welcome.',
        });
      } else {
        connection.send(result(PAM_CODE.SUCCESS));
      }
    }
  };
}

test('under ASan and UBSan: every conversation call failing in every way', { timeout: 240_000 }, async () => {
  using host = login('asan');
  await using _daemon = await fakeAccounts(host.socket, accounts());
  const whole = await host.run('alice@physics', steps, { answers: ['a', 'b'] });
  const calls = whole.lines.filter((line) => line.startsWith('conv ')).length;
  assert.ok(calls >= 5, whole.lines.join('\n'));
  for (let call = 1; call <= calls; call++) {
    for (const how of ['error', 'again', 'none', 'empty']) {
      const output = await host.run('alice@physics', steps, { answers: ['a', 'b'], failAt: [call, how] });
      // libpam aborts whatever follows a conversation that asked to be called again.
      const last =
        how === 'again' && !output.value('authenticate')?.startsWith('0')
          ? PAM_CODE.ABORT
          : PAM_CODE.PERM_DENIED;
      assert.equal(output.lines.at(-1), `chauthtok ${last}`, `${how} at ${call}\n${output.lines.join('\n')}`);
    }
  }
});

test('under ASan and UBSan: the daemon hanging up at every message', { timeout: 240_000 }, async () => {
  for (let message = 1; message <= requests.length + 2; message++) {
    using host = login('asan');
    await using _daemon = await fakeAccounts(host.socket, accounts(message));
    const output = await host.run('alice@physics', steps, { answers: ['a', 'b'] });
    const failed = output.lines.filter((line) => /^(authenticate|account|open|close) [^0]/.test(line));
    assert.equal(failed.length >= 1, true, `message ${message}: ${output.lines.join('\n')}`);
  }
});

test('under valgrind a whole login is clean', { timeout: 240_000 }, async () => {
  using host = login();
  await using _daemon = await fakeAccounts(host.socket, accounts());
  const wrapper = [
    'valgrind',
    '-q',
    '--error-exitcode=99',
    '--leak-check=full',
    '--show-leak-kinds=definite,indirect',
  ];
  const output = await host.run('alice@physics', steps, { answers: ['a', 'b'], wrapper });
  assert.equal(output.value('open'), '0', output.lines.join('\n'));
});
