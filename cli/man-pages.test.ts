import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { buildProgram } from './program.ts';
import type { XosCommand } from './xos-command.ts';

const directory = fileURLToPath(new URL('../docs/man', import.meta.url));
const pages = readdirSync(directory).filter((name) => name.endsWith('.scd'));

const program = buildProgram({
  environment: {},
  standardOutput: {},
  standardError: { write: () => true },
  nowMs: () => 0,
  setExitCode: () => undefined,
});

function verbs(command: XosCommand): readonly XosCommand[] {
  const children = (command.commands as readonly XosCommand[]).filter((child) => child.name() !== 'help');
  return children.length === 0 ? [command] : children.flatMap(verbs);
}

/** `xos vo create` stands in xos-vo.1.scd, what has no page of its own in xos.1.scd. */
function pageOf(verb: XosCommand): string {
  const own = `xos-${verb.path().split(' ')[1]}.1.scd`;
  return readFileSync(join(directory, pages.includes(own) ? own : 'xos.1.scd'), 'utf8');
}

test('every page is accepted by scdoc and names itself as its file does', () => {
  assert.ok(pages.length >= 15, `only ${pages.length} pages`);
  for (const page of pages) {
    const source = readFileSync(join(directory, page), 'utf8');
    const rendered = execFileSync('scdoc', { input: source, encoding: 'utf8' });
    const [, name, section] = /^(.+)\.(\d)\.scd$/.exec(page) ?? [];
    assert.match(rendered, new RegExp(`^\\.TH "${name?.replaceAll('.', '\\.')}" "${section}"`, 'm'), page);
    assert.match(source, /^# NAME\n\n\S+.* - \S/m, `${page}: NAME as whatis(1) wants it`);
    assert.match(source, /^# SEE ALSO$/m, page);
    assert.doesNotMatch(
      rendered,
      /^\.S[HS] .*\\\[/m,
      `${page}: brackets in a heading stand without a backslash`,
    );
  }
});

test('every verb and each of its options stands in its page', () => {
  const missing: string[] = [];
  for (const verb of verbs(program)) {
    const page = pageOf(verb);
    const at = page.indexOf(`\n*${verb.path()}*`);
    if (at < 0) {
      missing.push(verb.path());
      continue;
    }
    const end = page.slice(at + 1).search(/\n(?:\*xos|# )/);
    const entry = page.slice(at, end < 0 ? undefined : at + 1 + end);
    const common = /# COMMON OPTIONS\n[\s\S]*?\n# /.exec(page)?.[0] ?? '';
    for (const option of verb.options) {
      if (option.hidden || option.long === undefined) continue;
      if (!entry.includes(`*${option.long}*`) && !common.includes(`*${option.long}*`)) {
        missing.push(`${verb.path()} ${option.long}`);
      }
    }
  }
  assert.deepEqual(missing, []);
});

test('no page describes a verb that is not there', () => {
  const known = new Set(verbs(program).map((verb) => verb.path()));
  const described = pages.flatMap((page) =>
    [...readFileSync(join(directory, page), 'utf8').matchAll(/^\*(xos [a-z -]+)\*/gm)].map(
      ([, path]) => path ?? '',
    ),
  );
  const nouns = new Set((program.commands as readonly XosCommand[]).map((noun) => noun.path()));
  assert.deepEqual(
    described.filter((path) => !known.has(path) && !nouns.has(path)),
    [],
  );
});

test('pages that others are referred to exist, where they are ours', () => {
  const ours = /\*((?:xos|pam\\?_xos|libnss\\?_xos|mapping)[a-z.\\_-]*)\*\((\d)\)/g;
  const missing: string[] = [];
  for (const page of pages) {
    for (const [, name = '', section] of readFileSync(join(directory, page), 'utf8').matchAll(ours)) {
      const file = `${name.replaceAll('\\', '')}.${section}.scd`;
      if (!pages.includes(file)) missing.push(`${page} refers to ${file}`);
    }
  }
  assert.deepEqual(missing, []);
});

test('every key of a daemon stands in its configuration page, and no other', () => {
  for (const [daemon, folder] of [
    ['vo', 'vo'],
    ['accounts', 'accounts'],
    ['helper', 'helper'],
    ['dir', 'directory'],
    ['mrc', 'metadata'],
    ['osd', 'objects'],
  ] as const) {
    const main = fileURLToPath(new URL(`../daemons/${folder}/main.ts`, import.meta.url));
    const shown = execFileSync(process.execPath, [main, '--show-config', '--config', '/dev/null'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const keys = new Set([...shown.matchAll(/^#?([A-Z][A-Za-z]+)=/gm)].map(([, key]) => key));
    const page = readFileSync(join(directory, `xos-${daemon}.conf.5.scd`), 'utf8').replace(
      /# JOINED VOS[\s\S]*/,
      '',
    );
    const described = new Set([...page.matchAll(/^\*([A-Z][A-Za-z]+)=\*/gm)].map(([, key]) => key));
    assert.deepEqual([...described].sort(), [...keys].sort(), daemon);
  }
});
