import { existsSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import type { HostPaths } from '../host-paths.ts';

/**
 * `running`: something accepts on its socket. `stopped`: it should run here and does not. `absent`: nothing says that it
 * should. `hidden`: its socket is there, this user may not connect.
 */
export interface DaemonState {
  readonly name: string;
  readonly state: 'running' | 'stopped' | 'absent' | 'hidden';
  readonly socket: string;
  /** What is wrong and what to do; null where nothing is. */
  readonly problem: string | null;
}

const connectTimeoutMs = 1000;

/** Of the daemons that have a part in this host; connecting shows more than a unit's state and needs no systemd. */
export async function daemonStates(paths: HostPaths): Promise<readonly DaemonState[]> {
  const isNode = existsSync(paths.voDirectory);
  const daemons = [
    { name: 'xos-accounts', socket: join(paths.runDirectory, 'accounts', 'nss.sock'), expected: isNode },
    { name: 'xos-helper', socket: join(paths.runDirectory, 'helper', 'helper.sock'), expected: isNode },
    { name: 'xos-vo', socket: paths.adminSocket, expected: existsSync(join(paths.stateDirectory, 'vo')) },
  ];
  return Promise.all(
    daemons.map(async ({ name, socket, expected }) => {
      const answer = await tryConnect(socket);
      const state = answer === 'refused' ? (expected ? 'stopped' : 'absent') : answer;
      const problem = state === 'stopped' ? `${name} does not run; run systemctl status ${name}` : null;
      return { name, state, socket, problem } as const;
    }),
  );
}

function tryConnect(socket: string): Promise<'running' | 'refused' | 'hidden'> {
  return new Promise((resolve) => {
    const connection = createConnection(socket);
    connection.setTimeout(connectTimeoutMs);
    const done = (answer: 'running' | 'refused' | 'hidden'): void => {
      connection.destroy();
      resolve(answer);
    };
    connection.once('connect', () => done('running'));
    connection.once('timeout', () => done('refused'));
    connection.once('error', (error: NodeJS.ErrnoException) =>
      done(error.code === 'EACCES' || error.code === 'EPERM' ? 'hidden' : 'refused'),
    );
  });
}
