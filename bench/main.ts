/** Runs benchmarks by name: `bench/run [NAME...] [--json FILE]`; prints a table, and JSON lines to FILE (`-`: standard output). */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, globSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import type { Bench, Measurement, Report } from './bench.ts';

const root = path.resolve(import.meta.dirname, '..');
const notBenchmarks = new Set(['bench', 'flame', 'main']);

async function load(): Promise<Map<string, Bench>> {
  const found = new Map<string, Bench>();
  for (const file of globSync('*.ts', { cwd: import.meta.dirname }).sort()) {
    if (notBenchmarks.has(path.basename(file, '.ts')) || file.endsWith('.test.ts')) continue;
    const { bench } = (await import(path.join(import.meta.dirname, file))) as { bench?: Bench };
    if (bench !== undefined) found.set(bench.name, bench);
  }
  return found;
}

function format(value: number): string {
  if (!Number.isFinite(value)) return '-';
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(3);
}

function reporter(name: string, jsonFile: string | undefined): Report {
  return {
    add(measurement: Measurement): void {
      const { ours, peer, better } = measurement;
      const ratio = peer === undefined ? undefined : ours / peer;
      const verdict =
        ratio === undefined ? '' : (better === 'lower' ? ratio <= 1 : ratio >= 1) ? 'ahead' : 'behind';
      const columns = [
        name.padEnd(7),
        measurement.case.padEnd(58),
        format(ours).padStart(10),
        (peer === undefined ? '' : format(peer)).padStart(10),
        (measurement.peerName ?? '').padEnd(26),
        measurement.unit.padEnd(16),
        (ratio === undefined ? '' : `${ratio.toPrecision(3)}x`).padStart(8),
        verdict,
      ];
      console.log(columns.join('  ').trimEnd());
      if (jsonFile === undefined) return;
      const line = `${JSON.stringify({ bench: name, ...measurement, ratio })}\n`;
      if (jsonFile === '-') process.stdout.write(line);
      else appendFileSync(jsonFile, line);
    },
    note(text: string): void {
      console.log(`${name.padEnd(7)}  # ${text}`);
    },
  };
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'string' }, list: { type: 'boolean' }, inside: { type: 'boolean' } },
});
const benches = await load();
if (values.list === true) {
  for (const bench of benches.values()) console.log(`${bench.name.padEnd(8)} ${bench.what}`);
  process.exit(0);
}
const unknown = positionals.filter((name) => !benches.has(name));
if (unknown.length > 0) {
  console.error(`bench: no benchmark ${unknown.join(', ')}; there are ${[...benches.keys()].join(', ')}`);
  process.exit(2);
}
const chosen = [...benches.values()].filter(
  (bench) => positionals.length === 0 || positionals.includes(bench.name),
);
const jsonFile = values.json === undefined || values.json === '-' ? values.json : path.resolve(values.json);
if (values.inside !== true) {
  if (jsonFile !== undefined && jsonFile !== '-') writeFileSync(jsonFile, '');
  const heads = [
    'bench'.padEnd(7),
    'case'.padEnd(58),
    'ours'.padStart(10),
    'peer'.padStart(10),
    'peer name'.padEnd(26),
    'unit',
  ];
  console.log(heads.join('  '));
}
let status = 0;
for (const bench of chosen) {
  if (bench.sandbox && values.inside !== true) {
    const words = [
      '--installed',
      ...(bench.disk === true ? ['--disk'] : []),
      ...(bench.peers ?? []).flatMap((name) => ['--with', name]),
    ];
    // The sandbox throws its files away: results come back as JSON lines on standard output.
    const inner = ['--inside', bench.name, ...(jsonFile === undefined ? [] : ['--json', '-'])];
    const child = spawn(
      path.join(root, 'test/sandbox/enter'),
      [...words, process.execPath, path.join(root, 'bench/main.ts'), ...inner],
      {
        cwd: root,
        stdio: ['inherit', 'pipe', 'inherit'],
      },
    );
    for await (const line of createInterface({ input: child.stdout })) {
      if (line.startsWith('{"bench":') && jsonFile !== undefined && jsonFile !== '-')
        appendFileSync(jsonFile, `${line}\n`);
      else console.log(line);
    }
    if (child.exitCode === null) await once(child, 'exit');
    if (child.exitCode !== 0) status = 1;
    continue;
  }
  try {
    await bench.run(reporter(bench.name, jsonFile));
  } catch (error) {
    console.error(`bench ${bench.name}: ${error instanceof Error ? error.stack : String(error)}`);
    status = 1;
  }
}
// A bench that failed half-way may have left servers, which end with the sandbox.
process.exit(status);
