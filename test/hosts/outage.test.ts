/** A node that loses its power, then its way to the head node: what it holds, people log in from. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { waitFor } from '../sandbox/daemon.ts';
import { assertRefusedOnConsole, logInLocally, logInWithCertificate, shellOutput } from './console-login.ts';
import { createVo, enrol, join, plugIn } from './grid.ts';
import { bus, journalEntries, sessionsOf } from './host-tools.ts';
import { hosts } from './hosts.ts';

test('a node comes back with its leases, and takes people in without its head node', {
  timeout: 800_000,
}, async (t) => {
  const [head, node1] = await hosts(t, ['head', 'node1'], { installed: true });
  await createVo(head, 'demo');
  await join(head, node1, 'demo');
  await enrol(head, 'alice', 'demo', head);
  await plugIn(head, 'alice', 'demo', node1);
  const before = await logInWithCertificate(node1, 'alice@demo');
  const shown = await shellOutput(before, 'touch ~/kept; sync; echo "uid=$(id -u);id=$XOS_SESSION_ID;"');
  const uid = /uid=(\d+);/.exec(shown)?.[1] ?? '';
  assert.equal((await sessionsOf(node1, 'alice@demo')).length, 1);

  // Power goes in the middle of her session; when it is back, the head node is not.
  await node1.killPower();
  await node1.cutFrom(head);
  assert.deepEqual((await node1.boot()).failedUnits, []);
  assert.notEqual((await node1.run('ping -c 1 -W 1 head')).status, 0);
  const [account] = await bus(node1, 'GetAccount', 's', 'alice@demo');
  assert.deepEqual([`${account?.['uid']}`, account?.['state']], [uid, 'leased']);
  assert.equal((await sessionsOf(node1, 'alice@demo')).length, 0);
  assert.notEqual((await journalEntries(node1, 'accounts.session-reaped', 'alice@demo')).length, 0);

  // Beside a host that lacks nothing, at the same moment: what both share is the load of this machine.
  const [localMs, elsewhereMs] = await Promise.all([logInLocally(node1), logInLocally(head)]);
  t.diagnostic(`local login without the head node: ${localMs} ms, on the head node: ${elsewhereMs} ms`);
  assert.ok(localMs < elsewhereMs + 2_000, `a local login took ${localMs} ms, elsewhere ${elsewhereMs} ms`);
  head.console().type('exit');
  await shellOutput(node1.console(), 'sudo --version >/dev/null; ls -l /home /tmp');
  node1.console().type('exit');

  // She renewed her certificate elsewhere: node1 never saw this one, nor can it ask anybody about it.
  await head.succeed('xos cert renew ~/alice.p12 --passphrase-file ~/alice.passphrase', {
    user: 'local',
    timeoutMs: 60_000,
  });
  await plugIn(head, 'alice', 'demo', node1);
  const renewed = await logInWithCertificate(node1, 'alice@demo');
  assert.match(
    await shellOutput(renewed, 'echo "uid=$(id -u);"; ls ~/kept'),
    new RegExp(`uid=${uid};\\s+\\S*/kept`),
  );
  assert.match(await node1.succeed('systemctl status --no-pager xos-accounts.service'), /Active: active/);
  assert.equal((await node1.run('xos status')).status, 1, 'xos status has no word for the lost head node');

  // What the administrator did meanwhile arrives with the head node.
  await head.succeed('xos vo revoke member alice@demo --yes', { timeoutMs: 60_000 });
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  assert.equal((await sessionsOf(node1, 'alice@demo')).length, 1);
  await node1.restoreTo(head);
  const restoredAt = performance.now();
  const gone = async (): Promise<boolean> => (await node1.run(`ps -o pid= -u ${uid}`)).stdout.trim() === '';
  // Between two attempts to connect lie up to 60 s.
  await waitFor(gone, 90_000, 'the revocation does not arrive');
  t.diagnostic(
    `revoked ${Math.round(performance.now() - restoredAt)} ms after the way to the head node was back`,
  );
  await assertRefusedOnConsole(node1, 'alice@demo');
});
