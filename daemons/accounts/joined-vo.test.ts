import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { temporaryDirectory } from './account-fixtures.ts';
import { readJoinedVos } from './joined-vo.ts';

const fingerprint = 'ab'.repeat(32);

function write(directory: string, name: string, lines: readonly string[]): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, name), `[VO]\n${lines.join('\n')}\n`);
}

test('a joined VO takes its first label as alias unless the site gives one', (context) => {
  const directory = temporaryDirectory(context);
  const common = ['ServiceUrl=https://vo.example:7443', `CaFingerprint=${fingerprint.toUpperCase()}`];
  write(directory, 'a.conf', ['Id=physics.example', ...common]);
  const service = 'cd'.repeat(32);
  write(directory, 'b.conf', [
    'Id=physics.other.example',
    'Alias=phys2',
    `ServiceCaFingerprint=${service}`,
    ...common,
  ]);
  write(directory, 'c.conf.bak', ['Id=ignored.example', ...common]);
  assert.deepEqual(
    readJoinedVos(directory).map((joined) => [
      joined.vo,
      joined.alias,
      joined.caFingerprint,
      joined.serviceCaFingerprint,
    ]),
    [
      ['physics.example', 'physics', fingerprint, fingerprint],
      ['physics.other.example', 'phys2', fingerprint, service],
    ],
  );
  assert.deepEqual(readJoinedVos(join(directory, 'none')), []);
});

test('two VOs of one alias, a bad id, and a missing key are refused with the file', (context) => {
  const common = ['ServiceUrl=https://vo.example:7443', `CaFingerprint=${fingerprint}`];
  for (const [what, files, message] of [
    [
      'alias',
      [
        ['Id=physics.one', ...common],
        ['Id=physics.two', ...common],
      ],
      /two files give the alias physics/,
    ],
    ['id', [['Id=../physics', ...common]], /0\.conf:2/],
    ['key', [['Id=physics.one', 'ServiceUrl=https://vo.example']], /CaFingerprint= is missing/],
    [
      'scheme',
      [['Id=physics.one', 'ServiceUrl=http://vo.example', `CaFingerprint=${fingerprint}`]],
      /0\.conf:3/,
    ],
  ] as const) {
    const directory = join(temporaryDirectory(context), what);
    for (const [index, lines] of files.entries()) write(directory, `${index}.conf`, lines);
    assert.throws(() => readJoinedVos(directory), { code: 'XOS_CONFIGURATION_BAD', message });
  }
});
