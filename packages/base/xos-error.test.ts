import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { dbusErrorName, type ErrorCode, errorCodeOfDbusName, errorRegistry } from './error-registry.ts';
import {
  errorFromBody,
  errorFromDbus,
  isXosError,
  reasonOf,
  toDbusError,
  toXosError,
  XosError,
} from './xos-error.ts';

const context = { peer: 'xos-vo', attempt: 'list members' };

describe('the error registry', () => {
  it('gives each code a D-Bus name of its own and back', () => {
    const codes = Object.keys(errorRegistry) as ErrorCode[];
    assert.equal(new Set(codes.map(dbusErrorName)).size, codes.length);
    for (const code of codes) assert.equal(errorCodeOfDbusName(dbusErrorName(code)), code);
    assert.equal(dbusErrorName('XOS_VO_WRONG'), 'org.xtreemos.Error.VoWrong');
  });

  it('holds sentences that begin and fill as sentences do', () => {
    for (const [code, { sentence, httpStatus }] of Object.entries(errorRegistry)) {
      assert.match(code, /^XOS(_[A-Z]+)+$/);
      assert.match(sentence, /^[A-Z{]/, code);
      assert.doesNotMatch(sentence, /[.!]$/, code);
      assert.equal(sentence.replace(/\{[a-zA-Z]+\}/g, '').includes('{'), false, code);
      assert.ok(httpStatus >= 400 && httpStatus < 600, code);
    }
  });
});

describe('an XosError', () => {
  const error = new XosError('XOS_MEMBER_EXPIRED', { user: 'alice', vo: 'physics', expiredAt: '2026-01-01' });

  it('speaks its sentence', () => {
    assert.equal(error.message, 'The membership of alice in VO physics expired at 2026-01-01');
    assert.deepEqual([error.exitCode, error.httpStatus], [4, 403]);
  });

  it('is the same after HTTP and after D-Bus', () => {
    const overHttp = errorFromBody(JSON.parse(JSON.stringify(error.toBody())), context);
    const overDbus = errorFromDbus(toDbusError(error), context);
    for (const copy of [overHttp, overDbus]) {
      assert.deepEqual([copy.code, copy.message, copy.details], [error.code, error.message, error.details]);
    }
  });

  it('keeps what a stranger sent on one line without control characters', () => {
    const hostile = new XosError('XOS_NOT_FOUND', { what: 'VO', name: 'a\n\u001b[2Jb\u0085\u202e' });
    assert.equal(hostile.message, 'There is no VO a\\x0a\\x1b[2Jb\\x85\\u202e');
    const long = new XosError('XOS_NOT_FOUND', { what: 'VO', name: 'x'.repeat(100_000) });
    assert.ok(long.message.length < 1100);
  });

  it('is made of anything that was thrown, with the cause kept', () => {
    const cause = new RangeError('boom');
    const made = toXosError(cause, 'counting');
    assert.ok(isXosError(made, 'XOS_INTERNAL'));
    assert.equal(made.cause, cause);
    assert.equal(toXosError(error, 'x'), error);
    assert.match(toXosError('text', 'counting').message, /while counting: text/);
  });
});

describe('an answer of a peer', () => {
  it('of a shape or code that is not known is a remote error with the words that came', () => {
    for (const body of [null, 1, 'x', [], {}, { error: null }, { error: { code: 'toString' } }]) {
      assert.equal(errorFromBody(body, context).code, 'XOS_REMOTE');
    }
    assert.match(errorFromBody({ error: { code: 'NEW', message: 'newer' } }, context).message, /newer/);
  });

  it('never makes anything but an XosError', () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), (details, message) => {
        const error = errorFromBody({ error: { code: 'XOS_NOT_FOUND', message, details } }, context);
        assert.equal(error.code, 'XOS_NOT_FOUND');
        assert.equal(typeof error.message, 'string');
      }),
    );
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (name, message, details) => {
        assert.ok(isXosError(errorFromDbus({ name, message, details }, context)));
      }),
    );
  });
});

it('the reason of several attempts at once is that of each, told once', () => {
  const refused = (address: string): Error => new Error(`connect ECONNREFUSED ${address}:7443`);
  const both = new AggregateError([refused('192.0.2.1'), refused('::1'), refused('::1')]);
  assert.equal(reasonOf(both), 'connect ECONNREFUSED 192.0.2.1:7443; connect ECONNREFUSED ::1:7443');
  assert.equal(reasonOf(new AggregateError([], 'its own words')), 'its own words');
});
