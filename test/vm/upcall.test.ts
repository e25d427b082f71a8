/** The kernel's upcall: a program that asks for xos:credential gets it, whatever keyrings it has (credential-upcall.md). */
import assert from 'node:assert/strict';
import test from 'node:test';
import { waitFor } from '../sandbox/daemon.ts';
import { machines } from './machines.ts';
import { enrolAlice, logInAsAlice } from './one-machine-grid.ts';

/** Asks as a program would, in a session keyring that does not have the key. */
const ask = 'key=$(keyctl request2 user xos:credential "" @s) && keyctl pipe $key';

test('the kernel gives a grid user the credential, and a stranger none', {
  timeout: 1_500_000,
}, async (t) => {
  const [head] = await machines(t, ['head'], { from: 'grid' });
  await enrolAlice(head);
  // Not logged in yet, nowhere: there is nothing to give.
  assert.match((await head.run(ask, { user: 'local' })).stderr, /Required key not available/);

  const console = await logInAsAlice(head);
  console.type('keyctl show @s; cat $X509_USER_PROXY | sha256sum; echo "[""done""]"');
  const own = await console.expect(/\[done\]/);
  assert.match(own, /user: xos:credential/, 'the login has put it into the session keyring');
  const sum = /([0-9a-f]{64})/.exec(own)?.[1];

  // A program of hers whose session keyring is a new one.
  console.type(`keyctl session - sh -c '${ask}' | sha256sum; echo "[""done""]"`);
  const asked = await console.expect(/\[done\]/);
  assert.equal(/([0-9a-f]{64})/.exec(asked)?.[1], sum, asked);

  // A service of hers, which no login stands above.
  const service = await head.succeed(`${ask} | sha256sum`, { user: 'alice@demo' });
  assert.equal(service.slice(0, 64), sum);

  // Neither a local user nor root is given hers.
  for (const stranger of ['local', 'root']) {
    const refused = await head.run(ask, { user: stranger });
    assert.notEqual(refused.status, 0, stranger);
    assert.equal(refused.stdout, '');
    assert.match(refused.stderr, /Required key not available/);
  }
  assert.equal(await head.journal('--identifier=xos-request-key'), '-- No entries --\n');

  console.type('exit');
  await console.expect(/login: $/);
  // Her session is over, and with it what a new keyring is given; its files go a moment after the prompt has come back.
  await waitFor(
    async () => {
      const later = await head.run(ask, { user: 'alice@demo' });
      return later.status !== 0 && /Required key not available/.test(later.stderr);
    },
    60_000,
    'a program without a session is still given a credential',
  );
});
