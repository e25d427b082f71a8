import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fields } from './fields.ts';
import { printable } from './printable.ts';
import { progressBar, withProgress } from './progress.ts';
import { stableJson } from './stable-json.ts';
import { type Column, table } from './table.ts';
import { terminalOf } from './terminal.ts';
import { durationText, momentText } from './time-text.ts';

interface Row {
  readonly name: string;
  readonly text: string;
}
const columns: readonly Column<Row>[] = [
  { title: 'NAME', value: (row) => row.name },
  { title: 'TEXT', value: (row) => row.text, mayShrink: true },
];
const pipe = terminalOf({}, {});
const narrow = { columns: 40, paint: pipe.paint };

test('a table in a pipe is never cut, on a terminal it fits', () => {
  const rows = [{ name: 'alice@physics', text: 'x'.repeat(100) }];
  assert.match(table(rows, columns, pipe, ''), /x{100}/);
  for (const line of table(rows, columns, narrow, '').trimEnd().split('\n'))
    assert.ok([...line].length <= 40, line);
  assert.match(table(rows, columns, narrow, ''), /alice@physics {2}x+…/);
});

test('an empty table says so, an empty cell is a hyphen', () => {
  assert.equal(table([], columns, pipe, 'Nobody.'), 'Nobody.\n');
  assert.equal(table([{ name: 'a', text: '' }], columns, pipe, ''), 'NAME  TEXT\na     -\n');
});

test('what a stranger wrote cannot move the cursor, fake a line or turn the text around', () => {
  for (const hostile of [
    '\u001b[2J',
    'a\nb',
    'a\rb',
    '\u202Etxt',
    '\u0085',
    '\u2028',
    '\ufeff',
    '\u009b31m',
    '\ud800',
  ]) {
    const cell = table([{ name: hostile, text: hostile }], columns, pipe, '');
    assert.equal(cell.split('\n').length, 3, JSON.stringify(hostile));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    assert.doesNotMatch(cell, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2028\ufeff]/);
    assert.equal(fields([['X', hostile]], pipe), `X: ${printable(hostile)}\n`);
  }
  assert.equal(printable('grüße 漢字 🙂'), 'grüße 漢字 🙂');
});

test('colour only on a terminal, never with NO_COLOR or TERM=dumb', () => {
  const colourOf = (isTTY: boolean, environment: NodeJS.ProcessEnv): string =>
    terminalOf({ isTTY }, environment).paint.bad('x');
  assert.notEqual(colourOf(true, {}), 'x');
  assert.equal(colourOf(false, {}), 'x');
  assert.equal(colourOf(true, { NO_COLOR: '1' }), 'x');
  assert.notEqual(colourOf(true, { NO_COLOR: '' }), 'x');
  assert.equal(colourOf(true, { TERM: 'dumb' }), 'x');
});

test('durations have two units at most', () => {
  assert.equal(durationText(0), '0 s');
  assert.equal(durationText(59_000), '59 s');
  assert.equal(durationText(3_600_000), '1 h');
  assert.equal(durationText(43_199_000), '11 h 59 min');
  assert.equal(durationText(90_061_000), '1 d 1 h');
  assert.equal(momentText(0, 60_000), '1970-01-01 00:00:00 UTC (1 min ago)');
});

test('JSON names moments without Ms and writes them as RFC 3339', () => {
  assert.deepEqual(
    stableJson({
      createdAtMs: 0,
      expiresAtMs: null,
      notAfterMs: 1500,
      rootNotAfterMs: 1000,
      crlAgeMs: 5,
      absent: undefined,
      list: [{ atMs: 0 }],
    }),
    {
      createdAt: '1970-01-01T00:00:00Z',
      expiresAt: null,
      notAfter: '1970-01-01T00:00:01.500Z',
      rootNotAfter: '1970-01-01T00:00:01Z',
      crlAgeMs: 5,
      list: [{ at: '1970-01-01T00:00:00Z' }],
    },
  );
});

test('progress replaces itself on a terminal, vanishes afterwards, and is nowhere else', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const written: string[] = [];
  const write = (text: string) => written.push(text);
  const work = async (tell: (what: string) => void) => {
    tell('early');
    context.mock.timers.tick(1000);
    tell(`late ${progressBar(1, 4)}`);
    return 1;
  };
  assert.equal(await withProgress({ isTTY: true, write }, 'begun', work), 1);
  const late = `late [${'#'.repeat(6)}${'.'.repeat(18)}] 25 %`;
  assert.deepEqual(written, ['early ...', `\r\x1b[K${late} ...`, '\r\x1b[K']);
  await withProgress({ write }, 'begun', work);
  assert.equal(written.length, 3);
  assert.equal(progressBar(3, 0), '');
});
