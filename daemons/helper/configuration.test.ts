import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isXosError, parseConfiguration } from '@xtreemos/base';
import { configurationSchema, isAccountUid, isLeasedUid, readIdRanges } from './configuration.ts';
import { checkConfiguration } from './helper-service.ts';

function configure(lines: readonly string[]) {
  return parseConfiguration(configurationSchema, [{ file: 'helper.conf', content: lines.join('\n') }]).value;
}

test('ids of the system, of nobody, and those that programs take for negative are in no range', () => {
  const bad = [
    'ManagedUids=1-100',
    'ManagedUids=60000-70000',
    'ManagedUids=70000-4294967295',
    'ManagedUids=80000-70000',
    'ManagedGroupGids=1-10',
    'PoolUids=999',
    'PoolUids=5000-5009 65534',
    'PoolUids=2000-70000',
    'StaticUids=0',
    'StaticUids=1000-',
  ];
  for (const line of bad) {
    assert.throws(
      () => readIdRanges(configure(['[Ids]', line])),
      (error) =>
        isXosError(error, 'XOS_CONFIGURATION_BAD') && error.message.includes(line.split('=')[0] ?? ''),
      line,
    );
  }
});

test('dynamic and pool accounts are leased, static ones are accounts, nobody else is either', () => {
  const ids = readIdRanges(configure(['[Ids]', 'PoolUids=5000-5009 6000', 'StaticUids=1001']));
  const kinds = [0, 1000, 1001, 4999, 5000, 5009, 5010, 6000, 2_030_043_135, 2_030_043_136, 2_147_352_576];
  assert.deepEqual(
    kinds.filter((uid) => isLeasedUid(uid, ids)),
    [5000, 5009, 6000, 2_030_043_136],
  );
  assert.deepEqual(
    kinds.filter((uid) => isAccountUid(uid, ids)),
    [1001, 5000, 5009, 6000, 2_030_043_136],
  );
});

test('a user that is not in /etc/passwd cannot be the caller', () => {
  const configuration = configure(['[Helper]', 'AccountsUser=nobody-of-this-name']);
  assert.throws(() => checkConfiguration(configuration), /AccountsUser=nobody-of-this-name/);
});
