import { type DbusValue, type Variant, variant } from '@xtreemos/dbus';

type Plain = string | number | boolean | readonly string[] | undefined;

/** Properties that travel as uint32; other numbers are int64, since they are times. */
const UINT32: ReadonlySet<string> = new Set([
  'uid',
  'gid',
  'leaderPid',
  'members',
  'vos',
  'leases',
  'sessions',
  'quarantined',
]);

/** A flat record as `a{sv}`; absent properties are left out. */
export function toDictionary(record: object): Readonly<Record<string, Variant>> {
  const entries: [string, Variant][] = [];
  for (const [name, value] of Object.entries(record) as [string, Plain][]) {
    if (value !== undefined) entries.push([name, variantOf(name, value)]);
  }
  return Object.fromEntries(entries);
}

/** The record that `toDictionary` made; the sender is the daemon, whose shape is taken as it is. */
export function fromDictionary<T>(value: DbusValue | undefined): T {
  const dictionary = value as Readonly<Record<string, Variant>>;
  return Object.fromEntries(
    Object.entries(dictionary).map(([name, { value: held }]) => [
      name,
      typeof held === 'bigint' ? Number(held) : held,
    ]),
  ) as T;
}

function variantOf(name: string, value: Exclude<Plain, undefined>): Variant {
  switch (typeof value) {
    case 'string':
      return variant('s', value);
    case 'boolean':
      return variant('b', value);
    case 'number':
      return UINT32.has(name) ? variant('u', value) : variant('x', BigInt(Math.trunc(value)));
    default:
      return variant('as', value);
  }
}
