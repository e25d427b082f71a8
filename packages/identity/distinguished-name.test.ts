import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import * as der from './der-writer.ts';
import { encodeName, namesEqual, parseName, subjectHash } from './distinguished-name.ts';
import { forge } from './fixtures/forgery.ts';
import { certificatePem } from './index.ts';

const openssl = (pem: string, ...options: readonly string[]): string =>
  execFileSync('openssl', ['x509', '-noout', ...options], {
    input: pem,
    encoding: 'utf8',
    stdio: 'pipe',
  }).trim();

const spelled = (type: number, text: Buffer): Buffer =>
  der.sequence(
    der.setOf(der.sequence(der.oid('2.5.4.10'), der.element(type, text))),
    der.setOf(der.sequence(der.oid('2.5.4.3'), der.utf8String('x'))),
  );

const names: readonly (readonly [what: string, der: Buffer])[] = [
  [
    'an ordinary name',
    encodeName([
      ['O', 'XtreemOS'],
      ['OU', 'physics'],
      ['CN', 'alice'],
    ]),
  ],
  [
    'capitals and spaces',
    encodeName([
      ['O', '  XtreemOS   Grid '],
      ['CN', 'Demo Root'],
    ]),
  ],
  [
    'what RFC 4514 escapes',
    encodeName([
      ['O', '#a,b+c"d\\e<f>g;h '],
      ['CN', ' x'],
    ]),
  ],
  [
    'letters outside ASCII',
    encodeName([
      ['O', 'Zürich Ärzte 東京'],
      ['CN', 'Ünal'],
    ]),
  ],
  [
    'country, domain components and mail',
    encodeName([
      ['C', 'CH'],
      ['DC', 'org'],
      ['DC', 'Example'],
      ['emailAddress', 'A@b.org'],
    ]),
  ],
  [
    'an attribute without a name',
    encodeName([
      ['1.3.6.1.4.1.99999.7', 'x'],
      ['CN', 'y'],
    ]),
  ],
  ['PrintableString', spelled(0x13, Buffer.from('Some Grid'))],
  ['TeletexString', spelled(0x14, Buffer.from('Gr\u00fcn', 'latin1'))],
  ['BMPString', spelled(0x1e, Buffer.from('Gr\u00fcn', 'utf16le').swap16())],
  [
    'control characters',
    encodeName([
      ['O', 'a\nb\u0000c'],
      ['CN', '/O=x/CN=y'],
    ]),
  ],
  [
    'an RDN of two attributes',
    der.sequence(
      der.setOf(
        der.sequence(der.oid('2.5.4.10'), der.utf8String('Org')),
        der.sequence(der.oid('2.5.4.3'), der.utf8String('name')),
      ),
    ),
  ],
];

describe('names as OpenSSL gives them', () => {
  for (const [what, subject] of names) {
    test(what, () => {
      const { certificate } = forge({ subject });
      const pem = certificatePem(certificate);
      assert.equal(subjectHash(certificate.subject), openssl(pem, '-hash'));
      const oneline = openssl(pem, '-subject', '-nameopt', 'compat').replace(/^subject=\s*/, '');
      assert.equal(certificate.subject.oneline, oneline);
    });
  }

  test('RFC 4514 text', () => {
    const { certificate } = forge({
      subject: encodeName([
        ['O', 'a,b'],
        ['OU', 'c+d'],
        ['CN', ' e '],
      ]),
    });
    const text = openssl(certificatePem(certificate), '-subject', '-nameopt', 'RFC2253').replace(
      /^subject=/,
      '',
    );
    assert.equal(certificate.subject.rfc4514, text);
  });
});

test('names are equal without regard to case, spacing and string type', () => {
  const one = parseName(spelled(0x13, Buffer.from('Some  Grid ')), 'name');
  const other = parseName(spelled(0x0c, Buffer.from('some grid')), 'name');
  assert.ok(namesEqual(one, other));
  assert.ok(!namesEqual(one, parseName(spelled(0x0c, Buffer.from('some  grids')), 'name')));
});
