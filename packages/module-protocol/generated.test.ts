import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { generatedFiles } from './generate.ts';
import { messages } from './schema.ts';

test('the generated files are what schema.ts says', () => {
  for (const [name, text] of generatedFiles()) {
    const present = readFileSync(new URL(`generated/${name}`, import.meta.url), 'utf8');
    assert.equal(
      present,
      text,
      `generated/${name} is out of date: run node packages/module-protocol/generate.ts`,
    );
  }
});

test('types and names of messages are used once', () => {
  assert.equal(new Set(messages.map((message) => message.type)).size, messages.length);
  assert.equal(new Set(messages.map((message) => message.name)).size, messages.length);
});
