/** A part of /usr/share copied into a mounted volume and compared, while `xos volume usage --watch` tells how far it is; all as people type it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { HomeGrid } from '../sandbox/home-grid.ts';
import { command, succeed } from '../sandbox/one-host-grid.ts';

const grid = new HomeGrid('physics.example.org');
const source = '/usr/share';
const volume = '/grid/data';
/** What two cores copy in some seconds. */
const most = { entries: 1500, kibibytes: 48 * 1024 };

before(() => grid.start());
after(() => grid.stop());

/** Names in /usr/share, as many of them as may be copied. */
async function partOfShare(): Promise<readonly string[]> {
  const list = `cd ${source} && for d in */; do echo "$(find "$d" | wc -l) $(du -sk --apparent-size "$d" | cut -f1) $d"; done`;
  // Two looks at every file of a machine's /usr/share, not read lately.
  const listed = await succeed(['sh', '-c', list], { timeoutMs: 100_000 });
  const chosen: string[] = [];
  let [entries, kibibytes] = [0, 0];
  for (const [, count = '', size = '', name = ''] of listed.matchAll(/^(\d+) (\d+) (.+)\/$/gm)) {
    if (entries + Number(count) > most.entries || kibibytes + Number(size) > most.kibibytes) continue;
    entries += Number(count);
    kibibytes += Number(size);
    chosen.push(name);
  }
  assert.ok(entries > 300, `no more than ${entries} entries of ${source} are to be had`);
  return chosen;
}

/** Type, rights, owner, size, time and target of all below: what `cp -a` keeps and `diff -r` does not look at. */
function listOf(directory: string, names: readonly string[]): Promise<string> {
  const format = '%p %y %m %U:%G %T@ %l ';
  return succeed([
    'sh',
    '-c',
    `cd "$0" && find "$@" -printf '${format}' \\( -type f -printf '%s' -o -true \\) -printf '\\n' | LC_ALL=C sort`,
    directory,
    ...names,
  ]);
}

test('cp -a of a part of /usr/share into a volume is the same by diff -r, and its progress is watched', {
  timeout: 300_000,
}, async (context) => {
  const names = await partOfShare();
  await succeed([
    'xos',
    'volume',
    'create',
    'data',
    '--owner',
    `admin@${grid.vo}`,
    '--foreign-ids',
    'node1.xos.test',
  ]);
  await succeed(['mkdir', '-p', volume]);
  await succeed(['mount', '-t', 'xtreemfs', '127.0.0.1/data', volume]);
  const watching = spawn('xos', ['volume', 'usage', 'data', '--watch'], {
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  let progress = '';
  watching.stderr.on('data', (chunk: Buffer) => {
    progress += chunk.toString('utf8');
  });
  await once(watching.stderr, 'data');
  const begin = performance.now();
  await succeed(['cp', '-a', ...names.map((name) => `${source}/${name}`), `${volume}/`], {
    timeoutMs: 200_000,
  });
  const seconds = (performance.now() - begin) / 1000;
  for (const name of names) {
    const compared = await command(
      ['diff', '-r', '--no-dereference', `${source}/${name}`, `${volume}/${name}`],
      {
        timeoutMs: 100_000,
      },
    );
    assert.deepEqual(compared, { status: 0, stdout: '', stderr: '' });
  }
  assert.equal(await listOf(volume, names), await listOf(source, names));
  watching.kill('SIGTERM');
  await once(watching, 'close');

  const lines = progress.trimEnd().split('\n');
  context.diagnostic(
    `${lines.length} lines, the copy took ${seconds.toFixed(1)} s; the last: ${lines.at(-1)}`,
  );
  const counts = lines.map((line) => Number(/ in (\d+) files/.exec(line)?.[1]));
  assert.ok(!counts.includes(Number.NaN), progress);
  assert.deepEqual(
    counts,
    counts.toSorted((a, b) => a - b),
    progress,
  );
  assert.ok(new Set(counts).size >= 3, progress);
  assert.match(progress, /\+.*\/s/);

  // umount returns when all is written; what is found afterwards comes from the servers.
  await succeed(['umount', volume], { timeoutMs: 60_000 });
  await succeed(['mount', '-t', 'xtreemfs', '127.0.0.1/data', volume]);
  assert.equal(await listOf(volume, names), await listOf(source, names));
  await succeed(['umount', volume], { timeoutMs: 60_000 });
});
