import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { pidfdOpen, pidfdSendSignal } from './index.ts';

test('a signal reaches the process that was opened, and nobody once it has ended', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  await once(child, 'spawn');
  const descriptor = pidfdOpen(child.pid ?? 0);
  pidfdSendSignal(descriptor, 0);
  pidfdSendSignal(descriptor, 'SIGKILL');
  assert.deepEqual(await once(child, 'exit'), [null, 'SIGKILL']);
  assert.throws(() => pidfdSendSignal(descriptor, 'SIGTERM'), { code: 'ESRCH' });
  closeSync(descriptor);
  assert.throws(() => pidfdSendSignal(descriptor, 'SIGTERM'), { code: 'EBADF' });
});

test('what is no process, no pidfd and no signal is refused', () => {
  assert.throws(() => pidfdOpen(2 ** 31 - 1), { code: 'ESRCH', message: /process 2147483647/ });
  assert.throws(() => pidfdOpen(0), RangeError);
  assert.throws(() => pidfdOpen(-1), RangeError);
  const file = openSync('/dev/null', 'r');
  assert.throws(() => pidfdSendSignal(file, 'SIGKILL'), { code: 'EBADF' });
  closeSync(file);
  assert.throws(() => pidfdSendSignal(0, 'SIGNONE' as NodeJS.Signals), TypeError);
  assert.throws(() => pidfdSendSignal(0, 65), RangeError);
});
