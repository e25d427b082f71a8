/** README's install section, typed as it stands there: signed repository, head node, nodes of two Debian releases, a person. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { waitFor } from '../sandbox/daemon.ts';
import { logInWithCertificate, shellOutput } from './console-login.ts';
import { type Answer, documentedCommands, typeCommands } from './documented-commands.ts';
import { hand, passphrase } from './grid.ts';
import { type Host, hosts } from './hosts.ts';

/** Fails with the unit's status and journal. */
async function assertActive(host: Host, unit: string): Promise<void> {
  const { stdout } = await host.run(`systemctl is-active ${unit}`);
  if (stdout.trim() === 'active') return;
  const status = await host.run(`systemctl status --no-pager --full --lines=30 ${unit}`);
  assert.fail(`${host.name}: ${unit} is ${stdout.trim()}\n${status.stdout}${status.stderr}`);
}

const choosesPassphrase: readonly Answer[] = [[/(passphrase for the key|Once more):\s*$/i, passphrase]];
const readme = (heading: string): readonly string[] => documentedCommands('README.md', heading);

test('the commands of README give a grid: head node, nodes of Debian 13 and 12, a person on their consoles', {
  timeout: 800_000,
}, async (t) => {
  const [head, node1, node2] = await hosts(t, ['head', 'node1', 'node2'], {
    suite: { node2: 'bookworm' },
    serve: 'build/hosts-repository',
  });
  const all = [head, node1, node2];
  await Promise.all(all.map((host) => typeCommands(host, readme('On every host, once'))));

  const nodes = [node1, node2];
  const onNode = readme('A resource node, which people log in to');
  const install = onNode.filter((line) => line.startsWith('apt '));
  await Promise.all([
    typeCommands(head, readme('The head node, which runs the services of a VO')),
    ...nodes.map((node) => typeCommands(node, install)),
  ]);
  await assertActive(head, 'xos-vo.service');
  await hand(head, '/root/node.token', node1, '/root/node.token');
  // "One per node".
  await head.succeed('xos node token demo --out /root/second.token');
  await hand(head, '/root/second.token', node2, '/root/node.token');
  const join = onNode.filter((line) => !install.includes(line));
  await Promise.all(nodes.map((node) => typeCommands(node, join)));
  for (const node of nodes) {
    const units = [
      'xos-helper.socket',
      'xos-accounts-pam.socket',
      'xos-accounts-nss.socket',
      'xos-accounts.service',
    ];
    for (const unit of units) await assertActive(node, unit);
    assert.equal(await node.succeed('systemctl list-units --failed --plain --no-legend'), '');
  }

  await node1.succeed('mkdir -p /media/stick');
  await hand(head, '/root/alice.token', node1, '/root/alice.token');
  await typeCommands(node1, readme('A person'), choosesPassphrase);
  await hand(node1, '/media/stick/alice.p12', node2, '/media/stick/alice.p12');
  const uids: string[] = [];
  for (const node of nodes) {
    await waitFor(
      async () => (await node.run('getent passwd alice@demo')).status === 0,
      30_000,
      `${node.name} does not resolve alice@demo`,
    );
    const console = await logInWithCertificate(node, 'alice@demo');
    const shown = await shellOutput(console, 'xos whoami; echo "uid=$(id -u);"');
    assert.match(shown, /VO: demo/);
    uids.push(/uid=(\d+);/.exec(shown)?.[1] ?? '');
    console.type('exit');
  }
  assert.equal(uids[0], uids[1]);
});
