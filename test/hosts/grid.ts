/** What administrator and people do to have a grid on booted hosts, by the commands they type. */
import { waitFor } from '../sandbox/daemon.ts';
import type { Host } from './hosts.ts';

export const passphrase = 'correct horse battery staple';

/** What alice carries between hosts: a stick that is plugged in. */
const stick = '/media/stick';

/** Makes `head` the head node of a new VO. */
export async function createVo(head: Host, vo: string): Promise<void> {
  await head.succeed('systemctl enable --now xos-vo.service', { timeoutMs: 60_000 });
  await head.succeed(`xos vo create ${vo}`, { timeoutMs: 60_000 });
}

/** The VO's administrator makes a token, the node's administrator uses it. */
export async function join(
  head: Host,
  node: Host,
  vo: string,
  roles: readonly string[] = ['accounts'],
): Promise<void> {
  const chosen = roles.map((role) => `--role ${role}`).join(' ');
  await head.succeed(`xos node token ${vo} ${chosen} --out /root/${node.name}.token`, { timeoutMs: 60_000 });
  await hand(head, `/root/${node.name}.token`, node, '/root/node.token');
  await node.succeed(`xos node join ${chosen} --token-file /root/node.token --yes`, { timeoutMs: 60_000 });
}

/** Copies a file from host to host, as a person would with a stick. */
export async function hand(from: Host, file: string, to: Host, target: string, user = 'root'): Promise<void> {
  const content = await from.succeed(`base64 ${file}`);
  const line = `umask 077; mkdir -p $(dirname ${target}); base64 --decode >${target}`;
  await to.succeed(line, { input: content, ...(user === 'root' ? {} : { user }) });
}

/**
 * Enrols a person, whose own computer is the local account of `home`: invited by the administrator, who
 * tells the service's address and fingerprint as well; key made at home. The credential is in ~/USER.p12 there, its passphrase in ~/USER.passphrase.
 */
export async function enrol(head: Host, user: string, vo: string, home: Host): Promise<void> {
  await head.succeed(`xos vo invite ${user}@${vo} --out /root/${user}.token`, { timeoutMs: 60_000 });
  const { rootFingerprint } = JSON.parse(await head.succeed(`xos vo show ${vo} --json=short`)) as {
    readonly rootFingerprint: string;
  };
  await hand(head, `/root/${user}.token`, home, `/home/local/${user}.token`, 'local');
  await home.succeed(`umask 077; cat >~/${user}.passphrase`, { user: 'local', input: `${passphrase}\n` });
  await home.succeed(
    `xos cert request ${user}@${vo} --url https://${head.name}:7443 --ca-fingerprint ${rootFingerprint} \
       --token-file ~/${user}.token --passphrase-file ~/${user}.passphrase --out ~/${user}.p12`,
    { user: 'local', timeoutMs: 60_000 },
  );
}

/** Carries a person's credential to a node, and waits until the node knows the person. */
export async function plugIn(home: Host, user: string, vo: string, node: Host): Promise<void> {
  await hand(home, `/home/local/${user}.p12`, node, `${stick}/${user}.p12`);
  await waitFor(
    async () => (await node.run(`getent passwd ${user}@${vo}`)).status === 0,
    30_000,
    `${node.name} does not resolve ${user}@${vo}`,
  );
}
