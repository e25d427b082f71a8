import { humanByteSize } from '@xtreemos/base';

/** What a server says of itself; times are RFC 3339, sizes in bytes where a name ends in Bytes. */
export interface StatusRecord {
  readonly [name: string]: StatusValue;
}

export type StatusValue = string | number | boolean | null | StatusRecord | readonly StatusRecord[];

const style =
  'body{font:15px/1.4 sans-serif;margin:2em;max-width:70em}table{border-collapse:collapse;margin:.5em 0 1.5em}' +
  'th,td{padding:.2em .8em .2em 0;text-align:left;vertical-align:top}th{font-weight:600}' +
  'thead th{border-bottom:1px solid #999}h2{font-size:1.1em;margin:1em 0 .2em}';

/** A page for people: plain values first, then a table for each record and each list of records. */
export function statusHtml(title: string, status: StatusRecord): string {
  const entries = Object.entries(status);
  const facts = entries.filter(([, value]) => !isNested(value));
  const sections = entries.filter(([, value]) => isNested(value));
  return [
    '<!doctype html>',
    `<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="10"><title>${escaped(title)}</title>`,
    `<style>${style}</style></head><body><h1>${escaped(title)}</h1>`,
    factsTable(facts),
    ...sections.map(([name, value]) => `<h2>${escaped(words(name))}</h2>${nested(value)}`),
    '<p><a href="/status.json">status.json</a> <a href="/metrics">metrics</a></p></body></html>\n',
  ].join('\n');
}

function isNested(value: StatusValue): value is StatusRecord | readonly StatusRecord[] {
  return typeof value === 'object' && value !== null;
}

function nested(value: StatusValue): string {
  if (!isNested(value)) return plain('', value);
  return Array.isArray(value) ? listTable(value) : factsTable(Object.entries(value as StatusRecord));
}

function factsTable(facts: readonly (readonly [string, StatusValue])[]): string {
  const rows = facts.map(
    ([name, value]) =>
      `<tr><th>${escaped(words(name))}</th><td>${isNested(value) ? nested(value) : plain(name, value)}</td></tr>`,
  );
  return `<table>${rows.join('')}</table>`;
}

function listTable(list: readonly StatusRecord[]): string {
  if (list.length === 0) return '<p>none</p>';
  const names = [...new Set(list.flatMap((record) => Object.keys(record)))];
  const head = names.map((name) => `<th>${escaped(words(name))}</th>`).join('');
  const rows = list.map(
    (record) => `<tr>${names.map((name) => `<td>${plain(name, record[name] ?? null)}</td>`).join('')}</tr>`,
  );
  return `<table><thead><tr>${head}</tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

function plain(name: string, value: StatusValue): string {
  if (isNested(value)) return nested(value);
  if (value === null) return '-';
  if (typeof value === 'number' && name.endsWith('Bytes')) return escaped(humanByteSize(value));
  return escaped(String(value));
}

/** `lastSeenAt` as people write it: `last seen at`. */
function words(name: string): string {
  return name.replaceAll(
    /([a-z])([A-Z])/g,
    (_, before: string, after: string) => `${before} ${after.toLowerCase()}`,
  );
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
