/** Power cuts and clocks: what was acknowledged is there afterwards, and the machine comes up clean. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { type Machine, machines } from './machines.ts';
import { enrolAlice, logInAsAlice, typeCertificateLogin } from './one-machine-grid.ts';

const timeoutMs = 240_000;

/** Boots a machine whose power was cut, and checks that nothing failed on the way. */
async function comeBack(machine: Machine): Promise<string> {
  const boot = await machine.boot();
  assert.deepEqual(boot.failedUnits, [], await machine.journal('-b', '-p', 'warning'));
  return `booted in ${boot.bootMs} ms`;
}

test('power cuts lose nothing that was acknowledged', { timeout: 1_800_000 }, async (t) => {
  const [head] = await machines(t, ['head'], { from: 'grid' });
  await enrolAlice(head);
  await logInAsAlice(head);
  const account = await head.succeed('getent passwd alice@demo');
  const lease = await head.succeed('xos accounts show alice@demo --json=short', { timeoutMs });
  // No sync in between: it is the daemons that have to make durable what they acknowledge.
  await head.killPower();

  t.diagnostic(await comeBack(head));
  assert.equal(await head.succeed('getent passwd alice@demo'), account);
  const after = await head.succeed('xos accounts show alice@demo --json=short', { timeoutMs });
  const held = (text: string): object => {
    const { uid, guid, state } = JSON.parse(text) as { readonly [name: string]: unknown };
    return { uid, guid, state };
  };
  assert.deepEqual(held(after), held(lease));
  assert.match(lease, /"leased"/);
  (await logInAsAlice(head)).type('exit');

  // The VO service: the member is there as soon as the command said so.
  await head.succeed('xos vo invite bob@demo --out /root/bob.token', { timeoutMs });
  await head.killPower();
  t.diagnostic(await comeBack(head));
  assert.match(await head.succeed('xos vo audit demo --json=short', { timeoutMs }), /bob/);
  (await logInAsAlice(head)).type('exit');
});

test('a clock that jumped two days refuses logins and says why; set right, it lets people in', {
  timeout: 1_500_000,
}, async (t) => {
  const [head] = await machines(t, ['head'], { from: 'grid' });
  await enrolAlice(head);
  await head.succeed('systemctl stop xos-vo.service', { timeoutMs });
  await head.jumpClock(2 * 86_400);
  const console = await typeCertificateLogin(head);
  await console.expect(/Login incorrect/);
  assert.match(
    await head.journal('--unit=xos-accounts.service', '--since=-10min'),
    /expired|Revocation of certificates .* cannot be checked/,
  );

  await head.jumpClock(-2 * 86_400);
  // login(1) asks again itself and takes Enter for a part of the name.
  await head.succeed('systemctl restart serial-getty@ttyS0.service');
  (await logInAsAlice(head)).type('exit');
});
