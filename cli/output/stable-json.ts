import type { JsonValue } from './report.ts';

/**
 * A record of one of our interfaces as `--json` prints it. Moments, which the interfaces hold in milliseconds
 * (`createdAtMs`, `notAfterMs`), become RFC 3339 text under the name without `Ms` (`createdAt`, `notAfter`); undefined
 * properties are left out; everything else stays as it is.
 */
export function stableJson(value: unknown): JsonValue {
  if (Array.isArray(value)) return value.map(stableJson);
  if (typeof value === 'object' && value !== null) {
    const entries: [string, JsonValue][] = [];
    for (const [name, property] of Object.entries(value)) {
      if (property === undefined) continue;
      if (isMoment(name) && (typeof property === 'number' || property === null)) {
        entries.push([name.slice(0, -2), property === null ? null : rfc3339(property)]);
      } else {
        entries.push([name, stableJson(property)]);
      }
    }
    return Object.fromEntries(entries);
  }
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return null;
}

/** To the second where there are no smaller parts. */
export function rfc3339(timeMs: number): string {
  return new Date(timeMs).toISOString().replace('.000Z', 'Z');
}

function isMoment(name: string): boolean {
  return /(?:^at|At|[nN]otAfter|[nN]otBefore|Update|^time)Ms$/.test(name);
}
