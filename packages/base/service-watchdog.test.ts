import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type WatchdogOptions, watchEventLoop } from './service-watchdog.ts';

describe('the watchdog', () => {
  const watched = (options: Partial<WatchdogOptions> = {}) => {
    const seen = { alive: 0, unhealthy: 0, stalled: [] as number[] };
    const stop = watchEventLoop({
      intervalMs: 20,
      keepAlive: () => seen.alive++,
      healthy: () => true,
      onUnhealthy: () => seen.unhealthy++,
      onStalled: (lateMs) => seen.stalled.push(lateMs),
      ...options,
    });
    return { seen, stop };
  };

  it('is kept content while the event loop and the thread pool work', async () => {
    const { seen, stop } = watched();
    await delay(300);
    stop();
    assert.ok(seen.alive >= 3, `${seen.alive} times`);
    assert.equal(seen.unhealthy, 0);
  });

  it('hears nothing while the thread pool is stuck, and again when it is not', async () => {
    let release: () => void = () => undefined;
    const { seen, stop } = watched({
      throughThreadPool: () =>
        new Promise((resolve) => {
          release = resolve;
        }),
    });
    await delay(200);
    assert.equal(seen.alive, 0);
    release();
    await delay(10);
    assert.equal(seen.alive, 1);
    stop();
  });

  it('hears nothing while the event loop is held up', async () => {
    const { seen, stop } = watched();
    await delay(100);
    const before = seen.alive;
    const end = performance.now() + 200;
    while (performance.now() < end);
    assert.equal(seen.alive, before);
    stop();
  });

  it('hears nothing from a service that calls itself unhealthy, which is told once', async () => {
    const { seen, stop } = watched({ healthy: () => false });
    await delay(150);
    stop();
    assert.deepEqual(seen, { alive: 0, unhealthy: 1, stalled: [] });
  });
});
