/** Sizes as systemd writes them: K, M, G, T, P are powers of 1024, with or without "iB" (systemd.syntax(7)). */

const exponentOf: Readonly<Record<string, number>> = { '': 0, K: 1, M: 2, G: 3, T: 4, P: 5 };

/** "64K", "1.5GiB", "4096", "4096B" to bytes; undefined when the text is no size that fits a safe integer. */
export function parseByteSize(text: string): number | undefined {
  const match = /^(\d{1,16}(?:\.\d{1,9})?)\s*([KMGTP]?)(?:iB|B)?$/i.exec(text.trim());
  if (match === null) return undefined;
  const exponent = exponentOf[(match[2] ?? '').toUpperCase()] ?? 0;
  const bytes = Number(match[1]) * 1024 ** exponent;
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

const formatSuffixes = ['PiB', 'TiB', 'GiB', 'MiB', 'KiB'] as const;

/** Exact: 65536 to "64KiB", 1000 to "1000". */
export function formatByteSize(bytes: number): string {
  for (const [index, suffix] of formatSuffixes.entries()) {
    const unit = 1024 ** (formatSuffixes.length - index);
    if (bytes >= unit && bytes % unit === 0) return `${bytes / unit}${suffix}`;
  }
  return String(bytes);
}

/** For people: 1536 to "1.5 KiB", three digits at most. */
export function humanByteSize(bytes: number): string {
  for (const [index, suffix] of formatSuffixes.entries()) {
    const unit = 1024 ** (formatSuffixes.length - index);
    if (bytes >= unit) {
      const value = bytes / unit;
      return `${value >= 100 ? Math.round(value) : Number(value.toPrecision(3))} ${suffix}`;
    }
  }
  return `${bytes} B`;
}
