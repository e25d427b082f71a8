/** A web server for the hosts of a test, which have no other way out: http://packages.xos.test/, 10.77.0.254. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { waitFor } from '../sandbox/daemon.ts';
import { checkout, type Ground } from './ground.ts';

/** Its line in the hosts' /etc/hosts: name and last part of the address. */
export const packageServer = { name: 'packages', number: 254 } as const;

const address = `10.77.0.${packageServer.number}`;

/** The same, as hosts(5) writes it. */
export const packageServerLine = `${address} ${packageServer.name}.xos.test ${packageServer.name}`;

/** What a host asks. */
export const packageServerUrl = `http://${packageServer.name}.xos.test`;

/**
 * Serves a folder of the checkout (`build/repository`) to every host on the ground, until the ground goes. The folder may
 * change meanwhile. @throws Error with what the server said when it does not listen in time.
 */
export async function servePackages(ground: Ground, folder: string): Promise<void> {
  await ground.run('ip', 'address', 'replace', `${address}/24`, 'dev', 'grid0');
  const served = path.join('/mnt/checkout', path.relative(checkout, path.resolve(checkout, folder)));
  const program = ['/mnt/checkout/node_modules/.bin/node', '/mnt/checkout/test/hosts/serve-folder.ts'];
  const [command = '', ...words] = ground.words([...program, served, address, '80']);
  const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  child.unref();
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      said = `${said}${chunk.toString('utf8')}`.slice(-4_000);
    });
  }
  await waitFor(
    () => {
      if (child.exitCode !== null) throw new Error(`the package server ended (${child.exitCode}): ${said}`);
      return /^ready \d+$/m.test(said);
    },
    60_000,
    'the package server does not listen',
  );
}
