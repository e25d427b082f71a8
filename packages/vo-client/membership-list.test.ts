import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isXosError } from '@xtreemos/base';
import fc from 'fast-check';
import { parseMembershipList } from './membership-list.ts';

const guid = '0a659781-7326-4ef0-82dc-797f1dfb4c70';
const alice = { user: 'alice', guid, fqans: ['/a.example', '/a.example/atlas'], expiresAtMs: null };
const list = { vo: 'a.example', version: 3, members: [alice], revokedSshSerials: ['18446744073709551615'] };

describe('membership list', () => {
  it('keeps what it should hold', () => {
    assert.deepEqual(parseMembershipList(JSON.parse(JSON.stringify(list))), list);
  });

  it('names what is wrong', () => {
    const wrong: readonly (readonly [unknown, RegExp])[] = [
      [null, /vo is not text/],
      [{ ...list, version: -1 }, /version/],
      [{ ...list, members: {} }, /members/],
      [{ ...list, members: [{ ...alice, user: '../root' }] }, /members\[0\]\.user/],
      [{ ...list, members: [{ ...alice, guid: 'x' }] }, /guid of alice/],
      [{ ...list, members: [{ ...alice, fqans: [] }] }, /FQANs of alice/],
      [{ ...list, members: [{ ...alice, fqans: ['/a.example.evil'] }] }, /FQANs of alice/],
      [{ ...list, members: [{ ...alice, expiresAtMs: 'soon' }] }, /expiry of alice/],
      [{ ...list, members: [alice, alice] }, /twice/],
      [{ ...list, revokedSshSerials: ['0x1'] }, /revokedSshSerials/],
    ];
    for (const [value, message] of wrong) assert.throws(() => parseMembershipList(value), message);
  });

  it('any JSON is a list or an error of ours', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        try {
          parseMembershipList(value);
          return true;
        } catch (error) {
          return isXosError(error, 'XOS_DOCUMENT_INVALID');
        }
      }),
    );
  });
});
