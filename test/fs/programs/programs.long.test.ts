/**
 * What takes longer: more of fio, all of stress-ng's class of file systems, and PostgreSQL, where POSTGRESQL names the directory of its programs
 * (/usr/lib/postgresql/17/bin on Debian).
 */
import assert from 'node:assert/strict';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fioVerifies, programTest, stressed } from './programs.ts';

programTest('fio, longer', 900, async (place) => {
  for (const engine of ['psync', 'libaio', 'mmap'] as const) await fioVerifies(place, 64, engine);
});

/** Without those that are of devices, processes or other file systems. */
const stressors =
  'access chattr chdir chmod chown copy-file dentry dir dirdeep dirmany dnotify dup fallocate fcntl fiemap file-ioctl filename flock fpunch fsize fstat getdent handle hdd inode-flags inotify iomix lease link locka lockf lockofd mknod open rename symlink sync-file touch utime verity xattr';

programTest('stress-ng: all of its class of file systems', 900, (place) =>
  stressed(place, stressors.split(' '), 5),
);

programTest(
  'PostgreSQL: made, used, crashed, recovered; its own checks find all in order',
  600,
  async (place, t) => {
    const programs = process.env['POSTGRESQL'];
    assert.ok(programs !== undefined, 'POSTGRESQL names no directory with programs of PostgreSQL');
    const sockets = mkdtempSync(path.join(tmpdir(), 'xos-postgresql-'));
    t.after(() => rmSync(sockets, { recursive: true }));
    const nobody = 65_534;
    for (const directory of [sockets, place.directory]) chownSync(directory, nobody, nobody);
    const data = path.join(place.directory, 'data');
    const run = (program: string, ...words: readonly string[]) =>
      place.good(
        'setpriv',
        ...[
          `--reuid=${nobody}`,
          `--regid=${nobody}`,
          '--clear-groups',
          path.join(programs, program),
          ...words,
        ],
      );
    const start = () =>
      run(
        'pg_ctl',
        '-w',
        '-D',
        data,
        '-l',
        path.join(sockets, 'log'),
        '-o',
        `-c listen_addresses= -k ${sockets}`,
        'start',
      );
    const stop = (how: string) => run('pg_ctl', '-w', '-D', data, '-m', how, 'stop');
    const database = ['-h', sockets, '-U', 'judge'];
    await run('initdb', '--data-checksums', '-U', 'judge', '-D', data);
    await start();
    try {
      await run('pgbench', ...database, '-q', '-i', '-s', '5', 'postgres');
      await run('pgbench', ...database, '-T', '20', '-c', '4', 'postgres');
      await stop('immediate');
      await start();
      await run('pg_amcheck', ...database, '--heapallindexed', '--install-missing', 'postgres');
    } finally {
      await stop('fast');
    }
    assert.match(await run('pg_checksums', '--check', '-D', data), /Bad checksums: +0/);
  },
);
