import { existsSync } from 'node:fs';
import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import type { Check } from '../check.ts';
import type { ExaminedHost } from '../examined-host.ts';
import { type Finding, failure, ok, unchecked } from '../finding.ts';

/** Leases and the registry. A process of its own looks, so that a large file holds up no other check. */
export const databases: Check = {
  name: 'databases',
  about:
    "integrity of the lease database and, on a head node, of the VO service's (SQLite quick_check, read-only)",
  examine: async (host) => {
    const files = [
      { file: join(host.paths.stateDirectory, 'accounts', 'accounts.db'), daemon: 'xos-accounts' },
      { file: join(host.paths.stateDirectory, 'vo', 'vo.db'), daemon: 'xos-vo' },
    ];
    // A directory that only root may enter hides what is in it.
    const visible = files.filter(({ file }) => existsSync(file));
    if (visible.length === 0) {
      const hidden = host.parts.vo && !host.isRoot;
      return [unchecked(hidden ? 'needs root' : 'no daemon has kept anything here yet')];
    }
    return Promise.all(visible.map(({ file, daemon }) => quickCheck(host, file, daemon)));
  },
};

/**
 * A file that a running daemon holds is read beside it through the daemon's own -shm file; one at rest is opened as
 * immutable, since SQLite would otherwise make -wal and -shm files, as root, in the daemon's directory (sqlite.org/wal.html,
 * "Read-Only Databases").
 */
const script = `
const { DatabaseSync } = require('node:sqlite');
const { pathToFileURL } = require('node:url');
const url = pathToFileURL(process.argv[1]);
if (process.argv[2] === 'immutable') url.search = '?immutable=1';
const database = new DatabaseSync(url, { readOnly: true });
database.exec('PRAGMA busy_timeout = 2000');
for (const row of database.prepare('PRAGMA quick_check(3)').all()) console.log(row.quick_check);
`;

async function quickCheck(host: ExaminedHost, file: string, daemon: string): Promise<Finding> {
  try {
    await access(file, constants.R_OK);
  } catch {
    return unchecked(`${file}: needs root`);
  }
  const isOpen = existsSync(`${file}-wal`);
  if (isOpen && !existsSync(`${file}-shm`)) {
    return unchecked(
      `${file} was not closed; ${daemon} recovers it when it starts`,
      `systemctl start ${daemon}`,
    );
  }
  const mode = isOpen ? 'shared' : 'immutable';
  const { status, stdout, stderr } = await host.run(process.execPath, [
    '--no-warnings',
    '-e',
    script,
    file,
    mode,
  ]);
  const lines = stdout.trim().split('\n');
  if (status === 0 && lines[0] === 'ok') return ok(`${file} is whole`);
  if (status === null) return unchecked(`${file} is too large to look through in this time`);
  const why = (status === 0 ? lines[0] : /Error: (.*)/.exec(stderr)?.[1]) ?? 'it cannot be opened';
  return failure(
    `${file} is damaged: ${why}`,
    `systemctl stop ${daemon}; keep a copy; put the last backup in its place (docs/administrator-guide.md, "Backup")`,
  );
}
