import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { readJoinedVos } from './joined-vo.ts';

const fingerprint = 'ab'.repeat(32);

function temporaryDirectory(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'xos-joined-vo-'));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

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

test('homes are local unless the VO has a volume for them, known to a DIR', (context) => {
  const directory = temporaryDirectory(context);
  const file = ['Id=physics.example', 'ServiceUrl=https://vo.example', `CaFingerprint=${fingerprint}`];
  const read = (...lines: readonly string[]) => {
    write(directory, 'a.conf', [...file, ...lines]);
    return readJoinedVos(directory)[0]?.home;
  };
  assert.equal(read(), undefined);
  assert.equal(read('Directory=dir.example'), undefined);
  assert.deepEqual(read('HomeVolume=home'), { volume: 'home', directory: '127.0.0.1:32638' });
  for (const [text, directory] of [
    ['dir1.example', 'dir1.example:32638'],
    ['dir1.example:4000', 'dir1.example:4000'],
    ['[::1]', '[::1]:32638'],
    ['[2001:db8::1]:5', '[2001:db8::1]:5'],
  ]) {
    assert.deepEqual(read('HomeVolume=h-2.x', `Directory=${text}`), { volume: 'h-2.x', directory });
  }
  for (const name of ['-o', '.x', 'a/b', 'a b', 'a,b', '$x', 'x'.repeat(65)]) {
    assert.throws(() => read(`HomeVolume=${name}`), { code: 'XOS_CONFIGURATION_BAD' }, name);
  }
  for (const address of ['-o', 'a,b', 'a b', 'a:0', 'a:65536', '2001:db8::1', 'a/b', 'dir:']) {
    assert.throws(() => read('HomeVolume=home', `Directory=${address}`), {
      code: 'XOS_CONFIGURATION_BAD',
    });
  }
});
