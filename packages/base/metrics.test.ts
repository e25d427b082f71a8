import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { manualClock } from './clock.ts';
import { createMetrics } from './metrics.ts';

describe('metrics', () => {
  it('are rendered as OpenMetrics text', async () => {
    const clock = manualClock();
    const metrics = createMetrics({ clock });
    const logins = metrics.counter({ name: 'xos_test_logins', help: 'Logins', labels: ['result'] });
    logins.increment({ result: 'ok' });
    logins.increment({ result: 'ok' }, 2);
    metrics.gauge({ name: 'xos_test_leases', help: 'Leases', collect: () => 7 });
    metrics.gauge({ name: 'xos_test_age_seconds', help: 'Age' }).set({}, 1.5);
    const duration = metrics.histogram({
      name: 'xos_test_duration_seconds',
      help: 'Time',
      labels: ['step'],
      buckets: [0.1, 1],
    });
    const done = duration.startTimer();
    clock.advance(250);
    done({ step: 'sign' });
    const text = await metrics.render();
    for (const line of [
      '# TYPE xos_test_logins counter',
      'xos_test_logins_total{result="ok"} 3',
      'xos_test_leases 7',
      'xos_test_age_seconds 1.5',
      'xos_test_duration_seconds_bucket{le="0.1",step="sign"} 0',
      'xos_test_duration_seconds_bucket{le="1",step="sign"} 1',
      'xos_test_duration_seconds_sum{step="sign"} 0.25',
    ]) {
      assert.ok(text.includes(`${line}\n`), `${line} is missing in\n${text}`);
    }
    assert.match(text, /# EOF\n$/);
  });

  it('of two services in one process do not meet', async () => {
    createMetrics().counter({ name: 'xos_test_same', help: 'x' }).increment({});
    const other = createMetrics();
    other.counter({ name: 'xos_test_same', help: 'x' });
    assert.match(await other.render(), /xos_test_same_total 0/);
  });

  it('refuse a name that is taken or is none', () => {
    const metrics = createMetrics();
    metrics.counter({ name: 'xos_test_once', help: 'x' });
    assert.throws(() => metrics.gauge({ name: 'xos_test_once', help: 'x' }));
    assert.throws(() => metrics.counter({ name: 'not a name', help: 'x' }));
  });
});
