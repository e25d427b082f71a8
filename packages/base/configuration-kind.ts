import { isIP } from 'node:net';
import { normalize } from 'node:path';
import { formatByteSize, parseByteSize } from './byte-size.ts';
import { formatTimeSpan, parseTimeSpan } from './time-span.ts';

/**
 * How the value of one configuration key is read. `parse` throws a `BadValue` that says what would be right.
 * A list key gathers one text per occurrence, which each hold several items.
 */
export interface Kind<Value> {
  /** What would be right: "a time span such as 5min 20s". */
  readonly expects: string;
  readonly isList: boolean;
  readonly isRequired: boolean;
  /** The value of a key that stands in no file, or that the last file set to empty. */
  readonly fallback: Value;
  /** The texts of the key in order (one, unless `isList`); never empty. */
  parse(texts: readonly string[]): Value;
  /** The value as a file would write it, one text per line. */
  format(value: Value): readonly string[];
}

/** A value that its key cannot take; the message says what would be right. */
export class BadValue extends Error {}

type Scalar<Value> = {
  readonly expects: string;
  readonly read: (text: string) => Value | undefined;
  readonly write: (value: Value) => string;
};

function scalarKind<Value>(scalar: Scalar<Value>, fallback: Value | undefined): Kind<Value | undefined> {
  return {
    expects: scalar.expects,
    isList: false,
    isRequired: false,
    fallback,
    parse: (texts) => readOne(scalar, texts.at(-1) ?? ''),
    format: (value) => (value === undefined ? [] : [scalar.write(value)]),
  };
}

function listKind<Value>(scalar: Scalar<Value>, fallback: readonly Value[]): Kind<readonly Value[]> {
  return {
    expects: `a list, each ${scalar.expects}`,
    isList: true,
    isRequired: false,
    fallback: Object.freeze([...fallback]),
    parse: (texts) => texts.flatMap(splitItems).map((item) => readOne(scalar, item)),
    format: (values) => values.map((value) => quoteItem(scalar.write(value))),
  };
}

function readOne<Value>(scalar: Scalar<Value>, text: string): Value {
  const value = scalar.read(text);
  if (value === undefined) throw new BadValue(`expected ${scalar.expects}`);
  return value;
}

/** Items are separated by white space; double or single quotes hold an item with spaces together. */
function splitItems(text: string): readonly string[] {
  const items: string[] = [];
  const item = /\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([^\s"']+))(?=\s|$)/y;
  let at = 0;
  while (text.slice(at).trim() !== '') {
    item.lastIndex = at;
    const match = item.exec(text);
    if (match === null) throw new BadValue('expected items separated by spaces, quotes closed');
    items.push(match[1]?.replace(/\\(.)/g, '$1') ?? match[2] ?? match[3] ?? '');
    at = item.lastIndex;
  }
  return items;
}

function quoteItem(item: string): string {
  return item !== '' && /^[^\s"'\\]+$/.test(item) ? item : `"${item.replace(/["\\]/g, '\\$&')}"`;
}

// --- the kinds -------------------------------------------------------------------------------------------------

const textScalar: Scalar<string> = { expects: 'text', read: (text) => text, write: (text) => text };

/** Any text; without a default the value may be undefined. */
export function text(fallback: string): Kind<string>;
export function text(): Kind<string | undefined>;
export function text(fallback?: string): Kind<string | undefined> {
  return scalarKind(textScalar, fallback);
}

export function textList(fallback: readonly string[] = []): Kind<readonly string[]> {
  return listKind({ ...textScalar, expects: 'a word or quoted text' }, fallback);
}

/** Text that matches a pattern; `expects` names it in refusals: "a VO id such as physics.example.org". */
export function pattern(expression: RegExp, expects: string, fallback: string): Kind<string>;
export function pattern(expression: RegExp, expects: string): Kind<string | undefined>;
export function pattern(expression: RegExp, expects: string, fallback?: string): Kind<string | undefined> {
  return scalarKind(
    { expects, read: (value) => (expression.test(value) ? value : undefined), write: (value) => value },
    fallback,
  );
}

const booleanTexts = new Map([
  ...['1', 'yes', 'y', 'true', 't', 'on'].map((word) => [word, true] as const),
  ...['0', 'no', 'n', 'false', 'f', 'off'].map((word) => [word, false] as const),
]);

export function boolean(fallback: boolean): Kind<boolean>;
export function boolean(): Kind<boolean | undefined>;
export function boolean(fallback?: boolean): Kind<boolean | undefined> {
  return scalarKind(
    {
      expects: 'yes or no',
      read: (value) => booleanTexts.get(value.toLowerCase()),
      write: (value) => (value ? 'yes' : 'no'),
    },
    fallback,
  );
}

export interface Range {
  readonly minimum?: number;
  readonly maximum?: number;
}

function within(value: number | undefined, range: Range): number | undefined {
  if (
    value === undefined ||
    value < (range.minimum ?? 0) ||
    value > (range.maximum ?? Number.POSITIVE_INFINITY)
  ) {
    return undefined;
  }
  return value;
}

function describeRange(range: Range, format: (value: number) => string): string {
  const { minimum, maximum } = range;
  if (minimum !== undefined && maximum !== undefined) return ` from ${format(minimum)} to ${format(maximum)}`;
  if (minimum !== undefined) return ` of at least ${format(minimum)}`;
  return maximum === undefined ? '' : ` of at most ${format(maximum)}`;
}

/** A decimal integer; the range is inclusive, its minimum 0 unless given. */
export function integer(fallback: number, range?: Range): Kind<number>;
export function integer(fallback: undefined, range?: Range): Kind<number | undefined>;
export function integer(fallback: number | undefined, range: Range = {}): Kind<number | undefined> {
  return scalarKind(
    {
      expects: `an integer${describeRange(range, String)}`,
      read: (value) => {
        const number = /^[+-]?\d{1,16}$/.test(value) ? Number(value) : undefined;
        return Number.isSafeInteger(number) ? within(number, range) : undefined;
      },
      write: String,
    },
    fallback,
  );
}

/** A size in bytes: 64K, 1GiB; fallback and range in bytes or as text. */
export function size(fallback: number | string, range: Range = {}): Kind<number> {
  return withDefault(
    scalarKind(
      {
        expects: `a size such as 64K or 1GiB${describeRange(range, formatByteSize)}`,
        read: (value) => within(parseByteSize(value), range),
        write: formatByteSize,
      },
      undefined,
    ),
    typeof fallback === 'string' ? must(parseByteSize(fallback), fallback) : fallback,
  );
}

/** A time span in milliseconds: "5min 20s"; fallback and range in milliseconds or as text. "infinity" is Infinity. */
export function timeSpan(fallback: number | string, range: Range = {}): Kind<number> {
  return withDefault(
    scalarKind(
      {
        expects: `a time span such as 5min 20s${describeRange(range, formatTimeSpan)}`,
        read: (value) => within(parseTimeSpan(value), range),
        write: formatTimeSpan,
      },
      undefined,
    ),
    typeof fallback === 'string' ? must(parseTimeSpan(fallback), fallback) : fallback,
  );
}

const pathScalar: Scalar<string> = {
  expects: 'an absolute path',
  read: (value) =>
    value.startsWith('/') && !value.includes('\0') ? withoutTrailingSlash(normalize(value)) : undefined,
  write: (value) => value,
};

function withoutTrailingSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

/** An absolute path, normalized, without a trailing slash. */
export function path(fallback: string): Kind<string>;
export function path(): Kind<string | undefined>;
export function path(fallback?: string): Kind<string | undefined> {
  return scalarKind(pathScalar, fallback);
}

export function pathList(fallback: readonly string[] = []): Kind<readonly string[]> {
  return listKind(pathScalar, fallback);
}

function choiceScalar<const Choice extends string>(choices: readonly Choice[]): Scalar<Choice> {
  return {
    expects: `one of ${choices.join(', ')}`,
    read: (value) => choices.find((choice) => choice === value),
    write: (value) => value,
  };
}

/** One of a few words. */
export function choice<const Choice extends string>(
  choices: readonly Choice[],
  fallback: NoInfer<Choice>,
): Kind<Choice> {
  return withDefault(scalarKind(choiceScalar(choices), undefined), fallback);
}

export function choiceList<const Choice extends string>(
  choices: readonly Choice[],
  fallback: readonly NoInfer<Choice>[] = [],
): Kind<readonly Choice[]> {
  return listKind(choiceScalar(choices), fallback);
}

/** An absolute URL of one of the schemes (default https), as normalized text. */
export function url(fallback: string, schemes?: readonly string[]): Kind<string>;
export function url(fallback?: undefined, schemes?: readonly string[]): Kind<string | undefined>;
export function url(fallback?: string, schemes: readonly string[] = ['https']): Kind<string | undefined> {
  return scalarKind(
    {
      expects: `a URL that starts with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`,
      read: (value) => {
        const parsed = URL.parse(value);
        return parsed !== null && schemes.includes(parsed.protocol.slice(0, -1)) ? parsed.href : undefined;
      },
      write: (value) => value,
    },
    fallback,
  );
}

/** A TCP or UDP port, 1 to 65535; 0 ("any free one") only where `allowZero`. */
export function port(fallback: number, options: { readonly allowZero?: boolean } = {}): Kind<number> {
  const minimum = options.allowZero === true ? 0 : 1;
  return integer(fallback, { minimum, maximum: 65_535 });
}

/** Where a server listens: `address` is empty for every address, IPv4 and IPv6. */
export interface ListenAddress {
  readonly address: string;
  readonly port: number;
}

const listenScalar: Scalar<ListenAddress> = {
  expects: 'a port, ADDRESS:PORT or [IPV6]:PORT',
  read: (value) => {
    const match = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+|\*)):)?(\d{1,5})$/.exec(value);
    if (match === null) return undefined;
    const address = match[1] ?? (match[2] === '*' ? '' : (match[2] ?? ''));
    const family = match[1] !== undefined ? 6 : 4;
    if (address !== '' && isIP(address) !== family) return undefined;
    const number = Number(match[3]);
    return number <= 65_535 ? { address, port: number } : undefined;
  },
  write: ({ address, port: number }) =>
    `${address === '' ? '*' : isIP(address) === 6 ? `[${address}]` : address}:${number}`,
};

/** Addresses to listen at: `7443`, `*:7443`, `127.0.0.1:0`, `[::1]:7443`. Port 0 takes any free one. */
export function listenList(fallback: readonly ListenAddress[]): Kind<readonly ListenAddress[]> {
  return listKind(listenScalar, fallback);
}

/** The key has to stand in a file. */
export function required<Value>(kind: Kind<Value>): Kind<NonNullable<Value>> {
  return { ...(kind as Kind<NonNullable<Value>>), isRequired: true };
}

function withDefault<Value>(kind: Kind<Value | undefined>, fallback: Value): Kind<Value> {
  return { ...(kind as Kind<Value>), fallback };
}

function must<Value>(value: Value | undefined, source: string): Value {
  if (value === undefined) throw new TypeError(`schema: bad default ${source}`);
  return value;
}
