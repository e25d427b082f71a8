/** A grid of one machine, brought up by the commands an administrator types, and a person who logs in on its console. */
import assert from 'node:assert/strict';
import { waitFor } from '../sandbox/daemon.ts';
import type { Terminal } from '../sandbox/terminal.ts';
import type { Machine } from './machines.ts';

const passphrase = 'correct horse battery staple';

/** Starts of the runtime take many seconds each on an emulated processor. */
const timeoutMs = 240_000;

/** VO service, VO `demo` and node on one machine. */
export async function makeGrid(head: Machine): Promise<void> {
  await head.succeed('systemctl enable --now xos-vo.service', { timeoutMs });
  await head.succeed('xos vo create demo', { timeoutMs });
  await head.succeed('xos node token demo --out /root/node.token', { timeoutMs });
  await head.succeed('xos node join --token-file /root/node.token --yes', { timeoutMs });
}

/** Invites alice, who makes her key and puts the certificate on a stick: the only one, so that Enter chooses it. */
export async function enrolAlice(head: Machine): Promise<void> {
  await head.succeed('xos vo invite alice@demo --out /root/alice.token', { timeoutMs });
  await head.succeed('umask 077; cat >/root/alice.passphrase; mkdir -p /media/stick', {
    input: `${passphrase}\n`,
  });
  await head.succeed(
    'xos cert request alice@demo --token-file /root/alice.token --passphrase-file /root/alice.passphrase \
       --out /media/stick/alice.p12 && sync /media/stick/alice.p12',
    { timeoutMs },
  );
  await waitFor(
    async () => (await head.run('getent passwd alice@demo')).status === 0,
    60_000,
    `${head.name} does not resolve alice@demo`,
  );
}

/** What pam_xos says when the daemon took longer than it is given. */
const tooSlow = /pam_xos.*(?:timed out|did not answer)/i;

/**
 * Certificate login at getty's prompt. The modules give a daemon 1 s, and a daemon that has just started on an emulated
 * processor may need more for its first login: a person tries again then, and so does this, twice at most.
 * @returns the console, at her shell's prompt.
 */
export async function logInAsAlice(head: Machine, attempts = 3): Promise<Terminal> {
  const console = await typeCertificateLogin(head);
  const answer = await console.expect(/Login incorrect|alice@demo@\S+\$ $/);
  if (!answer.includes('Login incorrect')) return console;
  const journal = await head.journal('-n60');
  if (attempts > 1 && tooSlow.test(journal)) return await logInAsAlice(head, attempts - 1);
  assert.fail(`${console.screen}\n${journal}`);
}

/** Types all that a certificate login asks for, and does not wait for what comes of it. */
export async function typeCertificateLogin(head: Machine): Promise<Terminal> {
  const console = head.console();
  console.press('\r'); // the prompt may have been shown before a saved state
  await console.expect(/login: $/);
  console.type('alice@demo');
  await console.expect(/[Cc]ertificate.*: $/);
  console.type('');
  await console.expect(/[Pp]assphrase.*: $/);
  console.type(passphrase);
  return console;
}
