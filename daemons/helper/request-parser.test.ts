import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isXosError } from '@xtreemos/base';
import fc from 'fast-check';
import type { IdRanges } from './configuration.ts';
import { parseRequest } from './request-parser.ts';

const ids: IdRanges = {
  uids: { minimum: 2_030_043_136, maximum: 2_147_352_575 },
  groupGids: { minimum: 2_013_265_920, maximum: 2_030_043_135 },
  poolUids: [{ minimum: 5000, maximum: 5009 }],
  staticUids: [{ minimum: 1001, maximum: 1001 }],
};
const uid = 2_030_043_200;
const service = {
  type: 'start-service',
  name: 'job-1',
  uid,
  gid: uid,
  loginName: 'alice@physics',
  supplementaryGids: [2_013_265_920],
  command: ['/bin/true', 'a b', ''],
  environment: { LANG: 'C' },
  workingDirectory: 'work/here',
  limits: { tasks: 10 },
  stdio: 'null',
};

const home = {
  type: 'start-home',
  uid,
  gid: uid,
  loginName: 'alice@physics',
  vo: 'physics.example.org',
  volume: 'home',
  directory: 'dir.example:32638',
};

const good: readonly Record<string, unknown>[] = [
  { type: 'list-credential-files' },
  { type: 'open-credential-file', name: 'alice/My Stick/alice.p12' },
  { type: 'open-credential-file', name: '/media/alice/stick/Ålice.pem' },
  { type: 'make-home', uid, gid: uid, loginName: 'alice@physics' },
  { type: 'make-home', uid, gid: 2_013_265_921, loginName: 'a.b_c-d@p-1' },
  { type: 'write-session', uid, gid: uid, sessionId: 'S-1_b' },
  { type: 'write-session', uid: 5003, gid: 5003, sessionId: 's' },
  { type: 'write-session', uid: 1001, gid: 100, sessionId: 's' },
  { type: 'end-account', uid: 5009 },
  { type: 'remove-session', uid, sessionId: 's'.repeat(64) },
  { type: 'list-sessions', afterUid: 0 },
  { type: 'revoke-keys', serials: [1, 2 ** 31 - 1] },
  { type: 'publish-map' },
  { type: 'place-process', pid: 2, startTime: 123, uid, sessionId: 's' },
  { type: 'end-account', uid },
  { type: 'sweep', uid, loginName: 'alice@physics' },
  { type: 'install-host-certificate', vo: 'physics.example.org', role: 'osd', pem: 'X\n' },
  service,
  { type: 'stop-service', uid, name: 'a' },
  home,
  { ...home, volume: 'A.b_c-9', directory: '[2001:db8::1]:1' },
  { ...home, directory: '192.0.2.1:65535' },
  { type: 'stop-home', uid },
];

test('every request that follows the grammar is taken as it is', () => {
  for (const message of good) assert.deepEqual({ ...parseRequest(message, ids) }, message);
});

test('ids outside the managed ranges are refused, whatever they are', () => {
  const uids = [0, 1, 999, 1000, 5000, 65_534, 65_535, 2_030_043_135, 2_147_352_576, 2 ** 31, 2 ** 32 - 1];
  for (const other of uids) {
    for (const message of good) {
      if (!('uid' in message)) continue;
      const isForPools = /session|place|end-account|sweep/.test(String(message['type']));
      if (other === 5000 && isForPools) continue;
      const gid = 'gid' in message ? { gid: other } : {};
      refuses({ ...message, uid: other, ...gid }, 'XOS_UID_OUT_OF_RANGE');
    }
  }
  for (const other of [-1, 1.5, Number.NaN, '2030043200', null, undefined, [uid], 2 ** 32 + uid, true]) {
    refuses({ type: 'end-account', uid: other }, 'XOS_INPUT_BAD');
  }
  for (const gid of [0, 6, 100, 2_013_265_919, uid + 1]) {
    refuses({ type: 'make-home', uid, gid, loginName: 'a@b' }, 'XOS_UID_OUT_OF_RANGE');
    refuses({ ...service, supplementaryGids: [gid] }, 'XOS_UID_OUT_OF_RANGE');
  }
  refuses({ type: 'write-session', uid: 5003, gid: 0, sessionId: 's' }, 'XOS_INPUT_BAD');
});

test('no name leaves its directory or its grammar', () => {
  const names = [
    '',
    '.',
    '..',
    '../x',
    'a/../b',
    'a//b',
    'a/',
    '/..',
    '//a',
    'a\0b',
    'a\nb',
    'x'.repeat(1025),
  ];
  for (const name of names) refuses({ type: 'open-credential-file', name }, 'XOS_INPUT_BAD');
  for (const sessionId of ['', '.', '..', 'a/b', '-a', '_job-x', 'a.b', 'a\0', 'é', 's'.repeat(65), 's\n']) {
    refuses({ type: 'remove-session', uid, sessionId }, 'XOS_INPUT_BAD');
  }
  const logins = [
    'alice',
    '@b',
    'a@',
    'Alice@b',
    '../a@b',
    'a/b@c',
    'a@b/..',
    'a@b\n',
    'a@b@c',
    `${'a'.repeat(31)}@b`,
  ];
  for (const loginName of logins) refuses({ type: 'make-home', uid, gid: uid, loginName }, 'XOS_INPUT_BAD');
  for (const name of ['', 'A', 'a b', '../a', 'a.service', '-a', 'a@b', 'a'.repeat(65)]) {
    refuses({ type: 'stop-service', uid, name }, 'XOS_INPUT_BAD');
  }
  for (const vo of ['', '..', '.a', 'a/b', 'A', '-a', 'v'.repeat(64)]) {
    refuses({ type: 'install-host-certificate', vo, role: 'osd', pem: 'x' }, 'XOS_INPUT_BAD');
  }
  refuses({ type: 'install-host-certificate', vo: 'a', role: 'vo', pem: 'x' }, 'XOS_INPUT_BAD');
});

test('a home volume says nothing that could become an option, a path or a second line', () => {
  for (const volume of [
    '',
    '-f',
    '.x',
    '..',
    'a/b',
    'a b',
    'a\nX=1',
    'a\0',
    '$(x)',
    'a,suid',
    'ä',
    'v'.repeat(65),
    1,
    null,
  ]) {
    refuses({ ...home, volume }, 'XOS_INPUT_BAD');
  }
  const addresses = [
    '',
    '-o',
    'dir',
    ':1',
    'dir:',
    'dir:0',
    'dir:123456',
    'a,b:1',
    'a b:1',
    'a:1\n',
    'a/b:1',
    '::1:1',
    '[::1]',
    1,
  ];
  for (const address of addresses) refuses({ ...home, directory: address }, 'XOS_INPUT_BAD');
  for (const vo of ['', '..', 'a/b', '-a', 'a,b', 'A']) refuses({ ...home, vo }, 'XOS_INPUT_BAD');
  for (const loginName of ['../x@physics', 'alice@..', 'alice', 'alice@a/b'])
    refuses({ ...home, loginName }, 'XOS_INPUT_BAD');
  refuses({ ...home, uid: 5003, gid: 5003 }, 'XOS_UID_OUT_OF_RANGE');
  refuses({ ...home, gid: 0 }, 'XOS_UID_OUT_OF_RANGE');
  refuses({ ...home, mountPoint: '/etc' }, 'XOS_INPUT_BAD');
  refuses({ type: 'stop-home', uid: 1001 }, 'XOS_UID_OUT_OF_RANGE');
});

test('a service says nothing but what is typed', () => {
  const changes: readonly Record<string, unknown>[] = [
    { command: [] },
    { command: ['true'] },
    { command: ['/bin/true', 1] },
    { command: ['/bin/true', 'a\0b'] },
    { command: '/bin/true' },
    { environment: { XOS_LOGIN_HANDLE: 'x' } },
    { environment: { 'A=B': 'x' } },
    { environment: { A: 'x\0B=y' } },
    { environment: [] },
    { environment: Object.fromEntries(Array.from({ length: 257 }, (_, index) => [`V${index}`, ''])) },
    { workingDirectory: '/etc' },
    { workingDirectory: '../bob' },
    { workingDirectory: 'a/./b' },
    { limits: { tasks: 0 } },
    { limits: { tasks: 1.5 } },
    { limits: { ExecStartPre: 1 } },
    { limits: JSON.parse('{"__proto__": 1}') as unknown },
    { stdio: 'inherit' },
    { supplementaryGids: Array.from({ length: 65 }, () => 2_013_265_920) },
    { User: 'root' },
  ];
  for (const change of changes) refuses({ ...service, ...change }, 'XOS_INPUT_BAD');
});

test('unknown types and fields, and those of every object, are refused', () => {
  const types = [undefined, null, 1, '', 'exec', 'constructor', '__proto__', 'toString'];
  for (const type of types) refuses({ type }, 'XOS_INPUT_BAD');
  refuses({ type: 'publish-map', path: '/etc/passwd' }, 'XOS_INPUT_BAD');
  refuses(JSON.parse('{"type":"publish-map","__proto__":{"uid":0}}'), 'XOS_INPUT_BAD');
  refuses({ type: 'end-account' }, 'XOS_INPUT_BAD');
});

test('whatever the fields hold, the parser answers with a request in range or a refusal', () => {
  const anything = fc.oneof(
    fc.anything({ withNullPrototype: true }),
    fc.constantFrom<unknown>(uid, 0, 'alice@physics', '../x', ['/bin/sh'], {}),
  );
  const types = fc.constantFrom(...good.map((message) => message['type']));
  const fields = [
    'uid',
    'gid',
    'name',
    'loginName',
    'sessionId',
    'serials',
    'pid',
    'command',
    'limits',
    'pem',
  ];
  const message = fc
    .tuple(types, fc.dictionary(fc.constantFrom(...fields), anything))
    .map(([type, other]) => ({ ...good.find((one) => one['type'] === type), ...other, type }));
  fc.assert(
    fc.property(message, (value) => {
      try {
        const request = parseRequest(value, ids);
        if ('uid' in request) assert.ok(request.uid >= 1001 && request.uid <= ids.uids.maximum);
      } catch (error) {
        assert.ok(
          isXosError(error, 'XOS_INPUT_BAD') || isXosError(error, 'XOS_UID_OUT_OF_RANGE'),
          String(error),
        );
      }
    }),
    { numRuns: 3000 },
  );
});

function refuses(message: Record<string, unknown>, code: string): void {
  assert.throws(
    () => parseRequest(message, ids),
    (error) => isXosError(error) && error.code === code,
    JSON.stringify(message),
  );
}
