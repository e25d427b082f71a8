import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ErrorCode, isXosError } from '@xtreemos/base';
import {
  day,
  ecKey,
  hostGuid,
  hostname,
  makeDomain,
  now,
  publicHalf,
  secondsLater,
} from './fixtures/domain.ts';
import { flip } from './fixtures/forgery.ts';
import { issueHostCertificate, parseCertificate, signDocument, verifyDocument } from './index.ts';

const domain = makeDomain();
const header = { type: 'membership', vo: 'physics', version: 7, notAfter: secondsLater(day), now };
const expected = { store: domain.store, type: 'membership', vo: 'physics', role: 'vops', now } as const;
const payload = Buffer.from('alice bob');
const document = signDocument(payload, domain.host, header);
const refuses = (act: () => unknown, code: ErrorCode = 'XOS_DOCUMENT_INVALID'): void => {
  assert.throws(act, (error) => isXosError(error, code));
};

describe('signed documents', () => {
  test('are read back with their signer', () => {
    const read = verifyDocument(document, { ...expected, minimumVersion: 7 });
    assert.deepEqual(read.payload, payload);
    assert.deepEqual(read.header, {
      type: 'membership',
      vo: 'physics',
      version: 7,
      issuedAt: now,
      notAfter: header.notAfter,
    });
    assert.equal(read.signer.host?.hostname, hostname);
  });

  test('10,000 members are verified in milliseconds', () => {
    const members = Buffer.from(
      JSON.stringify(
        Array.from({ length: 10_000 }, (_, id) => ({
          user: `user${id}`,
          fqans: ['/physics', '/physics/atlas'],
        })),
      ),
    );
    const large = signDocument(members, domain.host, header);
    verifyDocument(large, expected);
    const times = Array.from({ length: 5 }, () => {
      const begin = performance.now();
      verifyDocument(large, expected);
      return performance.now() - begin;
    });
    assert.ok(Math.min(...times) < 50, `${Math.min(...times)} ms`);
  });

  test('of another type, VO, age or version are refused', () => {
    refuses(() => verifyDocument(document, { ...expected, type: 'policy' }));
    refuses(() => verifyDocument(document, { ...expected, vo: 'chemistry' }));
    refuses(() => verifyDocument(document, { ...expected, minimumVersion: 8 }), 'XOS_DOCUMENT_ROLLBACK');
    const short = signDocument(payload, domain.host, { ...header, notAfter: secondsLater(10) });
    refuses(() => verifyDocument(short, { ...expected, now: secondsLater(11) }));
  });

  test('by a host of another role or VO, or by a user, are refused', () => {
    const key = ecKey();
    const request = {
      issuer: domain.rca,
      publicKey: publicHalf(key),
      vo: 'physics',
      hostGuid,
      hostname,
      now,
      lifetimeSeconds: day,
    };
    const certificate = parseCertificate(issueHostCertificate({ ...request, role: 'osd' }).der);
    refuses(() =>
      verifyDocument(
        signDocument(payload, { key, certificate, chain: [domain.rca.certificate] }, header),
        expected,
      ),
    );
    refuses(() => verifyDocument(signDocument(payload, domain.user, header), expected));
    const chemistry = makeDomain({ vo: 'chemistry' });
    const foreign = signDocument(payload, chemistry.host, header);
    refuses(() => verifyDocument(foreign, { ...expected, store: chemistry.store }));
    refuses(() => verifyDocument(foreign, expected), 'XOS_CHAIN_INVALID');
  });

  test('a byte changed anywhere is refused', () => {
    for (let at = 0; at < document.length; at++) {
      assert.throws(
        () => verifyDocument(flip(document, at), expected),
        (error) => isXosError(error),
        `byte ${at}`,
      );
    }
  });

  test('cut anywhere or continued is refused', () => {
    for (let length = 0; length < document.length; length += 7) {
      assert.throws(
        () => verifyDocument(document.subarray(0, length), expected),
        (error) => isXosError(error),
        `${length} bytes`,
      );
    }
    refuses(() => verifyDocument(Buffer.concat([document, Buffer.from([0])]), expected));
  });
});
