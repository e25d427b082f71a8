import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createRequestTally } from './request-tally.ts';

it('the status line says what is under way, how much was done, what came last and how it ended', () => {
  const lines: string[] = [];
  const tally = createRequestTally(
    (line) => lines.push(line),
    () => Date.UTC(2026, 10, 25, 14, 3, 20),
  );
  tally.begin();
  tally.begin();
  tally.end('make-home', 'done');
  tally.end('kill-account', 'refused');
  assert.deepEqual(lines, [
    'Idle; no request yet',
    '1 under way; no request yet',
    '2 under way; no request yet',
    '1 under way; 1 request, last: make-home done at 2026-11-25 14:03:20 UTC',
    'Idle; 2 requests, 1 refused or failed, last: kill-account refused at 2026-11-25 14:03:20 UTC',
  ]);
});
