import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isXosError } from '@xtreemos/base';
import fc from 'fast-check';
import { parseNamespaces, parseSigningPolicy, renderSigningPolicy } from './index.ts';
import { matchesWildcards, policyPermits } from './signing-policy.ts';

const igtf = `# EACL of a CA as the IGTF distributes it
 access_id_CA      X509         '/C=CH/O=Example/CN=Example CA'
 pos_rights        globus       CA:sign
 cond_subjects     globus       '"/C=CH/O=Example/*" "/DC=org/DC=example/CN=host/?.example.org"'

access_id_CA X509 "/O=Other/Email=ca@other.org"   # quoted otherwise
pos_rights globus CA:sign
cond_subjects globus /O=Other/*
`;

describe('signing policies', () => {
  const policy = parseSigningPolicy(igtf);
  const authority = '/C=CH/O=Example/CN=Example CA';

  test('several authorities, quotes, comments', () => {
    assert.deepEqual(policy.rules, [
      { authority, subjectPatterns: ['/C=CH/O=Example/*', '/DC=org/DC=example/CN=host/?.example.org'] },
      { authority: '/O=Other/Email=ca@other.org', subjectPatterns: ['/O=Other/*'] },
    ]);
  });

  test('wildcards, case, and spellings of attributes', () => {
    assert.equal(policyPermits(policy, authority, '/C=CH/O=Example/OU=x/CN=y'), true);
    assert.equal(policyPermits(policy, authority.toUpperCase(), '/c=ch/o=example/cn=y'), true);
    assert.equal(policyPermits(policy, authority, '/DC=org/DC=example/CN=host\\/a.example.org'), true);
    assert.equal(policyPermits(policy, authority, '/C=CH/O=Example2/CN=y'), false);
    assert.equal(policyPermits(policy, '/O=Other/emailAddress=ca@other.org', '/O=Other/CN=x'), true);
    assert.equal(policyPermits(policy, '/O=Nobody', '/O=Other/CN=x'), undefined);
  });

  test('what is written is read back', () => {
    assert.deepEqual(parseSigningPolicy(renderSigningPolicy(policy)), policy);
    assert.throws(
      () => renderSigningPolicy({ rules: [{ authority: "/O='", subjectPatterns: [] }] }),
      (error) => isXosError(error),
    );
  });

  const bad: readonly (readonly [what: string, text: string, where: RegExp])[] = [
    ['nothing', '# only words\n', /line 1/],
    ['a right without authority', 'pos_rights globus CA:sign', /line 1/],
    ['subjects without right', "access_id_CA X509 '/O=x'\ncond_subjects globus '\"*\"'", /line 2/],
    ['a negative right', "access_id_CA X509 '/O=x'\nneg_rights globus CA:sign", /line 2/],
    ['another right', "access_id_CA X509 '/O=x'\npos_rights globus CA:all", /line 2/],
    ['an open quote', "access_id_CA X509 '/O=x", /line 1/],
    [
      'a pattern that is no name',
      "access_id_CA X509 '/O=x'\npos_rights globus CA:sign\ncond_subjects globus 'O=x'",
      /line 3/,
    ],
  ];
  for (const [what, text, where] of bad) {
    test(`refused with its line: ${what}`, () => assert.throws(() => parseSigningPolicy(text), where));
  }
});

describe('namespaces', () => {
  test('patterns of wildcards', () => {
    const policy = parseNamespaces(
      '# x\nTO Issuer "/O=CA" \\\n  PERMIT Subject "/O=Example/.*"\nTO Issuer SELF PERMIT Subject "/O=a\\.b/CN=.*"\n',
    );
    assert.deepEqual(policy.rules, [
      { authority: '/O=CA', subjectPatterns: ['/O=Example/*'] },
      { authority: 'SELF', subjectPatterns: ['/O=a.b/CN=*'] },
    ]);
  });

  test('more than wildcards, and DENY, are refused', () => {
    assert.throws(
      () => parseNamespaces('TO Issuer "/O=CA" PERMIT Subject "/O=(a|b)"'),
      /more than wildcards/,
    );
    assert.throws(() => parseNamespaces('TO Issuer "/O=CA" DENY Subject "/O=a"'), /DENY/);
    assert.throws(() => parseNamespaces('TO Issuer "/O=CA"'), /expected TO Issuer/);
  });
});

describe('wildcards', () => {
  test('agree with the regular expression they stand for', () => {
    const pattern = fc
      .array(fc.constantFrom('*', '?', 'a', 'b', '/'), { maxLength: 8 })
      .map((parts) => parts.join(''));
    const text = fc.array(fc.constantFrom('a', 'b', '/'), { maxLength: 10 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(pattern, text, (wildcards, name) => {
        const expression = new RegExp(`^${wildcards.replace(/[*]+/g, '.*').replace(/\?/g, '.')}$`, 's');
        assert.equal(matchesWildcards(wildcards, name), expression.test(name));
      }),
    );
  });

  test('a hostile pattern does not hang', () => {
    const begin = performance.now();
    assert.equal(matchesWildcards('*a'.repeat(2000), 'a'.repeat(1999)), false);
    assert.equal(matchesWildcards(`${'*a'.repeat(50)}b`, 'a'.repeat(20_000)), false);
    assert.ok(performance.now() - begin < 2000);
  });
});
