import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isXosError } from '@xtreemos/base';
import fc from 'fast-check';
import { DerReader } from './der-reader.ts';
import * as der from './der-writer.ts';

const reader = (hex: string): DerReader => new DerReader(Buffer.from(hex.replaceAll(' ', ''), 'hex'), 'test');
const refuses = (read: () => unknown, reason: RegExp): void => {
  assert.throws(read, (error) => isXosError(error, 'XOS_INPUT_BAD') && reason.test(error.message));
};

describe('what DER forbids is refused', () => {
  const cases: readonly (readonly [
    name: string,
    hex: string,
    read: (from: DerReader) => unknown,
    reason: RegExp,
  ])[] = [
    ['an indefinite length', '3080 0500 0000', (from) => from.sequence('x'), /indefinite length/],
    ['a length in more bytes than needed', '0481 01 00', (from) => from.octetString('x'), /not minimal/],
    ['a length with leading zeros', '0482 0080', (from) => from.octetString('x'), /not minimal/],
    ['a length of five bytes', '0485 0000000001 00', (from) => from.octetString('x'), /length of 5 bytes/],
    [
      'content that ends early',
      '0402 00',
      (from) => from.octetString('x'),
      /claims 2 bytes where 1 are left/,
    ],
    ['a length that ends early', '0482 01', (from) => from.octetString('x'), /truncated in its length/],
    ['nothing', '', (from) => from.any('x'), /missing or truncated/],
    ['a tag number above 30', '1f8101 00', (from) => from.any('x'), /tag number above 30/],
    ['another tag', '0201 00', (from) => from.octetString('x'), /should have tag 0x04, found tag 0x02/],
    [
      'trailing bytes',
      '0500 00',
      (from) => {
        from.any('x');
        from.finish('x');
      },
      /1 bytes follow/,
    ],
    ['a BOOLEAN of 1', '0101 01', (from) => from.boolean('x'), /no DER BOOLEAN/],
    ['an empty INTEGER', '0200', (from) => from.smallInteger('x'), /empty INTEGER/],
    ['an INTEGER with leading zeros', '0202 0001', (from) => from.smallInteger('x'), /not minimal/],
    ['an INTEGER with leading ones', '0202 ff80', (from) => from.integerBytes('x', 9), /not minimal/],
    ['a negative number', '0201 ff', (from) => from.smallInteger('x'), /negative/],
    ['a number of 2^31', '0205 0080000000', (from) => from.smallInteger('x'), /out of range/],
    ['an empty OID', '0600', (from) => from.oid('x'), /OID of 0 bytes/],
    ['an OID that ends inside an arc', '0602 2a83', (from) => from.oid('x'), /ends inside an arc/],
    ['an OID arc with leading zeros', '0603 2a8001', (from) => from.oid('x'), /not minimal/],
    ['a BIT STRING without its first byte', '0300', (from) => from.bitString('x'), /no BIT STRING/],
    ['a BIT STRING with set padding', '0302 0181', (from) => from.namedBits('x'), /padding bits/],
    ['UTF-8 that is not', '0c02 c328', (from) => from.utf8String('x', 9), /UTF-8/],
    [
      'a time without seconds',
      '170b 323630313031303030305a',
      (from) => from.time('x'),
      /no time of the form/,
    ],
    ['the 30th of February', '170d 3236303233303030303030305a', (from) => from.time('x'), /names no moment/],
    [
      'a time with an offset',
      '1711 3236303130313030303030302b30303030',
      (from) => from.time('x'),
      /no time of the form/,
    ],
  ];
  for (const [name, hex, read, reason] of cases) test(name, () => refuses(() => read(reader(hex)), reason));
});

test('a refusal names the byte in the outermost input', () => {
  const nested = reader('3005 3003 020100');
  const inner = nested.sequence('outer').sequence('inner');
  refuses(() => inner.octetString('x'), /byte 4/);
});

describe('what is written is read back', () => {
  test('integers', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), (value) => {
        assert.equal(new DerReader(der.integer(value), 'x').smallInteger('x'), value);
      }),
    );
  });
  test('object identifiers', () => {
    const arc = fc.bigInt({ min: 0n, max: 2n ** 128n });
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 }),
        fc.integer({ min: 0, max: 39 }),
        fc.array(arc, { maxLength: 3 }),
        (root, second, arcs) => {
          const dotted = [root, second, ...arcs].join('.');
          assert.equal(new DerReader(der.oid(dotted), 'x').oid('x'), dotted);
        },
      ),
    );
  });
  test('content of any length', () => {
    for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536, 16_777_216]) {
      assert.equal(new DerReader(der.octetString(Buffer.alloc(length)), 'x').octetString('x').length, length);
    }
  });
  test('times on both sides of 2050', () => {
    for (const iso of [
      '1950-01-01T00:00:00.000Z',
      '2049-12-31T23:59:59.000Z',
      '2050-01-01T00:00:00.000Z',
      '9999-12-31T23:59:59.000Z',
    ]) {
      assert.equal(new DerReader(der.time(new Date(iso)), 'x').time('x').toISOString(), iso);
    }
  });
});
