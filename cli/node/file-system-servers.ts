import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { reasonOf } from '@xtreemos/base';
import type { HostRole } from '@xtreemos/vo-client';
import type { Invocation } from '../invocation.ts';

const target = 'xtreemos-fs-server.target';
const roles: readonly HostRole[] = ['dir', 'mrc', 'osd'];

/**
 * Has systemd look again which servers of the file system this host is to run: those for whose role it has a certificate, by the
 * conditions of their units. After joining they are started; after leaving, those that run are stopped with their certificate gone.
 * @returns a line for the person, empty where there is nothing to say
 */
export async function fitFileSystemServers(
  { root }: Pick<Invocation, 'root'>,
  change: { readonly joined: readonly HostRole[] } | 'left',
): Promise<string> {
  const wanted = change === 'left' ? [] : change.joined.filter((role) => roles.includes(role));
  if (root !== '/' || !existsSync('/run/systemd/system') || (change !== 'left' && wanted.length === 0))
    return '';
  const units = wanted.map((role) => `xos-${role}.service`).join(' ');
  try {
    const verb = change === 'left' ? 'try-restart' : 'start';
    await promisify(execFile)('systemctl', [verb, '--no-block', target]);
    return change === 'left' ? '' : `Servers of the file system start now: systemctl status ${units}\n`;
  } catch (error) {
    if (change === 'left') return '';
    return `Servers of the file system were not started (${reasonOf(error).trim()}): apt install xtreemos-fs-server, then systemctl start ${target}\n`;
  }
}
