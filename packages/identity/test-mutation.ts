import fc from 'fast-check';

/** One change of bytes; `at` and `from` are fractions of the length. */
type Edit =
  | { readonly kind: 'set' | 'insert'; readonly at: number; readonly value: number }
  | { readonly kind: 'flip'; readonly at: number; readonly bit: number }
  | { readonly kind: 'remove' | 'repeat'; readonly at: number; readonly length: number }
  | { readonly kind: 'truncate'; readonly at: number };

const fraction = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
/** Bytes with a meaning in DER and SSH encodings, more often than others. */
const telling = fc.constantFrom(
  0x00,
  0x01,
  0x02,
  0x03,
  0x04,
  0x05,
  0x06,
  0x0c,
  0x30,
  0x31,
  0x7f,
  0x80,
  0x81,
  0x82,
  0x84,
  0x85,
  0xa0,
  0xa3,
  0xff,
);
const byte = fc.oneof(telling, fc.integer({ min: 0, max: 255 }));
const length = fc.integer({ min: 1, max: 40 });

const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ kind: fc.constantFrom('set', 'insert'), at: fraction, value: byte }),
  fc.record({ kind: fc.constant('flip'), at: fraction, bit: fc.integer({ min: 0, max: 7 }) }),
  fc.record({ kind: fc.constantFrom('remove', 'repeat'), at: fraction, length }),
  fc.record({ kind: fc.constant('truncate'), at: fraction }),
);

/** One to four changes of well-formed bytes. */
export const edits: fc.Arbitrary<readonly Edit[]> = fc.array(edit, { minLength: 1, maxLength: 4 });

export function mutate(bytes: Buffer, changes: readonly Edit[]): Buffer {
  return changes.reduce(apply, Buffer.from(bytes));
}

function apply(bytes: Buffer, change: Edit): Buffer {
  const at = Math.floor(change.at * bytes.length);
  const before = bytes.subarray(0, at);
  switch (change.kind) {
    case 'set':
      return Buffer.concat([before, Buffer.from([change.value]), bytes.subarray(at + 1)]);
    case 'insert':
      return Buffer.concat([before, Buffer.from([change.value]), bytes.subarray(at)]);
    case 'flip':
      return Buffer.concat([
        before,
        Buffer.from([(bytes[at] ?? 0) ^ (1 << change.bit)]),
        bytes.subarray(at + 1),
      ]);
    case 'remove':
      return Buffer.concat([before, bytes.subarray(at + change.length)]);
    case 'repeat':
      return Buffer.concat([bytes.subarray(0, at + change.length), bytes.subarray(at)]);
    case 'truncate':
      return Buffer.from(before);
  }
}
