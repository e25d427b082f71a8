/**
 * A node:test reporter: one JSON line per finished test that is no suite or file, and per figure that a test tells
 * (`t.diagnostic`); what tests print passes through.
 */
import type { TestEvent } from 'node:test/reporters';
import { inspect } from 'node:util';

/** What the runner itself says at the end of a file. */
const runnerTotals = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [0-9.]+$/;

export default async function* jsonReporter(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    if (event.type === 'test:stdout' || event.type === 'test:stderr') {
      yield event.data.message;
      continue;
    }
    if (event.type === 'test:diagnostic') {
      if (!runnerTotals.test(event.data.message))
        yield `\n${JSON.stringify({ type: 'figure', name: event.data.message, detail: '' })}\n`;
      continue;
    }
    if (event.type !== 'test:pass' && event.type !== 'test:fail') continue;
    const { data } = event;
    if (data.details.type === 'suite' && event.type === 'test:pass') continue;
    const failedBecauseOfChildren =
      event.type === 'test:fail' && /subtests? failed/.test(String(event.data.details.error.message));
    if (failedBecauseOfChildren) continue;
    const skipped = data.skip !== undefined || data.todo !== undefined;
    const type = skipped ? 'skip' : event.type === 'test:pass' ? 'pass' : 'fail';
    const detail = event.type === 'test:fail' ? describe(event.data.details.error) : '';
    yield `\n${JSON.stringify({ type, name: data.name, detail })}\n`;
  }
}

function describe(error: Error): string {
  const cause = error.cause ?? error;
  return cause instanceof Error ? (cause.stack ?? cause.message) + propertiesOf(cause) : inspect(cause);
}

function propertiesOf(error: Error): string {
  const properties = Object.fromEntries(
    Object.entries(error).filter(([name]) => !['generatedMessage', 'diff'].includes(name)),
  );
  return Object.keys(properties).length === 0 ? '' : `\n${inspect(properties, { depth: 3 })}`;
}
