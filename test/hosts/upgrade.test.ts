/** apt installs a newer build while people work and log in. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { logInWithCertificate, shellOutput } from './console-login.ts';
import { createVo, enrol, join, plugIn } from './grid.ts';
import { sessionsOf } from './host-tools.ts';
import { type Host, hosts } from './hosts.ts';

const newerVersion = '999.0.0';
const daemons = ['xos-accounts', 'xos-helper', 'xos-vo'] as const;

async function mainPids(host: Host): Promise<readonly string[]> {
  const shown = await host.succeed(`systemctl show --property=MainPID --value ${daemons.join(' ')}`);
  return shown.split('\n').filter((line) => line !== '');
}

/** Between the old xos-accounts' last word and the new one's first, in seconds since 1970. */
async function silenceOf(host: Host): Promise<{ since: number; until: number; seconds: number }> {
  const journal = await host.journal('--unit=xos-accounts.service', '--output=json', '--boot');
  const at = (pattern: RegExp): number => {
    const entries = journal.split('\n').filter((line) => pattern.test(line));
    const { __REALTIME_TIMESTAMP: time } = JSON.parse(entries.at(-1) ?? '{}') as Record<string, string>;
    return Number(time) / 1e6;
  };
  const since = at(/"MESSAGE":"Stopping on SIGTERM"/);
  const until = at(/"MESSAGE":"xos-accounts \S+ runs"/);
  assert.ok(since > 0 && until > since, journal);
  return { since, until, seconds: until - since };
}

test('an upgrade leaves sessions alone, refuses no login, and runs the new daemons', {
  timeout: 800_000,
}, async (t) => {
  const [head] = await hosts(t, ['head'], { installed: true });
  await head.putNewerPackages(newerVersion, '/root/newer');
  await createVo(head, 'demo');
  await join(head, head, 'demo');
  await enrol(head, 'alice', 'demo', head);
  await plugIn(head, 'alice', 'demo', head);
  await head.succeed(
    `mkdir -m 700 -p ~/.ssh && ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519
     xos cert ssh --key ~/.ssh/id_ed25519.pub --credential ~/alice.p12 --passphrase-file ~/alice.passphrase`,
    { user: 'local', timeoutMs: 60_000 },
  );

  const console = await logInWithCertificate(head, 'alice@demo');
  const session = /session=([^;"]+);/.exec(
    await shellOutput(console, 'sleep 1000 & echo "session=$XOS_SESSION_ID $$ $!;"'),
  )?.[1];
  assert.ok(session !== undefined, console.screen);
  const pidsBefore = await mainPids(head);
  assert.equal(pidsBefore.length, daemons.length);

  // Logins one after another, from before the upgrade until it is over; each says when it began and how it ended.
  const logins = head.run(
    `until [ -e /run/upgraded ]; do
       began=$(date +%s.%N)
       ssh -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -i ~/.ssh/id_ed25519 \\
         -l alice@demo localhost true
       echo "login $? $began $(date +%s.%N)"
     done`,
    { user: 'local', timeoutMs: 240_000 },
  );
  await head.succeed('DEBIAN_FRONTEND=noninteractive apt-get install -y /root/newer/*.deb', {
    timeoutMs: 200_000,
  });
  await head.succeed('sleep 2; touch /run/upgraded');
  const { stdout, stderr } = await logins;
  const results = [...stdout.matchAll(/^login (\d+) ([\d.]+) ([\d.]+)$/gm)].map(
    ([, status, began, ended]) => ({
      status,
      began: Number(began),
      ended: Number(ended),
    }),
  );
  const hangUps = await head.journal('--unit=ssh.service');
  assert.doesNotMatch(hangUps, /SIGHUP/, 'its settings have not changed, and a reload closes its port');
  const gap = await silenceOf(head);
  t.diagnostic(
    `${results.length} logins by ssh meanwhile; xos-accounts was away for ${gap.seconds.toFixed(1)} s`,
  );
  assert.ok(results.length >= 3, stdout);
  assert.ok(
    results.some(({ began, ended }) => began < gap.until && ended > gap.since),
    'no login fell into the restart',
  );
  for (const { status, began, ended } of results) {
    // A module waits 1 s for a silent daemon: a machine on which the restart takes longer refuses who comes in between.
    const excused = gap.seconds > 1 && began < gap.until && ended > gap.since;
    assert.ok(status === '0' || excused, `a login was refused:\n${stdout}${stderr}`);
  }

  // The daemons are new ones, the session is the old one and whole.
  for (const [index, pid] of (await mainPids(head)).entries()) {
    assert.notEqual(pid, '0', `${daemons[index]} does not run`);
    assert.notEqual(pid, pidsBefore[index], `${daemons[index]} was not restarted`);
  }
  assert.match(
    await head.succeed(
      'busctl get-property org.xtreemos.Accounts1 /org/xtreemos/Accounts1 org.xtreemos.Accounts1 Version',
    ),
    new RegExp(newerVersion),
  );
  assert.match(await head.succeed('xos version'), new RegExp(newerVersion));
  const after = await shellOutput(
    console,
    'jobs %1; xos whoami; keyctl search @s user xos:credential; echo "session=$XOS_SESSION_ID $$ $!;"',
  );
  assert.ok(after.includes(`session=${session};`), after);
  assert.match(after, /Running +sleep 1000/);
  assert.match(after, /VO: demo/);
  assert.equal((await sessionsOf(head, 'alice@demo')).length, 1);
  assert.equal(await head.succeed('systemctl list-units --failed --plain --no-legend'), '');

  // The new daemons know the session: they end it.
  await head.succeed('xos vo revoke member alice@demo --yes', { timeoutMs: 60_000 });
  await console.expect(/login: $/, 30_000);
});
