import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { crc32c } from './crc32c.ts';
import { halfSipHash } from './half-sip-hash.ts';
import { GID_MIN, type NssMapContent, type NssMapPasswd, readNssMap, UID_MIN, writeNssMap } from './index.ts';

const account = (number: number, change: Partial<NssMapPasswd> = {}): NssMapPasswd => ({
  name: `user${number}@physics`,
  uid: UID_MIN + number * 7,
  gid: UID_MIN + number * 7,
  gecos: `Üser ${number}`,
  home: `/home/physics/user${number}`,
  shell: '/bin/bash',
  groups: [GID_MIN, GID_MIN + (number % 5)],
  ...change,
});

const content = (accounts: number): NssMapContent => ({
  passwd: Array.from({ length: accounts }, (_, number) => account(number)),
  groups: [
    { name: 'members@physics', gid: GID_MIN, members: ['user0@physics', 'user1@physics'] },
    { name: 'atlas.muon@physics', gid: GID_MIN + 1, members: [] },
  ],
});

test('crc32c gives the check value of RFC 3720', () => {
  assert.equal(crc32c(new DataView(new TextEncoder().encode('123456789').buffer)), 0xe3069283);
});

test('halfSipHash gives the published vectors', () => {
  const data = new DataView(Uint8Array.from({ length: 8 }, (_, i) => i).buffer);
  const hashes = [0, 1, 2, 3, 4, 5].map((end) =>
    halfSipHash({ low: 0x03020100, high: 0x07060504 }, data, 0, end),
  );
  assert.deepEqual(hashes, [0x5b9f35a9, 0xb85a4727, 0x03a662fa, 0x04e7fe8a, 0x89466e2a, 0x69b6fac5]);
});

test('a map is read back as it was written', () => {
  for (const accounts of [0, 1, 7, 1000]) {
    const wanted = { ...content(accounts), generation: 12, enumerate: true };
    assert.deepEqual(readNssMap(writeNssMap(wanted)), wanted);
  }
});

test('a flipped bit anywhere in the records or the header is noticed', () => {
  const good = writeNssMap(content(3));
  const records = good.readUInt32LE(80);
  for (let at = 0; at < good.length; at = at === 127 ? records : at + 1) {
    const bad = Buffer.from(good);
    bad.writeUInt8(bad.readUInt8(at) ^ 1, at);
    assert.throws(() => readNssMap(bad), { name: 'ProtocolError' }, `byte ${at}`);
  }
});

test('the reader refuses arbitrary bytes with a ProtocolError only', () => {
  const good = writeNssMap(content(2));
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 8 }), (changes) => {
      const bad = Buffer.from(good);
      for (const [at, byte] of changes) bad.writeUInt8(byte, at);
      try {
        readNssMap(bad);
      } catch (error) {
        assert.equal((error as Error).name, 'ProtocolError');
      }
    }),
    { numRuns: 500 },
  );
});

test('what passwd(5) or the managed ranges cannot hold is refused by name', () => {
  const refuse = (change: Partial<NssMapPasswd>, why: RegExp) =>
    assert.throws(() => writeNssMap({ passwd: [account(1, change)], groups: [] }), why);
  refuse({ uid: 0, gid: 0 }, /user1@physics: uid 0 is outside/);
  refuse({ gid: 100 }, /gid 100 is outside/);
  refuse({ groups: [0] }, /gid 0 is outside/);
  refuse({ name: 'root' }, /"root" is not a login name/);
  refuse({ name: '../x@physics' }, /is not a login name/);
  refuse({ name: `${'a'.repeat(30)}@physics` }, /is not a login name/);
  refuse({ gecos: 'a:0:0' }, /gecos/);
  refuse({ home: '/home\n' }, /home/);
  refuse({ shell: '/bin/\0' }, /shell/);
  assert.throws(
    () => writeNssMap({ passwd: [account(1), account(1, { uid: UID_MIN })], groups: [] }),
    /given twice/,
  );
  assert.throws(
    () =>
      writeNssMap({ passwd: [account(1), account(2, { uid: account(1).uid, gid: GID_MIN })], groups: [] }),
    /id \d+ is given twice/,
  );
});

test('100,000 accounts take less than 2 s of processor time to write', () => {
  const wanted = content(100_000);
  const before = process.cpuUsage();
  const file = writeNssMap(wanted);
  const tookMs = process.cpuUsage(before).user / 1000;
  assert.ok(tookMs < 2000, `took ${tookMs.toFixed(0)} ms of processor time`);
  assert.ok(file.length < 20_000_000, `${file.length} bytes`);
});
