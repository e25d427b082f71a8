import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { errorRegistry } from './error-registry.ts';

const page = readFileSync(fileURLToPath(new URL('../../docs/troubleshooting.md', import.meta.url)), 'utf8');

/** Code and text of each entry, in the page's order. */
const entries = page
  .split(/^### /m)
  .slice(1)
  .map((entry) => {
    const [code = '', ...lines] = entry.replace(/^## .*/m, '').split('\n');
    return { code, text: lines.join('\n').trim() };
  });

test('docs/troubleshooting.md has an entry for every code, in the order of the registry, and no other', () => {
  assert.deepEqual(
    entries.map(({ code }) => code),
    Object.keys(errorRegistry),
  );
});

test('each entry says what the code means, its usual causes, and what to do', () => {
  for (const { code, text } of entries) {
    assert.match(text, /^[A-Z][^\n]{14,}\.\n\n\* Causes: [^\n]{15,}\.\n\* Do: [^\n]{12,}\.$/, code);
  }
});
