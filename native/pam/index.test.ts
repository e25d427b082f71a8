import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { type Conversation, type ConversationMessage, PamError, type PamOptions, startPam } from './index.ts';

const module = new URL('./index.ts', import.meta.url).href;

let confdir: string;
before(() => {
  confdir = mkdtempSync(join(tmpdir(), 'xos-pam-'));
  // pam_wrapper's module: passwords in a file, every call answers.
  const [matrix] = globSync('/usr/lib*/{.,*}/pam_wrapper/pam_matrix.so');
  assert.ok(matrix !== undefined, 'pam_matrix.so is part of libpam-wrapper');
  writeFileSync(join(confdir, 'users'), 'alice:secret:matrix\nbob:other:matrix\n');
  writeFileSync(join(confdir, 'message'), 'Welcome, %u\n');
  const stack = (lines: readonly string[]) => `${lines.join('\n')}\n`;
  const every = (what: string) =>
    ['auth', 'account', 'session', 'password'].map((type) => `${type} required ${what}`);
  writeFileSync(join(confdir, 'matrix'), stack(every(`${matrix} passdb=${join(confdir, 'users')}`)));
  writeFileSync(join(confdir, 'permit'), stack(every('pam_permit.so')));
  writeFileSync(join(confdir, 'deny'), stack(every('pam_deny.so')));
  writeFileSync(join(confdir, 'missing-module'), stack(every('pam_xos_no_such_module.so')));
  writeFileSync(
    join(confdir, 'echo'),
    stack([`auth required pam_echo.so file=${join(confdir, 'message')}`, 'auth required pam_permit.so']),
  );
});
after(() => rmSync(confdir, { recursive: true, force: true }));

const silent: Conversation = () => {
  throw new Error('nothing should be asked');
};

function start(service: string, conversation: Conversation = silent, more: Partial<PamOptions> = {}) {
  return startPam({ service, user: 'alice', confdir, conversation, ...more });
}

const answering =
  (answer: string): Conversation =>
  (messages) =>
    messages.map(({ style }) => (style === 'secret' ? answer : null));

function threads(): number {
  return readdirSync('/proc/self/task').length;
}

async function settledThreads(most: number): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (threads() > most && performance.now() < deadline) await new Promise(setImmediate);
  assert.ok(threads() <= most, `${threads()} threads, ${most} expected`);
}

test('a whole login', async () => {
  const asked: ConversationMessage[] = [];
  await using transaction = await start('matrix', async (messages) => {
    asked.push(...messages);
    await new Promise(setImmediate);
    return ['secret'];
  });
  await transaction.authenticate();
  assert.deepEqual(asked, [{ style: 'secret', text: 'Password: ' }]);
  await transaction.accountManagement({ silent: true });
  await transaction.openSession();
  assert.equal((await transaction.getEnvironment()).get('HOMEDIR'), '/home/alice');
  await transaction.closeSession();
});

test('a refusal has the name of its status', async () => {
  await using transaction = await start('deny');
  const refused = (call: string, code: string) => (error: unknown) => {
    assert.ok(error instanceof PamError);
    assert.deepEqual([error.call, error.code], [call, code]);
    assert.match(error.message, new RegExp(`^${call}: .+ \\(${code}\\)$`));
    return true;
  };
  await assert.rejects(transaction.authenticate(), refused('pam_authenticate', 'PAM_AUTH_ERR'));
  await assert.rejects(transaction.accountManagement(), refused('pam_acct_mgmt', 'PAM_AUTH_ERR'));
  await assert.rejects(transaction.setCredentials('establish'), refused('pam_setcred', 'PAM_CRED_ERR'));
  await assert.rejects(transaction.openSession(), refused('pam_open_session', 'PAM_SESSION_ERR'));
  await assert.rejects(transaction.closeSession(), refused('pam_close_session', 'PAM_SESSION_ERR'));
  await assert.rejects(transaction.changePassword(), refused('pam_chauthtok', 'PAM_AUTHTOK_ERR'));
  await using permitted = await start('permit');
  await permitted.authenticate();
  for (const action of ['establish', 'reinitialize', 'refresh', 'delete'] as const)
    await permitted.setCredentials(action);
  await permitted.changePassword({ expiredOnly: true });
});

test('a service or module that is not there', async () => {
  await assert.rejects(start('no-such-service'), { name: 'PamError', call: 'pam_start', code: 'PAM_ABORT' });
  await using transaction = await start('missing-module');
  await assert.rejects(transaction.authenticate(), { code: 'PAM_MODULE_UNKNOWN' });
});

test('a wrong password, a conversation that fails and one in the wrong form are refused', async () => {
  const conversations: Record<string, Conversation> = {
    wrong: answering('guess'),
    rejecting: () => Promise.reject(new Error('the person left')),
    throwing: () => {
      throw new Error('the person left');
    },
    'too few': () => [],
    'too many': () => ['secret', 'secret'],
    'no answer': () => [null],
    'not an array': () => 'secret' as unknown as string[],
    nothing: () => undefined as unknown as string[],
    'not a string': () => [7] as unknown as string[],
    'with NUL': () => ['secret\0'],
    'too long': () => ['x'.repeat((1 << 20) + 1)],
    'a lying getter': () => [Object.freeze({}) as unknown as string],
  };
  for (const [name, conversation] of Object.entries(conversations)) {
    await using transaction = await start('matrix', conversation);
    await assert.rejects(transaction.authenticate(), { name: 'PamError' }, name);
  }
  await using transaction = await start('matrix', answering('x'.repeat(1 << 20)));
  await assert.rejects(transaction.authenticate(), { code: 'PAM_AUTH_ERR' });
});

test('the name is asked for when it is not given', async () => {
  const asked: ConversationMessage[] = [];
  await using transaction = await startPam({
    service: 'permit',
    confdir,
    conversation: (messages) => {
      asked.push(...messages);
      return messages.map(() => 'bob');
    },
  });
  await transaction.setItem('userPrompt', 'Who? ');
  await transaction.authenticate();
  assert.equal(await transaction.getItem('user'), 'bob');
  assert.deepEqual(asked, [{ style: 'visible', text: 'Who? ' }]);
});

test('what is said, not asked, wants no answer', async () => {
  const heard: ConversationMessage[] = [];
  await using transaction = await start('echo', (messages) => {
    heard.push(...messages);
    return messages.map(() => null);
  });
  await transaction.authenticate();
  assert.deepEqual(heard, [{ style: 'info', text: 'Welcome, alice' }]);
});

test('items and environment', async () => {
  await using transaction = await start('permit', silent, {
    tty: 'tty9',
    remoteHost: 'host.example',
    remoteUser: 'eve',
  });
  assert.equal(await transaction.getItem('tty'), 'tty9');
  assert.equal(await transaction.getItem('remoteHost'), 'host.example');
  assert.equal(await transaction.getItem('remoteUser'), 'eve');
  assert.equal(await transaction.getItem('service'), 'permit');
  await transaction.setItem('tty', null);
  assert.equal(await transaction.getItem('tty'), null);
  await transaction.putEnvironment('XOS_A', 'b=c\nd');
  await transaction.putEnvironment('XOS_EMPTY', '');
  await transaction.putEnvironment('XOS_GONE', 'x');
  await transaction.putEnvironment('XOS_GONE', null);
  await assert.rejects(transaction.putEnvironment('XOS_NEVER', null), { code: 'PAM_BAD_ITEM' });
  assert.deepEqual(
    [...(await transaction.getEnvironment())],
    [
      ['XOS_A', 'b=c\nd'],
      ['XOS_EMPTY', ''],
    ],
  );
  for (const name of ['', 'A=B']) await assert.rejects(transaction.putEnvironment(name, 'x'), RangeError);
  await assert.rejects(transaction.putEnvironment('A', 'x\0'), RangeError);
});

test('calls of one transaction run in the order they were made', async () => {
  await using transaction = await start('matrix', answering('secret'));
  const outcomes = await Promise.all([
    transaction.putEnvironment('A', '1'),
    transaction.authenticate(),
    transaction.putEnvironment('A', '2'),
    transaction.getEnvironment(),
  ]);
  assert.equal(outcomes[3].get('A'), '2');
});

test('a hundred conversations at once each get their own answers', async () => {
  const before = threads();
  const outcomes = await Promise.all(
    Array.from({ length: 100 }, async (_, index) => {
      const right = index % 3 !== 0;
      await using transaction = await start('matrix', async (messages) => {
        // Answered in another order than asked.
        await new Promise((resolve) => setTimeout(resolve, (index * 7) % 20));
        return answering(right ? 'secret' : 'wrong')(messages);
      });
      return await transaction.authenticate().then(
        () => right,
        (error: PamError) => !right && error.code === 'PAM_AUTH_ERR',
      );
    }),
  );
  assert.deepEqual(outcomes, new Array(100).fill(true));
  await settledThreads(before);
});

test('aborting and ending fail a conversation that waits', async () => {
  const before = threads();
  const never = () => new Promise<readonly string[]>(() => undefined);
  for (const how of ['abort', 'end'] as const) {
    const asked = Promise.withResolvers<void>();
    const transaction = await start('matrix', () => {
      asked.resolve();
      return never();
    });
    const authentication = transaction.authenticate();
    const next = transaction.authenticate();
    await asked.promise;
    const ended = transaction[how]();
    await assert.rejects(authentication, { name: 'PamError' });
    await assert.rejects(next, { name: 'PamError' }, 'later conversations fail as well');
    await ended;
    await transaction.end();
    await transaction.end();
    await assert.rejects(transaction.authenticate(), /has ended/);
    transaction.abort();
  }
  await settledThreads(before);
});

test('an answer that comes after the end is ignored', async () => {
  const asked = Promise.withResolvers<void>();
  const late = Promise.withResolvers<readonly string[]>();
  const transaction = await start('matrix', () => {
    asked.resolve();
    return late.promise;
  });
  const authentication = assert.rejects(transaction.authenticate());
  await asked.promise;
  await transaction.end();
  late.resolve(['secret']);
  await authentication;
  await new Promise(setImmediate);
});

test('a forgotten transaction is ended when it is collected', async () => {
  const before = threads();
  const open = readdirSync('/proc/self/fd').length;
  const forget = async () => {
    const transaction = await start('matrix', answering('secret'));
    await transaction.authenticate();
  };
  for (let index = 0; index < 50; index++) await forget();
  assert.ok(threads() >= before + 10);
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const deadline = performance.now() + 10_000;
  while (threads() > before && performance.now() < deadline) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.ok(threads() <= before, `${threads() - before} threads stay`);
  assert.equal(readdirSync('/proc/self/fd').length, open);
});

test('a transaction whose only trace is a pending call is not collected', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const pending = start('matrix', async (messages) => {
    for (let round = 0; round < 5; round++) {
      collect();
      await new Promise(setImmediate);
    }
    return answering('secret')(messages);
  }).then((transaction) => transaction.authenticate());
  await pending;
});

test('a worker stopped in the middle of conversations leaves no thread', async () => {
  const before = threads();
  for (let round = 0; round < 5; round++) {
    const worker = new Worker(
      `const { workerData, parentPort } = require('node:worker_threads');
       import(workerData.module).then(async ({ startPam }) => {
         let asked = 0;
         const conversation = () => { if (++asked === 10) parentPort.postMessage('asked'); return new Promise(() => {}); };
         for (let index = 0; index < 10; index++) {
           startPam({ service: 'matrix', user: 'alice', confdir: workerData.confdir, conversation })
             .then((transaction) => { globalThis['t' + index] = transaction; return transaction.authenticate(); });
         }
       });`,
      { eval: true, workerData: { module, confdir } },
    );
    await new Promise((resolve) => worker.once('message', resolve));
    await worker.terminate();
  }
  await settledThreads(before);
});

test('a program with a transaction that nobody ended exits', () => {
  const program = `
    const { startPam } = await import(process.argv[1]);
    const transaction = await startPam({ service: 'permit', user: 'alice', confdir: process.argv[2], conversation: () => [] });
    await transaction.authenticate();
    globalThis.kept = transaction;
    console.log('done');`;
  for (const ending of ['', 'process.exit(0)', 'transaction.authenticate(); process.exit(0)']) {
    const { stdout, status, signal } = spawnSync(
      process.execPath,
      ['--input-type=module', '-e', `${program}\n${ending}`, module, confdir],
      { encoding: 'utf8', timeout: 20_000 },
    );
    assert.deepEqual([stdout, status, signal], ['done\n', 0, null], ending);
  }
});

test('arguments of a wrong type are refused', async () => {
  const wrong = [
    { service: 7 },
    { service: '' },
    { service: 'x\0' },
    { service: 'x'.repeat(5000) },
    { user: 7 },
    { user: 'a\0b' },
    { confdir: {} },
    { conversation: 'secret' },
    { tty: 7 },
    { remoteHost: Symbol('x') },
  ];
  for (const options of wrong)
    await assert.rejects(
      startPam({ service: 'permit', user: 'alice', confdir, conversation: silent, ...options } as PamOptions),
      (error) => error instanceof TypeError || error instanceof RangeError,
      JSON.stringify(options),
    );
  await using transaction = await start('permit');
  await assert.rejects(transaction.getItem('password' as 'user'), TypeError);
  await assert.rejects(transaction.setItem('tty', 7 as unknown as string), TypeError);
  await assert.rejects(transaction.setItem('tty', 'x'.repeat(100_000)), RangeError);
});
