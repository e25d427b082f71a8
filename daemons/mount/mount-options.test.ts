import assert from 'node:assert/strict';
import test from 'node:test';
import { parseMountArguments, UsageError } from './mount-options.ts';

test('source, mount point and options are taken as mount(8) passes them', () => {
  const options = parseMountArguments([
    'dir.example.org/home',
    '/mnt',
    '-v',
    '-o',
    'rw,soft,timeo=5s,_netdev,write_buffer=8MiB',
  ]);
  assert.deepEqual(options.directory, { address: 'dir.example.org', port: 32_638 });
  assert.equal(options.volume, 'home');
  assert.equal(options.softMs, 5000);
  assert.equal(options.writeBufferBytes, 8 << 20);
  assert.equal(options.readOnly, false);
  assert.equal(options.setuid, false);
  assert.deepEqual(parseMountArguments(['[::1]:99/v', '/m', '-r']).directory, { address: '::1', port: 99 });
  assert.equal(parseMountArguments(['d/v', '/m', '-o', 'soft,hard']).softMs, undefined);
  assert.equal(parseMountArguments(['d/v', '/m', '-o', 'suid', '-o', 'nosuid']).setuid, false);
  const accessTimes = (text: string) => parseMountArguments(['d/v', '/m', '-o', text]).accessTimes;
  assert.equal(accessTimes('rw'), undefined);
  assert.equal(accessTimes('noatime,relatime'), 'relatime');
  assert.equal(accessTimes('strictatime,noatime'), 'noatime');
});

test('a home belongs to one user, and nobody else may enter', () => {
  const options = parseMountArguments([
    'dir/home',
    '/m',
    '-o',
    'home,vo=physics,user_id=2030043200,group_id=2030043200',
  ]);
  assert.equal(options.home, true);
  assert.equal(options.allowOther, false);
  assert.deepEqual(options.owner, { uid: 2030043200, gid: 2030043200 });
  assert.deepEqual(options.security, { Vo: 'physics' });
  assert.equal(parseMountArguments(['dir/home', '/m']).owner, undefined);
});

for (const [what, argv] of [
  ['no mount point', ['dir/v']],
  ['no volume', ['dir', '/m']],
  ['an option nobody knows', ['dir/v', '/m', '-o', 'fastest']],
  ['a size that is none', ['dir/v', '/m', '-o', 'readahead=much']],
  ['a home of nobody', ['dir/v', '/m', '-o', 'home']],
  ['a user without a group', ['dir/v', '/m', '-o', 'user_id=1000']],
  ['a user who is no number', ['dir/v', '/m', '-o', 'user_id=alice,group_id=1']],
  ['a user beyond all ids', ['dir/v', '/m', '-o', 'user_id=4294967295,group_id=1']],
  ['stock servers without a word on who is believed', ['dir/v', '/m', '-o', 'stock']],
  ['a home at stock servers', ['dir/v', '/m', '-o', 'plain,stock,home,user_id=1,group_id=1']],
  ['an option without its value', ['dir/v', '/m', '-o', 'metrics']],
] as const)
  test(`refused: ${what}`, () => {
    assert.throws(() => parseMountArguments(argv), UsageError);
  });

test('sloppily, unknown options are passed over', () => {
  assert.equal(parseMountArguments(['dir/v', '/m', '-s', '-o', 'fastest,ro']).readOnly, true);
});
