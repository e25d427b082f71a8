import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isXosError } from '@xtreemos/base';
import {
  chainOf,
  day,
  ecKey,
  hostGuid,
  hostname,
  makeDomain,
  now,
  publicHalf,
  secondsLater,
} from './fixtures/domain.ts';
import { type Credential, makeProxy, type ProxyOptions } from './index.ts';

const { cda, user, host } = makeDomain();
const options: ProxyOptions = { now, lifetimeSeconds: 600 };

function proxy(from: Credential, change: Partial<ProxyOptions> = {}): Credential {
  const key = ecKey();
  return {
    key,
    certificate: makeProxy(from, publicHalf(key), { ...options, ...change }),
    chain: chainOf(from),
  };
}

describe('proxies', () => {
  test('continue the subject, are critical as such, and end with the credential', () => {
    const { certificate } = proxy(user, { lifetimeSeconds: 30 * day, pathLength: 2 });
    assert.match(certificate.subject.oneline, /^\/O=XtreemOS\/OU=physics\/CN=alice\/CN=\d+$/);
    assert.deepEqual(certificate.proxyCertInfo, {
      pathLength: 2,
      policyLanguage: '1.3.6.1.5.5.7.21.1',
      policy: undefined,
    });
    assert.deepEqual(certificate.notAfter, user.certificate.notAfter);
    assert.equal(certificate.basicConstraints, undefined);
    assert.deepEqual(certificate.xos, {});
  });

  test('below a limited one are limited', () => {
    const limited = proxy(user, { limited: true });
    assert.equal(proxy(limited).certificate.proxyCertInfo?.policyLanguage, '1.3.6.1.4.1.3536.1.1.1.9');
  });

  const refused: readonly (readonly [what: string, make: () => unknown])[] = [
    ['of a CA', () => proxy(cda)],
    ['of a host', () => proxy(host)],
    ['below path length 0', () => proxy(proxy(user, { pathLength: 0 }))],
    ['full below a limited one', () => proxy(proxy(user, { limited: true }), { limited: false })],
    [
      'for another host',
      () =>
        proxy(proxy(user, { host: { hostGuid, hostname } }), {
          host: { hostGuid: hostGuid.replace(/1/g, '2'), hostname },
        }),
    ],
    ['for a host without a proper GUID', () => proxy(user, { host: { hostGuid: 'x', hostname } })],
    ['of an expired credential', () => proxy(user, { now: secondsLater(day) })],
    ['without a lifetime', () => proxy(user, { lifetimeSeconds: 0 })],
  ];
  for (const [what, make] of refused) {
    test(`refused: ${what}`, () => assert.throws(make, (error) => isXosError(error, 'XOS_PROXY_REFUSED')));
  }
});
