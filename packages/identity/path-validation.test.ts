import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isXosError } from '@xtreemos/base';
import {
  aliceGuid,
  chainOf,
  crlOf,
  day,
  ecKey,
  hostGuid,
  hostname,
  makeDomain,
  now,
  publicHalf,
  secondsLater,
  storeOf,
} from './fixtures/domain.ts';
import {
  issueIntermediateCertificate,
  issueSessionCertificate,
  issueUserCertificate,
  makeProxy,
  makeTrustStore,
  parseCertificate,
  validatePath,
} from './index.ts';

const domain = makeDomain();
const { root, cda, rca, user, host, store } = domain;
const voRoots = new Map([['physics', root.certificate.fingerprint]]);
const here = { hostGuid, hostname };
const elsewhere = { hostGuid: '99999999-2222-4333-8444-555555555555', hostname: 'n9.example.org' };

function refusal(validate: () => unknown): {
  readonly rule: unknown;
  readonly position: unknown;
  readonly message: string;
} {
  try {
    validate();
  } catch (error) {
    if (isXosError(error))
      return { rule: error.details['rule'], position: error.details['position'], message: error.message };
    throw error;
  }
  throw new assert.AssertionError({ message: 'the path was accepted' });
}

describe('whom a path speaks for', () => {
  test('a user', () => {
    const validated = validatePath(chainOf(user), { store, now, voRoots });
    assert.deepEqual(validated.user, {
      guid: aliceGuid,
      user: 'alice',
      vo: 'physics',
      fqans: ['/physics', '/physics/atlas/Role=admin'],
      primaryFqan: '/physics',
      memberships: [
        { vo: 'physics', fqans: ['/physics', '/physics/atlas/Role=admin'], primaryFqan: '/physics' },
      ],
    });
    assert.equal(validated.host, undefined);
    assert.deepEqual(
      validated.path.map(({ subject }) => subject.commonName),
      ['alice', 'CDA', 'Test root'],
    );
    assert.deepEqual(
      [validated.notAfter, validated.revocationValidUntil],
      [secondsLater(day / 2), secondsLater(day)],
    );
  });

  test('a host', () => {
    const { host: found, user: none } = validatePath(chainOf(host), { store, now, voRoots });
    assert.deepEqual(found, { role: 'vops', vo: 'physics', hostname, hostGuid });
    assert.equal(none, undefined);
  });

  test('a CA, only when asked for', () => {
    const options = { store, now, allowAuthority: true };
    const validated = validatePath([rca.certificate], options);
    assert.deepEqual([validated.user, validated.host], [undefined, undefined]);
  });

  test('a proxy speaks for its user until the earliest end', () => {
    const key = ecKey();
    const certificate = makeProxy(user, publicHalf(key), { now, lifetimeSeconds: 60, limited: true });
    const below = makeProxy({ key, certificate, chain: chainOf(user) }, publicHalf(ecKey()), {
      now,
      lifetimeSeconds: 3600,
    });
    const validated = validatePath([below, certificate, ...chainOf(user)], { store, now });
    assert.equal(validated.user?.user, 'alice');
    assert.deepEqual(
      [validated.proxyDepth, validated.limited, validated.leaf, validated.endEntity, validated.notAfter],
      [2, true, below, user.certificate, secondsLater(60)],
    );
  });

  test('a member of several VOs, under a CDA of both', () => {
    const authorityKey = ecKey();
    const vos = ['physics', 'chemistry'];
    const times = { now, lifetimeSeconds: day };
    const issued = issueIntermediateCertificate({
      issuer: root,
      publicKey: publicHalf(authorityKey),
      kind: 'CDA',
      vos,
      ...times,
    });
    const both = { key: authorityKey, certificate: parseCertificate(issued.der), chain: [] };
    const memberships = vos.map((vo) => ({ vo, fqans: [`/${vo}/lab`, `/${vo}`], primaryFqan: `/${vo}` }));
    const user = { publicKey: publicHalf(ecKey()), guid: aliceGuid, user: 'alice', memberships, ...times };
    assert.throws(
      () => issueUserCertificate({ ...user, issuer: cda }),
      (error) => isXosError(error, 'XOS_INPUT_BAD'),
    );
    const certificate = parseCertificate(issueUserCertificate({ ...user, issuer: both }).der);
    const bothKnown = new Map(vos.map((vo) => [vo, root.certificate.fingerprint]));
    const options = { store: storeOf([root, both], [crlOf(root), crlOf(both)]), now };
    const validated = validatePath([certificate, both.certificate], { ...options, voRoots: bothKnown });
    assert.equal(validated.user?.vo, 'physics');
    assert.deepEqual(validated.user?.memberships, memberships);
    assert.equal(
      refusal(() => validatePath([certificate, both.certificate], { ...options, voRoots })).rule,
      'vo-root',
    );
  });
});

describe('session credentials are good on one host', () => {
  const sessionKey = ecKey();
  const session = makeProxy(user, publicHalf(sessionKey), { now, lifetimeSeconds: 600, host: here });
  const chain = [session, ...chainOf(user)];

  test('presented by that host', () => {
    assert.equal(validatePath(chain, { store, now, presentedBy: hostGuid }).boundToHost, hostGuid);
  });

  test('presented by another, or by nobody', () => {
    assert.equal(
      refusal(() => validatePath(chain, { store, now, presentedBy: elsewhere.hostGuid })).rule,
      'host-binding',
    );
    assert.equal(refusal(() => validatePath(chain, { store, now })).rule, 'host-binding');
  });

  test('a proxy made from it stays bound without saying so', () => {
    const further = makeProxy(
      { key: sessionKey, certificate: session, chain: chainOf(user) },
      publicHalf(ecKey()),
      { now, lifetimeSeconds: 60 },
    );
    assert.equal(further.xos.session, undefined);
    assert.equal(refusal(() => validatePath([further, ...chain], { store, now })).rule, 'host-binding');
    assert.equal(
      validatePath([further, ...chain], { store, now, presentedBy: hostGuid }).boundToHost,
      hostGuid,
    );
  });

  test('a proxy cannot move a session certificate to another host', () => {
    const key = ecKey();
    const membership = { vo: 'physics', fqans: ['/physics'], primaryFqan: '/physics' };
    const issued = issueSessionCertificate({
      issuer: cda,
      publicKey: publicHalf(key),
      guid: aliceGuid,
      user: 'alice',
      memberships: [membership],
      host: here,
      now,
      lifetimeSeconds: day,
    });
    const certificate = parseCertificate(issued.der);
    const unbound = { key, certificate: { ...certificate, xos: {} }, chain: [cda.certificate] };
    const moved = makeProxy(unbound, publicHalf(ecKey()), { now, lifetimeSeconds: 60, host: elsewhere });
    const presented = [moved, certificate, cda.certificate];
    for (const presentedBy of [hostGuid, elsewhere.hostGuid]) {
      assert.equal(refusal(() => validatePath(presented, { store, now, presentedBy })).rule, 'host-binding');
    }
  });
});

describe('refusals', () => {
  test('name the certificate, its place and the reason', () => {
    const revoked = crlOf(root, [{ serial: cda.certificate.serial, revokedAt: now, reason: 'cACompromise' }]);
    const options = { store: storeOf(domain.authorities, [revoked, crlOf(cda), crlOf(rca)]), now };
    const { rule, position, message } = refusal(() => validatePath(chainOf(user), options));
    assert.deepEqual([rule, position], ['revoked', 1]);
    assert.match(message, /CN=CDA,OU=physics,O=XtreemOS.*cACompromise/);
  });

  test('an empty chain', () => {
    assert.equal(refusal(() => validatePath([], { store, now })).rule, 'order');
  });

  test('more than ten certificates', () => {
    assert.equal(
      refusal(() => validatePath(Array(11).fill(user.certificate), { store, now })).rule,
      'chain-length',
    );
  });

  test('proxies without end', () => {
    let credential = user;
    for (let depth = 0; depth < 8; depth++) {
      const key = ecKey();
      const certificate = makeProxy(credential, publicHalf(key), { now, lifetimeSeconds: 600 });
      credential = { key, certificate, chain: chainOf(credential) };
    }
    assert.equal(validatePath(chainOf(credential), { store, now }).proxyDepth, 8);
    const key = ecKey();
    const ninth = makeProxy(credential, publicHalf(key), { now, lifetimeSeconds: 600 });
    assert.equal(
      refusal(() => validatePath([ninth, ...chainOf(credential)], { store, now })).rule,
      'chain-length',
    );
  });

  test('a VO that is not known here', () => {
    const options = { store, now, voRoots: new Map([['chemistry', root.certificate.fingerprint]]) };
    assert.equal(refusal(() => validatePath(chainOf(user), options)).rule, 'vo-root');
  });

  test('without CRLs and policies, unless the caller asks for less', () => {
    const bare = makeTrustStore({ anchors: [{ certificate: root.certificate }] });
    assert.equal(refusal(() => validatePath(chainOf(user), { store: bare, now })).rule, 'signing-policy');
    assert.equal(
      refusal(() => validatePath(chainOf(user), { store: bare, now, signingPolicy: 'when-present' })).rule,
      'crl',
    );
    const lenient = { store: bare, now, signingPolicy: 'when-present', revocation: 'when-present' } as const;
    assert.equal(validatePath(chainOf(user), lenient).revocationValidUntil, undefined);
    const revoking = makeTrustStore({
      anchors: [{ certificate: root.certificate }],
      crls: [crlOf(cda, [{ serial: user.certificate.serial, revokedAt: now }])],
    });
    assert.equal(refusal(() => validatePath(chainOf(user), { ...lenient, store: revoking })).rule, 'revoked');
  });

  test('a chain that was good before is judged anew', () => {
    assert.ok(validatePath(chainOf(user), { store, now }).user);
    assert.equal(
      refusal(() => validatePath(chainOf(user), { store, now: secondsLater(day) })).rule,
      'expired',
    );
  });
});
