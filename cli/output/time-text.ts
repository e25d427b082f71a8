/** UTC to the second, as in RFC 3339 with a space: sorts as text and copies into other tools. */
export function timeText(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** How long, in its two largest units: `3 d 4 h`, `12 min`, `45 s`. Negative lengths count as zero. */
export function durationText(lengthMs: number): string {
  const seconds = Math.max(0, Math.round(lengthMs / 1000));
  const units: readonly (readonly [name: string, seconds: number])[] = [
    ['d', 86_400],
    ['h', 3_600],
    ['min', 60],
    ['s', 1],
  ];
  const first = units.findIndex(([, size]) => seconds >= size);
  if (first < 0) return '0 s';
  let rest = seconds;
  const parts: string[] = [];
  for (const [name, size] of units.slice(first, first + 2)) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count} ${name}`);
  }
  return parts.join(' ');
}

/** A moment and how far it is from now: `2026-11-22 15:00:00 UTC (in 11 h 58 min)`. */
export function momentText(timeMs: number, nowMs: number): string {
  const distance = durationText(Math.abs(timeMs - nowMs));
  return `${timeText(timeMs)} (${timeMs >= nowMs ? `in ${distance}` : `${distance} ago`})`;
}
