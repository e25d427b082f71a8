import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createServiceStatus } from './service-status.ts';

describe('the status line', () => {
  const told = (everyMs: number) => {
    const lines: string[] = [];
    return { lines, status: createServiceStatus((text) => lines.push(text), everyMs) };
  };

  it('is told at once, then at most once an interval, the last text always', async () => {
    const { lines, status } = told(100);
    for (let count = 0; count < 50; count++) status.set(`${count} requests`);
    assert.deepEqual(lines, ['0 requests']);
    await delay(150);
    assert.deepEqual(lines, ['0 requests', '49 requests']);
  });

  it('is not told again while it stands', async () => {
    const { lines, status } = told(10);
    status.set('idle');
    await delay(30);
    status.set('idle');
    await delay(30);
    assert.deepEqual(lines, ['idle']);
  });

  it('keeps a remark after whatever the service says, until it is taken back', async () => {
    const { lines, status } = told(5);
    status.setRemark('the last reload was refused');
    await delay(20);
    status.set('3 VOs');
    await delay(20);
    status.setRemark(undefined);
    assert.equal(status.text, '3 VOs');
    assert.deepEqual(lines, [
      'Running; the last reload was refused',
      '3 VOs; the last reload was refused',
      '3 VOs',
    ]);
  });

  it('says nothing after the service stopped', async () => {
    const { lines, status } = told(5);
    status.set('one');
    status.set('two');
    status.stop();
    await delay(20);
    assert.deepEqual(lines, ['one']);
  });
});
