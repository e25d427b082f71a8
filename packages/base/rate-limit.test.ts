import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { manualClock } from './clock.ts';
import { createRateLimit } from './rate-limit.ts';

describe('a rate limit', () => {
  it('lets a burst pass, then as many as come back, and says when', () => {
    const clock = manualClock();
    const limit = createRateLimit({ burst: 2, perSecond: 0.5, clock });
    assert.deepEqual([limit.take('a'), limit.take('a'), limit.take('a')], [0, 0, 2000]);
    clock.advance(1999);
    assert.equal(limit.take('a'), 1);
    clock.advance(1);
    assert.equal(limit.take('a'), 0);
    assert.equal(limit.take('b'), 0);
  });

  it('is not fooled by a wall clock that jumps', () => {
    const clock = manualClock();
    const limit = createRateLimit({ burst: 1, perSecond: 1, clock });
    limit.take('a');
    clock.setNowMs(clock.nowMs() + 1_000_000);
    assert.equal(limit.take('a'), 1000);
  });

  it('never says "now" to a cost that no bucket can hold', () => {
    const limit = createRateLimit({ burst: 2, perSecond: 1, clock: manualClock() });
    assert.equal(limit.take('a', 3), Number.POSITIVE_INFINITY);
  });

  it('remembers a bounded number of keys, longest unused forgotten first', () => {
    const limit = createRateLimit({ burst: 1, perSecond: 0.001, maximumKeys: 100, clock: manualClock() });
    limit.take('kept');
    for (let index = 0; index < 100_000; index += 1) {
      limit.take(`k${index}`);
      if (index % 50 === 0) assert.ok(limit.take('kept') > 0);
    }
    assert.equal(limit.size, 100);
  });

  it('forgets a key that is reset', () => {
    const limit = createRateLimit({ burst: 1, perSecond: 1, clock: manualClock() });
    limit.take('a');
    limit.reset('a');
    assert.equal(limit.take('a'), 0);
  });
});
