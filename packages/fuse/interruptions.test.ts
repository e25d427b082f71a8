import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Interruptions } from './interruptions.ts';
import { Message } from './message.ts';
import { type PendingSignal, pendingSignal } from './pending-signal.ts';
import { PendingRequest } from './request.ts';
import { type AnyKind, kind } from './request-kind.ts';

const plain = kind<void>({ operation: 'read', bodyBytes: 0, run: () => undefined });
const flush = kind<void>({ operation: 'flush', bodyBytes: 0, survivesExit: true, run: () => undefined });
const lock = kind<void>({ operation: 'setlk', bodyBytes: 0, anySignal: true, run: () => undefined });

function signalled(which: AnyKind, looks: readonly PendingSignal[]) {
  const seen = [...looks];
  const interruptions = new Interruptions(
    60_000,
    () => undefined,
    () => (seen.length > 1 ? seen.shift() : seen[0]) ?? 'unknown',
  );
  const request = new PendingRequest(new Message());
  interruptions.signalled(request, which);
  return { interruptions, request };
}

test('a harmless signal interrupts nothing but the wait for a lock', () => {
  assert.equal(signalled(plain, ['harmless']).request.interrupted, false);
  assert.equal(signalled(flush, ['harmless']).request.interrupted, false);
  assert.equal(signalled(lock, ['harmless']).request.interrupted, true);
  assert.equal(signalled(plain, ['fatal']).request.interrupted, true);
});

test('who is at the end is still waited for where his data is owed an answer', async () => {
  assert.equal(signalled(plain, ['exiting']).request.interrupted, true);
  const { request, interruptions } = signalled(flush, ['exiting']);
  await delay(300);
  assert.equal(request.interrupted, false);
  interruptions.stop();
});

test('a fatal signal after a harmless one is seen, though the kernel tells of one only', async () => {
  const { request, interruptions } = signalled(plain, ['harmless', 'harmless', 'fatal']);
  assert.equal(request.interrupted, false);
  const aborted = once(request.signal, 'abort', { signal: AbortSignal.timeout(5000) });
  const alive = setInterval(() => undefined, 1000);
  await aborted;
  clearInterval(alive);
  interruptions.stop();
});

test('a caller who cannot be seen is given up after a while', async () => {
  const { request, interruptions } = signalled(plain, ['unknown']);
  assert.equal(request.interrupted, false);
  for (let round = 0; round < 100 && !request.interrupted; round++) await delay(50);
  assert.equal(request.interrupted, true);
  interruptions.stop();
});

test('what /proc says of a thread is understood', () => {
  const proc = mkdtempSync(path.join(tmpdir(), 'xos-proc-'));
  const look = (flags: number, pending: string, caught = '0', ignored = '0', blocked = '0') => {
    mkdirSync(path.join(proc, '5'), { recursive: true });
    writeFileSync(path.join(proc, '5/stat'), `5 (a ) (b) D 1 1 1 0 -1 ${flags} 0 0`);
    const sets = { SigPnd: '0', ShdPnd: pending, SigBlk: blocked, SigIgn: ignored, SigCgt: caught };
    const lines = Object.entries(sets).map(([name, value]) => `${name}:\t${value.padStart(16, '0')}`);
    writeFileSync(path.join(proc, '5/status'), `Name:\ta\nSigQ:\t0/1\n${lines.join('\n')}\n`);
    return pendingSignal(5, proc);
  };
  try {
    assert.equal(look(0, '0'), 'harmless');
    assert.equal(look(0, '100'), 'fatal', 'SIGKILL');
    assert.equal(look(0, '100', '100', '100', '100'), 'fatal', 'SIGKILL, whatever the sets say');
    assert.equal(look(0, '10000'), 'harmless', 'SIGCHLD');
    assert.equal(look(0, '4000'), 'fatal', 'SIGTERM');
    assert.equal(look(0, '4000', '4000'), 'harmless', 'SIGTERM with a handler');
    assert.equal(look(0, '4000', '0', '4000'), 'harmless', 'SIGTERM ignored');
    assert.equal(look(0, '4000', '0', '0', '4000'), 'harmless', 'SIGTERM blocked');
    assert.equal(look(0, '40000'), 'harmless', 'SIGSTOP');
    assert.equal(look(4, '100'), 'exiting');
    assert.equal(look(0x400100, '4'), 'fatal', 'SIGQUIT');
    assert.equal(pendingSignal(6, proc), 'unknown');
    assert.equal(pendingSignal(0), 'unknown');
  } finally {
    rmSync(proc, { recursive: true });
  }
});

test('a real process has nothing pending', async () => {
  const child = spawn('sleep', ['10'], { stdio: 'ignore' });
  await once(child, 'spawn');
  assert.equal(pendingSignal(child.pid ?? 0), 'harmless');
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.equal(pendingSignal(child.pid ?? 0), 'unknown');
});
