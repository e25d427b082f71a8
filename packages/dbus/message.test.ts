import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeMessage, encodeMessage, type Message, messageLength } from './message.ts';
import { parseSignature, type Type, WireError } from './signature.ts';
import { type DbusValue, variant } from './value.ts';
import { WireReader } from './wire-reader.ts';

/** dbus-next's codec, the second opinion. Its reader wants what follows the 16 fixed bytes; its body is in its own form. */
const peer = createRequire(import.meta.url)('dbus-next/lib/marshall-compat.js') as {
  marshallMessage(message: object): [Buffer];
};
const { Variant: PeerVariant } = createRequire(import.meta.url)('dbus-next') as {
  Variant: new (signature: string, value: unknown) => unknown;
};

const basic: Readonly<Record<string, fc.Arbitrary<DbusValue>>> = {
  y: fc.integer({ min: 0, max: 255 }),
  b: fc.boolean(),
  n: fc.integer({ min: -32768, max: 32767 }),
  q: fc.integer({ min: 0, max: 65535 }),
  i: fc.integer(),
  u: fc.integer({ min: 0, max: 0xffffffff }),
  x: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  t: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  d: fc.double({ noNaN: true }),
  s: fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0')),
  o: fc.constantFrom('/', '/org/xtreemos', '/a_1/B'),
  g: fc.constantFrom('', 's', 'a{sv}', '(ii)'),
};
const basicSignature = fc.constantFrom(...Object.keys(basic));

const { signature: anySignature } = fc.letrec<{ signature: string }>((tie) => ({
  signature: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    basicSignature,
    fc.constant('v'),
    tie('signature').map((element) => `a${element}`),
    fc.tuple(basicSignature, tie('signature')).map(([key, value]) => `a{${key}${value}}`),
    fc.array(tie('signature'), { minLength: 1, maxLength: 3 }).map((fields) => `(${fields.join('')})`),
  ),
}));

function anyValue(type: Type, depth = 0): fc.Arbitrary<DbusValue> {
  switch (type.code) {
    case 'v':
      return depth > 3
        ? fc.constant(variant('s', 'deep'))
        : anySignature.chain((signature) => {
            const [inner] = parseSignature(signature);
            assert.ok(inner);
            return anyValue(inner, depth + 1).map((value) => variant(signature, value));
          });
    case '(':
      return fc.tuple(...type.fields.map((field) => anyValue(field, depth + 1)));
    case '{':
      return assert.fail();
    case 'a': {
      const { element } = type;
      if (element.code === 'y') return fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes));
      if (element.code !== '{') return fc.array(anyValue(element, depth + 1), { maxLength: 4 });
      const entries = fc.uniqueArray(
        fc.tuple(anyValue(element.key) as fc.Arbitrary<string>, anyValue(element.value, depth + 1)),
        {
          maxLength: 4,
          selector: ([key]) => key,
          comparator: 'SameValueZero',
        },
      );
      return entries.map((list) =>
        'sog'.includes(element.key.code) ? Object.fromEntries(list) : new Map(list),
      );
    }
    default:
      return basic[type.code] ?? assert.fail();
  }
}

const anyBody = fc.array(anySignature, { maxLength: 3 }).chain((signatures) =>
  fc
    .tuple(...signatures.map((signature) => anyValue(parseSignature(signature)[0] ?? assert.fail())))
    .map((body) => ({
      signature: signatures.join(''),
      body,
    })),
);

const call: Message = { type: 1, serial: 7, path: '/p', interface: 'a.b', member: 'M', destination: ':1.2' };

/** Our values as dbus-next takes them. */
function toPeer(type: Type, value: unknown): unknown {
  switch (type.code) {
    case 'v': {
      const { signature, value: inner } = value as { signature: string; value: unknown };
      return new PeerVariant(signature, toPeer(parseSignature(signature)[0] ?? assert.fail(), inner));
    }
    case '(':
      return type.fields.map((field, index) => toPeer(field, (value as unknown[])[index]));
    case 'a': {
      const { element } = type;
      if (element.code === 'y') return value;
      if (element.code !== '{') return (value as unknown[]).map((item) => toPeer(element, item));
      return Object.fromEntries(
        Object.entries(value as object).map(([key, item]) => [key, toPeer(element.value, item)]),
      );
    }
    default:
      return value;
  }
}

describe('the D-Bus codec', () => {
  it('reads back what it wrote, whatever types there are', () => {
    fc.assert(
      fc.property(anyBody, ({ signature, body }) => {
        const bytes = encodeMessage({ ...call, signature, body });
        assert.equal(messageLength(bytes), bytes.length);
        const decoded = decodeMessage(bytes);
        assert.deepEqual(decoded.body, body);
        assert.equal(decoded.signature, signature);
        assert.equal(decoded.member, 'M');
      }),
      { numRuns: 500 },
    );
  });

  it('writes the very bytes that dbus-next writes', () => {
    const table: readonly (readonly [string, readonly DbusValue[]])[] = [
      ['', []],
      ['ybnqiuxtdsog', [1, true, -2, 3, -4, 5, -6n, 7n, 8.5, 'süß', '/o', 'a{sv}']],
      ['ayasai', [Buffer.from([1, 2, 3]), ['a', ''], []]],
      ['aa{sv}', [[{ uid: variant('u', 5), login: variant('s', 'alice') }, {}]]],
      ['yat(y(yx))v', [1, [2n], [3, [4, -5n]], variant('as', ['x'])]],
      ['ya(sv)', [1, [['x', variant('(ii)', [1, 2])]]]],
    ];
    for (const [signature, body] of table) {
      const types = parseSignature(signature);
      const theirs = body.map((value, index) => toPeer(types[index] ?? assert.fail(), value));
      const [expected] = peer.marshallMessage({ ...call, signature, body: theirs });
      assert.deepEqual(encodeMessage({ ...call, signature, body }), expected, signature);
    }
  });

  it('reads the other byte order', () => {
    assert.deepEqual(
      new WireReader(Buffer.from('0000000700000003fffe', 'hex'), false).read('iun'),
      [7, 3, -2],
    );
  });

  it('refuses any damaged message by a WireError and nothing else', () => {
    fc.assert(
      fc.property(anyBody, fc.nat(), fc.nat(255), fc.nat(), ({ signature, body }, at, byte, cut) => {
        const bytes = Buffer.from(encodeMessage({ ...call, signature, body }));
        bytes[at % bytes.length] = byte;
        for (const damaged of [bytes, bytes.subarray(0, cut % bytes.length)]) {
          try {
            if (messageLength(damaged) === damaged.length) decodeMessage(damaged);
          } catch (error) {
            assert.ok(error instanceof WireError, String(error));
          }
        }
      }),
      { numRuns: 1000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 200 }), (noise) => {
        try {
          decodeMessage(Buffer.from([0x6c, ...noise]));
        } catch (error) {
          assert.ok(error instanceof WireError, String(error));
        }
      }),
    );
  });

  it('refuses signatures that no value can have, and bombs', () => {
    const bad = [
      'a',
      '(',
      '()',
      '{sv}',
      'a{sv',
      'a{vs}',
      'a{s}',
      ')',
      'h',
      'z',
      `${'a'.repeat(33)}s`,
      '('.repeat(33),
      's'.repeat(256),
    ];
    for (const signature of bad) assert.throws(() => parseSignature(signature), WireError, signature);
    // Variants within variants: deeper than any stack should go.
    let nested = variant('s', 'x');
    for (let depth = 0; depth < 100; depth += 1) nested = variant('v', nested);
    assert.throws(() => encodeMessage({ ...call, signature: 'v', body: [nested] }), WireError);
    const header = Buffer.from(encodeMessage({ ...call, signature: 'v', body: [variant('s', 'x')] }));
    const bodyLength = header.readUInt32LE(4);
    const bomb = Buffer.concat([
      header.subarray(0, header.length - bodyLength),
      Buffer.from('\x01v\0'.repeat(10_000), 'latin1'),
    ]);
    bomb.writeUInt32LE(30_000, 4);
    assert.throws(() => decodeMessage(bomb), WireError);
    // A huge array of elements that take no bytes cannot exist: structures are never empty.
    const lying = Buffer.from(encodeMessage({ ...call, signature: 'as', body: [[]] }));
    lying.writeUInt32LE(0x03ffffff, lying.length - 4);
    assert.throws(() => decodeMessage(lying), WireError);
  });

  it('says where a value does not fit', () => {
    const wrong: readonly (readonly [string, DbusValue, RegExp])[] = [
      ['u', -1, /argument 0: expected an integer from 0 to 4294967295, got -1/],
      ['a{sv}', { key: 'plain' }, /argument 0\.key: expected a variant, got "plain"/],
      ['(si)', ['x', 'y'], /argument 0\[1\]: expected a number/],
      ['o', 'no/path', /object path/],
      ['s', 'a\0b', /without NUL/],
      ['t', -1n, /64-bit/],
      ['y', 1.5, /integer/],
    ];
    for (const [signature, value, message] of wrong) {
      assert.throws(() => encodeMessage({ ...call, signature, body: [value] }), message);
    }
  });

  it('keeps a key named __proto__ a key', () => {
    const dictionary = Object.fromEntries([['__proto__', 'x']]);
    const { body } = decodeMessage(encodeMessage({ ...call, signature: 'a{ss}', body: [dictionary] }));
    assert.deepEqual(Object.entries(body?.[0] as object), [['__proto__', 'x']]);
    assert.equal(Object.getPrototypeOf(body?.[0]), Object.prototype);
  });
});
