import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatByteSize, humanByteSize, parseByteSize } from './byte-size.ts';
import { formatTimeSpan, parseTimeSpan } from './time-span.ts';

describe('time spans', () => {
  it('are read as systemd reads them', () => {
    const table: readonly (readonly [string, number | undefined])[] = [
      ['5min 20s', 320_000],
      ['2', 2000],
      ['1.5h', 5_400_000],
      ['2h30min', 9_000_000],
      ['100ms', 100],
      ['1M', 2_629_800_000],
      ['1m', 60_000],
      ['1y', 31_557_600_000],
      ['infinity', Number.POSITIVE_INFINITY],
      ['0', 0],
      ['', undefined],
      ['soon', undefined],
      ['-1s', undefined],
      ['1 parsec', undefined],
      ['1constructor', undefined],
      ['1s ,', undefined],
    ];
    for (const [text, expected] of table) assert.equal(parseTimeSpan(text), expected, text);
  });

  it('survive being written and read again', () => {
    fc.assert(
      fc.property(
        fc.nat(10 ** 13),
        (milliseconds) => parseTimeSpan(formatTimeSpan(milliseconds)) === milliseconds,
      ),
    );
  });

  it('are never negative or NaN, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.string(),
        (text) => !((parseTimeSpan(text) ?? 0) < 0) && !Number.isNaN(parseTimeSpan(text)),
      ),
    );
  });
});

describe('sizes', () => {
  it('are powers of 1024, with and without iB', () => {
    const table: readonly (readonly [string, number | undefined])[] = [
      ['4096', 4096],
      ['64K', 65_536],
      ['64KiB', 65_536],
      ['1.5g', 1_610_612_736],
      ['7B', 7],
      ['1 M', 1_048_576],
      ['99999999P', undefined],
      ['1.3', undefined],
      ['-1', undefined],
      ['K', undefined],
      ['1Kib', 1024],
    ];
    for (const [text, expected] of table) assert.equal(parseByteSize(text), expected, text);
  });

  it('survive being written and read again', () => {
    fc.assert(fc.property(fc.maxSafeNat(), (bytes) => parseByteSize(formatByteSize(bytes)) === bytes));
  });

  it('are short for people', () => {
    assert.deepEqual(
      [humanByteSize(999), humanByteSize(1536), humanByteSize(10 * 1024 ** 3)],
      ['999 B', '1.5 KiB', '10 GiB'],
    );
  });
});
