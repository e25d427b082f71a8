/** Time spans as systemd writes them (systemd.time(7), "PARSING TIME SPANS"), in milliseconds. */

const millisecondsOf: Readonly<Record<string, number>> = {
  ms: 1,
  msec: 1,
  '': 1000,
  s: 1000,
  sec: 1000,
  second: 1000,
  seconds: 1000,
  m: 60_000,
  min: 60_000,
  minute: 60_000,
  minutes: 60_000,
  h: 3_600_000,
  hr: 3_600_000,
  hour: 3_600_000,
  hours: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
  days: 86_400_000,
  w: 604_800_000,
  week: 604_800_000,
  weeks: 604_800_000,
  M: 2_629_800_000,
  month: 2_629_800_000,
  months: 2_629_800_000,
  y: 31_557_600_000,
  year: 31_557_600_000,
  years: 31_557_600_000,
};

/**
 * "5min 20s" to 320000; a number without a unit is seconds; "infinity" is Infinity.
 * Undefined when the text is no time span. Months are 30.4375 days, years 365.25, as in systemd.
 */
export function parseTimeSpan(text: string): number | undefined {
  const trimmed = text.trim();
  if (trimmed === 'infinity') return Number.POSITIVE_INFINITY;
  if (trimmed === '' || trimmed.length > 256) return undefined;
  const term = /\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)/y;
  let total = 0;
  while (term.lastIndex < trimmed.length) {
    const match = term.exec(trimmed);
    const unit = match === null ? undefined : ownValue(millisecondsOf, match[2] ?? '');
    if (match === null || unit === undefined) return undefined;
    total += Number(match[1]) * unit;
  }
  return Number.isFinite(total) ? Math.round(total) : undefined;
}

const formatUnits = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
  ['ms', 1],
] as const;

/** 320000 to "5min 20s"; what `parseTimeSpan` reads back to the same number. */
export function formatTimeSpan(milliseconds: number): string {
  if (milliseconds === Number.POSITIVE_INFINITY) return 'infinity';
  let rest = Math.max(0, Math.round(milliseconds));
  const parts: string[] = [];
  for (const [unit, size] of formatUnits) {
    const count = Math.floor(rest / size);
    if (count > 0) parts.push(`${count}${unit}`);
    rest -= count * size;
  }
  return parts.length === 0 ? '0' : parts.join(' ');
}

function ownValue(table: Readonly<Record<string, number>>, name: string): number | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
