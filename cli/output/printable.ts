/**
 * Text that came from elsewhere (a VO service, a certificate, a token file) made safe to show: control characters,
 * escape sequences and bidirectional overrides could otherwise move the cursor, fake lines or hide text.
 */
export function printable(text: string): string {
  let safe = '';
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    safe += isHarmless(code) ? character : escapeOf(code);
  }
  return safe;
}

function isHarmless(code: number): boolean {
  if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return false;
  // Bidirectional embeddings, overrides and isolates; line and paragraph separators; zero-width characters.
  if (code >= 0x200b && code <= 0x200f) return false;
  if (code >= 0x2028 && code <= 0x202e) return false;
  if (code >= 0x2066 && code <= 0x2069) return false;
  return code !== 0xfeff && !(code >= 0xd800 && code <= 0xdfff);
}

function escapeOf(code: number): string {
  return code <= 0xff ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
}
