import assert from 'node:assert/strict';
import test from 'node:test';
import { createLogger } from '@xtreemos/base';
import { PacedNotice } from './paced-notice.ts';
import { events } from './rpc-events.ts';

test('what happens ten thousand times is said a few times, and counted', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const lines: string[] = [];
  const logger = createLogger({ transport: ({ message }) => void lines.push(message) });
  const notice = new PacedNotice(logger, events.connectionRefused);
  for (let times = 0; times < 10_000; times++) notice.say('refused');
  assert.deepEqual(
    lines,
    Array.from({ length: 5 }, () => 'refused'),
  );
  context.mock.timers.tick(10_000);
  assert.equal(lines.at(-1), 'refused; 9995 like it in 10 s');
  notice.say('another');
  context.mock.timers.tick(10_000);
  assert.equal(lines.at(-1), 'another; 1 like it in 10 s');
  context.mock.timers.tick(10_000);
  assert.equal(lines.length, 7);
  // After a pause in which nothing happened it is said at once again.
  notice.say('later');
  assert.equal(lines.at(-1), 'later');
});
