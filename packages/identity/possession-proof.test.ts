import assert from 'node:assert/strict';
import { sign } from 'node:crypto';
import { describe, test } from 'node:test';
import { type ErrorCode, isXosError } from '@xtreemos/base';
import { ecKey, now, publicHalf, secondsLater } from './fixtures/domain.ts';
import {
  generateKey,
  type KeyType,
  makeChallenge,
  makeChallengeStore,
  signChallenge,
  verifyChallenge,
} from './index.ts';

const key = ecKey();
const expected = { purpose: 'login', audience: 'n1.example.org', now };
const challenge = makeChallenge(expected);
const signature = signChallenge(challenge, key, expected);
const refuses = (act: () => unknown, code: ErrorCode = 'XOS_CHALLENGE_INVALID'): void => {
  assert.throws(act, (error) => isXosError(error, code));
};

describe('proof of possession', () => {
  for (const type of ['ecdsa-p256', 'rsa-3072', 'ed25519'] as readonly KeyType[]) {
    test(type, async () => {
      const own = await generateKey(type);
      const answer = signChallenge(challenge, own, { purpose: 'login' });
      assert.equal(verifyChallenge(challenge, answer, publicHalf(own), expected).audience, expected.audience);
    });
  }

  test('another key, purpose, audience or text does not verify', () => {
    refuses(
      () => verifyChallenge(challenge, signature, publicHalf(ecKey()), expected),
      'XOS_CREDENTIAL_PROOF_FAILED',
    );
    refuses(() => verifyChallenge(challenge, signature, publicHalf(key), { ...expected, purpose: 'renew' }));
    refuses(() => verifyChallenge(challenge, signature, publicHalf(key), { ...expected, audience: 'n2' }));
    refuses(
      () => verifyChallenge(makeChallenge(expected), signature, publicHalf(key), expected),
      'XOS_CREDENTIAL_PROOF_FAILED',
    );
    refuses(
      () => verifyChallenge(challenge, Buffer.alloc(0), publicHalf(key), expected),
      'XOS_CREDENTIAL_PROOF_FAILED',
    );
  });

  test('an old challenge and one from the future do not verify', () => {
    refuses(() =>
      verifyChallenge(challenge, signature, publicHalf(key), { ...expected, now: secondsLater(121) }),
    );
    refuses(() =>
      verifyChallenge(challenge, signature, publicHalf(key), { ...expected, now: secondsLater(-6) }),
    );
    assert.ok(
      verifyChallenge(challenge, signature, publicHalf(key), { ...expected, now: secondsLater(119) }),
    );
  });

  test('nothing but challenges is signed, and only for what the signer is about', () => {
    refuses(() => signChallenge('sign this please', key, expected));
    refuses(() => signChallenge(`${challenge}more`, key, expected));
    refuses(() => signChallenge(challenge, key, { purpose: 'certificate.renew' }));
    refuses(() => signChallenge(challenge, key, { purpose: 'login', audience: 'elsewhere' }));
  });

  test('a signature over the bare text is none', () => {
    const bare = sign('sha256', Buffer.from(challenge), key);
    refuses(() => verifyChallenge(challenge, bare, publicHalf(key), expected), 'XOS_CREDENTIAL_PROOF_FAILED');
  });

  test('an audience of two lines is refused when it is made', () => {
    refuses(() => makeChallenge({ purpose: 'login', audience: 'a\nnonce: b' }));
  });
});

describe('the store of challenges', () => {
  test('each is good once', () => {
    const store = makeChallengeStore();
    const text = store.issue(expected);
    assert.deepEqual(
      [store.consume(text), store.consume(text), store.consume(challenge)],
      [true, false, false],
    );
  });

  test('none is good after its time', () => {
    let clock = now;
    const store = makeChallengeStore({ now: () => clock, maximumAgeSeconds: 60 });
    const text = store.issue(expected);
    clock = secondsLater(61);
    assert.equal(store.consume(text), false);
  });

  test('never holds more than its capacity, and forgets the old', () => {
    let clock = now;
    const store = makeChallengeStore({ capacity: 10, now: () => clock });
    const texts = Array.from({ length: 25 }, () => store.issue(expected));
    assert.equal(store.size, 10);
    assert.equal(store.consume(texts[0] ?? ''), false);
    assert.equal(store.consume(texts[24] ?? ''), true);
    clock = secondsLater(1000);
    store.issue(expected);
    assert.equal(store.size, 1);
  });
});
