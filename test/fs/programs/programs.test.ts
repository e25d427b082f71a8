import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fioVerifies, programTest, stressed } from './programs.ts';

const project = path.resolve(import.meta.dirname, '../../..');

programTest('fio finds what it wrote: by write(2), by O_DIRECT, through a mapping', 120, async (place) => {
  await fioVerifies(place, 8, 'psync');
  await fioVerifies(place, 8, 'libaio');
  await fioVerifies(place, 1, 'mmap');
});

programTest('git clones, collects garbage and finds everything in order', 120, async ({ good }) => {
  // As a pack, as from another host.
  await good('git', 'clone', '--quiet', '--no-checkout', `file://${project}`, 'repository');
  const git = (...words: readonly string[]) => good('git', '-C', 'repository', ...words);
  await git('checkout', '--quiet', 'HEAD', '--', 'packages', 'docs');
  await git('reset', '--quiet', '--mixed');
  await git('gc', '--quiet', '--prune=now');
  await git('fsck', '--full', '--strict');
  assert.equal(await git('status', '--porcelain', 'packages', 'docs'), '');
});

programTest(
  'databases of sqlite are whole, with a rollback journal and with a write-ahead log',
  120,
  async ({ good }) => {
    for (const mode of ['delete', 'wal']) {
      const make = `pragma journal_mode=${mode};
      create table t (number integer primary key, text text);
      with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000)
        insert into t select i, hex(randomblob(40)) from n;
      create index byText on t(text);`;
      await good('sqlite3', '-bail', `${mode}.db`, make);
      // Two processes at once: their locks keep them apart.
      const add = (first: number) =>
        good(
          'sqlite3',
          ...['-bail', '-cmd', '.timeout 60000', `${mode}.db`],
          Array.from({ length: 20 }, (_, index) => `insert into t values (${first + index}, 'x');`).join(
            '\n',
          ),
        );
      await Promise.all([add(10_000), add(20_000)]);
      const judge =
        'delete from t where number % 3 = 0; vacuum; pragma integrity_check; select count(*) from t;';
      assert.equal(await good('sqlite3', '-bail', `${mode}.db`, judge), 'ok\n3361\n');
    }
  },
);

programTest(
  'dbench and a selection of stress-ng find nothing wrong and leave nothing behind',
  120,
  async (place) => {
    await place.good('dbench', '-t', '3', '-D', place.directory, '4');
    await stressed(place, ['dentry', 'flock', 'fpunch', 'lockofd', 'open', 'rename', 'xattr'], 1);
    assert.deepEqual(
      readdirSync(place.directory).filter((name) => name !== 'clients'),
      [],
    );
  },
);
