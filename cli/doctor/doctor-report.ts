import { printable } from '../output/printable.ts';
import type { Report } from '../output/report.ts';
import { stableJson } from '../output/stable-json.ts';
import type { Terminal } from '../output/terminal.ts';
import type { CheckResult } from './examination.ts';
import type { FindingState } from './finding.ts';

const wordOf: Readonly<Record<FindingState, string>> = {
  ok: 'ok',
  warning: 'warning',
  failure: 'failure',
  unchecked: 'not checked',
};

/** A line per finding, under it what to do; and a count at the end. 1 where something failed. */
export function doctorReport(results: readonly CheckResult[]): Report {
  const count = (state: FindingState): number => results.filter((result) => result.state === state).length;
  const counts = {
    ok: count('ok'),
    warnings: count('warning'),
    failures: count('failure'),
    unchecked: count('unchecked'),
  };
  return {
    data: { checks: results.map(stableJson), ...counts },
    exitCode: counts.failures > 0 ? 1 : 0,
    text: (terminal) =>
      `${resultsText(results, terminal)}\n` +
      `${results.length} checks: ${counts.ok} ok, ${counts.warnings} warnings, ${counts.failures} failures, ` +
      `${counts.unchecked} not checked.\n`,
  };
}

/** What does not apply to this host comes last, a line per reason. */
function resultsText(results: readonly CheckResult[], terminal: Terminal): string {
  const told = results.filter((result) => reasonLeftOut(result) === undefined);
  const leftOut = Map.groupBy(
    results.filter((result) => reasonLeftOut(result) !== undefined),
    (result) => reasonLeftOut(result) ?? '',
  );
  const word = terminal.paint.faint(wordOf.unchecked.padEnd(11));
  const lines = [...leftOut].map(
    ([reason, list]) => `${word}  ${printable(reason)}: ${list.map(({ name }) => name).join(', ')}\n`,
  );
  return told.map((result) => resultText(result, terminal)).join('') + lines.join('');
}

function reasonLeftOut({ state, findings }: CheckResult): string | undefined {
  const [only] = findings;
  return state === 'unchecked' && findings.length === 1 && only?.action === undefined
    ? only?.text
    : undefined;
}

function resultText({ name, findings }: CheckResult, terminal: Terminal): string {
  const lines = findings.map((finding) => {
    const word = paintOf(finding.state, terminal)(wordOf[finding.state].padEnd(11));
    const line = `${word}  ${name.padEnd(13)}  ${printable(finding.text)}\n`;
    return finding.action === undefined ? line : `${line}${' '.repeat(28)}-> ${printable(finding.action)}\n`;
  });
  return lines.join('');
}

function paintOf(state: FindingState, { paint }: Terminal): (text: string) => string {
  switch (state) {
    case 'ok':
      return paint.good;
    case 'warning':
      return paint.warn;
    case 'failure':
      return paint.bad;
    case 'unchecked':
      return paint.faint;
  }
}
