/**
 * A person's day on booted hosts: alice logs in on the console of one node and by ssh on another, and is out of both when the
 * administrator revokes her. What the host's own tools say of it at every step is part of it.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { waitFor } from '../sandbox/daemon.ts';
import type { Terminal } from '../sandbox/terminal.ts';
import { assertRefusedOnConsole, logInWithCertificate, shellOutput } from './console-login.ts';
import { createVo, enrol, join, plugIn } from './grid.ts';
import { bus, journalEntries, loginSessionsOf, sessionsOf } from './host-tools.ts';
import { type Host, hosts } from './hosts.ts';

const voPassword = 'staple battery horse';

/** ssh to a grid account, typed by the local user of `from`, where her key lies. (`su -c` would take the terminal from ssh.) */
function ssh(from: Host, to: Host, ...options: readonly string[]): Terminal {
  const words = ['ssh', '-tt', '-o StrictHostKeyChecking=accept-new', ...options, `alice@demo@${to.name}`];
  return from.terminal(`exec su local --session-command "${words.join(' ')}"`);
}

const withoutKey = '-o PreferredAuthentications=keyboard-interactive';
const withCertificate = '-o BatchMode=yes -o IdentitiesOnly=yes -i /home/local/.ssh/id_ed25519';
const withPlainKey = '-o BatchMode=yes -o IdentitiesOnly=yes -i /home/local/.ssh/plain';

/** @returns the uid that she has on the other end. */
async function uidOn(terminal: Terminal): Promise<number> {
  await terminal.expect(/alice@demo@\w+:\S*\$ $/, 60_000);
  return Number(/uid=(\d+);/.exec(await shellOutput(terminal, 'echo "uid=$(id -u);"'))?.[1]);
}

async function assertSshRefused(terminal: Terminal): Promise<string> {
  const timer = setTimeout(() => void terminal.close(), 60_000);
  assert.notEqual(await terminal.ended, 0);
  clearTimeout(timer);
  assert.doesNotMatch(terminal.screen, /\$ $/, 'a shell was given');
  return terminal.screen;
}

test('alice logs in on the console and by ssh, and is out everywhere when she is revoked', {
  timeout: 800_000,
}, async (t) => {
  const [head, node1, node2] = await hosts(t, ['head', 'node1', 'node2'], {
    installed: true,
    suite: { node2: 'bookworm' },
  });
  await createVo(head, 'demo');
  await Promise.all([join(head, node1, 'demo'), join(head, node2, 'demo')]);
  await enrol(head, 'alice', 'demo', head);
  await head.succeed(
    'umask 077; cat >/root/password; xos vo password alice@demo --password-file /root/password',
    {
      input: `${voPassword}\n`,
    },
  );
  await Promise.all([plugIn(head, 'alice', 'demo', node1), plugIn(head, 'alice', 'demo', node2)]);
  await head.succeed(
    `mkdir -m 700 -p ~/.ssh && ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519 && ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/plain
     xos cert ssh --key ~/.ssh/id_ed25519.pub --credential ~/alice.p12 --passphrase-file ~/alice.passphrase`,
    { user: 'local', timeoutMs: 60_000 },
  );

  const console1 = await logInWithCertificate(node1, 'alice@demo');
  assert.match(await shellOutput(console1, 'xos whoami; keyctl show @s'), /VO: demo[\s\S]*xos:credential/);
  const uid = await uidOn(console1);
  const certified = ssh(head, node2, withCertificate);
  assert.equal(await uidOn(certified), uid, 'another uid on the other node');
  const typed = ssh(head, node2, withoutKey);
  for (const answer of ['password', voPassword]) {
    assert.ok(await typed.prompt(500, 60_000), typed.screen);
    typed.type(answer);
  }
  assert.equal(await uidOn(typed), uid);
  assert.ok(!typed.screen.includes(voPassword), 'the password was echoed');

  // A key in authorized_keys would outlive the membership: it lets nobody in even now.
  const plain = await head.succeed('cat /home/local/.ssh/plain.pub');
  await node2.succeed('umask 077; mkdir -p ~/.ssh; cat >>~/.ssh/authorized_keys', {
    user: 'alice@demo',
    input: plain,
  });
  await assertSshRefused(ssh(head, node2, withPlainKey));

  for (const [node, sessions] of [
    [node1, 1],
    [node2, 2],
  ] as const) {
    await assertToolsKnowHer(node, uid, sessions);
  }

  const revokedAt = performance.now();
  await head.succeed('xos vo revoke member alice@demo --yes');
  const withinMs = (): number => Math.max(1, 30_000 - (performance.now() - revokedAt));
  const late = setTimeout(() => void Promise.all([certified.close(), typed.close()]), withinMs());
  await Promise.all([certified.ended, typed.ended]);
  clearTimeout(late);
  assert.ok(performance.now() - revokedAt < 30_000, 'ssh sessions go on');
  for (const node of [node1, node2]) {
    const nothing = async (): Promise<boolean> =>
      (await node.run(`ps -o pid= -u ${uid}`)).stdout.trim() === '';
    await waitFor(nothing, withinMs(), `processes of uid ${uid} go on on ${node.name}`);
  }
  t.diagnostic(`out of both nodes ${Math.round(performance.now() - revokedAt)} ms after the revocation`);

  await assertSshRefused(ssh(head, node2, withCertificate));
  await assertSshRefused(ssh(head, node2, withPlainKey));
  assert.match(await assertRefusedOnConsole(node1, 'alice@demo'), /CN=alice\b.* was revoked at /);
  for (const node of [node1, node2]) await assertToolsKnowSheIsGone(node, uid);
});

async function assertToolsKnowHer(node: Host, uid: number, sessions: number): Promise<void> {
  const record = await node.succeed('userdbctl --no-pager user alice@demo');
  assert.match(record, new RegExp(`User name: alice@demo[\\s\\S]*UID: ${uid}`));
  assert.match(await node.succeed('getent group members@demo'), /^members@demo:/);
  assert.equal((await loginSessionsOf(node, 'alice@demo')).length, sessions);

  const face = await node.succeed('busctl introspect org.xtreemos.Accounts1 /org/xtreemos/Accounts1');
  assert.match(face, /\.ListSessions +method +s +aa\{sv\}/);
  assert.match(face, /\.Version +property +s/);
  assert.match(face, /\.AccountLeased +signal +su/);
  const [account] = await bus(node, 'GetAccount', 's', 'alice@demo');
  assert.deepEqual([account?.['uid'], account?.['state']], [uid, 'leased']);
  const open = await sessionsOf(node, 'alice@demo');
  assert.equal(open.length, sessions);
  for (const session of open) assert.equal(session['uid'], uid);

  const status = await node.succeed('systemctl status --no-pager xos-accounts.service');
  assert.match(status, /Active: active \(running\)/);
  const [login] = await journalEntries(node, 'accounts.login', 'alice@demo');
  assert.equal(login?.['_SYSTEMD_UNIT'], 'xos-accounts.service');
  assert.equal(login?.['PRIORITY'], '6');
  const opened = await journalEntries(node, 'accounts.session-opened', 'alice@demo');
  for (const session of open) {
    const known = opened.some((entry) => entry['XOS_SESSION_ID'] === session['sessionId']);
    assert.ok(known, `the journal has no entry of session ${session['sessionId']}`);
  }
}

async function assertToolsKnowSheIsGone(node: Host, uid: number): Promise<void> {
  assert.equal((await node.run('getent passwd alice@demo')).status, 2);
  assert.notEqual((await node.run('userdbctl --no-pager user alice@demo')).status, 0);
  assert.equal((await loginSessionsOf(node, 'alice')).length, 0);
  assert.equal((await bus(node, 'ListSessions', 's', '')).length, 0);
  const resting = await bus(node, 'ListAccounts', 'a{sv}', '1', 'state', 's', 'quarantined');
  assert.deepEqual(
    resting.map((account) => account['uid']),
    [uid],
  );
  const [ending] = await journalEntries(node, 'accounts.lease-ending', 'alice@demo');
  assert.match(ending?.['MESSAGE'] ?? '', /revoked|member/);
  assert.equal(await node.succeed('systemctl list-units --failed --plain --no-legend'), '');
}
