/** Removal by docs/installation.md leaves the host as it was. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { logInLocally, logInWithCertificate, shellOutput } from './console-login.ts';
import { documentedCommands, typeCommands } from './documented-commands.ts';
import { createVo, enrol, join, plugIn } from './grid.ts';
import { contentOf, differences } from './host-content.ts';
import { hosts } from './hosts.ts';

/** What may differ, and why. */
const allowed: readonly RegExp[] = [
  // The distribution's own bookkeeping of what was installed and removed.
  /^\/var\/lib\/(dpkg|apt)(\/|$)/,
  /^\/var\/(cache|log|backups)(\/|$)/,
  // Backups that passwd's tools write at every change, and their lock.
  /^\/etc\/(passwd|group|shadow|gshadow|subuid|subgid)-$/,
  /^\/etc\/\.pwd\.lock$/,
  // Caches of the loader.
  /^\/etc\/ld\.so\.cache$/,
  // What systemd notes of itself while it runs.
  /^\/var\/lib\/systemd\/(random-seed|timers(\/.*)?)$/,
  /^\/var\/tmp\/systemd-private-/,
  /^\/root\/\.(cache|wget-hsts)/,
  // The person's home is the person's: docs/installation.md says so.
  /^\/home\/demo(\/|$)/,
  // What this test put there itself: tokens, the person's own files and stick.
  /^\/root\/(head|node|alice)\.token$/,
  /^\/home\/local(\/|$)/,
  /^\/media(\/|$)/,
];

test('purge leaves the host as it was before the installation', { timeout: 800_000 }, async (t) => {
  const [head] = await hosts(t, ['head'], { serve: 'build/hosts-repository' });
  const before = await contentOf(head);
  await typeCommands(head, documentedCommands('README.md', 'On every host, once'));
  await head.succeed('DEBIAN_FRONTEND=noninteractive apt-get install -y xtreemos-head xtreemos-resource', {
    timeoutMs: 180_000,
  });
  // In use before it goes: a VO, this host in it, a person who worked here.
  await createVo(head, 'demo');
  await join(head, head, 'demo');
  await enrol(head, 'alice', 'demo', head);
  await plugIn(head, 'alice', 'demo', head);
  const console = await logInWithCertificate(head, 'alice@demo');
  await shellOutput(console, 'touch ~/mine /tmp/mine; sleep 600 & echo');
  console.type('exit');
  assert.ok(differences(before, await contentOf(head), allowed).length > 50, 'the comparison sees nothing');

  await typeCommands(head, documentedCommands('docs/installation.md', 'Removing'));
  assert.deepEqual(differences(before, await contentOf(head), allowed), []);
  assert.equal(await head.succeed('systemctl list-units --failed --plain --no-legend'), '');
  assert.equal(await head.succeed("systemctl list-units --all --plain --no-legend 'xos-*'"), '');
  assert.equal(await head.succeed('ls /run/xtreemos 2>/dev/null || true'), '');
  await logInLocally(head);
});
